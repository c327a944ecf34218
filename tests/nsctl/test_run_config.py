"""What a run is to do."""

from __future__ import annotations

import pytest

from nsctl.disturbance import Disturbance
from nsctl.errors import InvalidValue
from nsctl.run_config import RunConfig

PUSH = Disturbance("push", 0.5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"episodes": 0}, "episodes must be >= 1, got 0"),
        ({"seed": -1}, "seed must be >= 0, got -1"),
        ({"workers": 0}, "workers must be >= 1, got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(fields: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        RunConfig("hanoi-1", **fields)  # type: ignore[arg-type]


def test_the_world_is_set_up_as_asked() -> None:
    options = RunConfig("hanoi-1", engine="other", disturb=(PUSH,), pose_noise=0.002).options(video=True)
    assert (options.engine, options.disturb, options.pose_noise, options.video) == ("other", (PUSH,), 0.002, True)
    assert options.cameras == ()
