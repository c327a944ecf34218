"""Bodies and cameras that are not as they were."""

from __future__ import annotations

import numpy as np
import pytest
from stage import Stage, at, block, roof

from envs.disturbances.alterations import FRICTION, MASS, SHIFT, CameraShift, Friction, Mass, _Alteration


@pytest.mark.parametrize(("kind", "what", "most"), [(Friction, "friction", FRICTION), (Mass, "mass", MASS)])
@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_one_log_uniform_factor_for_every_loose_body(
    kind: type[_Alteration], what: str, most: float, strength: float
) -> None:
    factors = []
    for seed in range(200):
        scene = Stage(
            [block("a"), block("b"), roof("lid", (0.1, 0.1, 0.01))], dict.fromkeys(["a", "b", "lid"], at(0, 0))
        )
        told = kind(strength, np.random.default_rng(seed), scene, scene).begin() or {}  # type: ignore[arg-type]
        assert scene.moves == [("alter", name, {what: told["factor"]}) for name in ("a", "b")]
        factors.append(told["factor"])
    logs = np.log(factors) / np.log(most) / strength
    assert np.abs(logs).max() <= 1.001
    assert np.abs(logs.mean()) < 0.15
    assert logs.std() == pytest.approx(1 / np.sqrt(3), rel=0.15)


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_each_fixed_camera_is_moved_as_far_as_it_says(strength: float) -> None:
    scene = Stage([], {})
    told = CameraShift(strength, np.random.default_rng(0), scene, scene).begin() or {}  # type: ignore[arg-type]
    assert [(what, name) for what, name, _ in scene.moves] == [("move_camera", "front"), ("move_camera", "side")]
    for _, name, shift in scene.moves:
        assert np.linalg.norm(shift) == pytest.approx(SHIFT * strength, rel=1e-3)
        assert told["shift"][name] == shift.tolist()
    assert scene.moves[0][2] != pytest.approx(scene.moves[1][2])
