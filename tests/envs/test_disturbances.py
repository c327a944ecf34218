"""Every kind of disturbance in a world: seeded, recorded, independent of the others, and nothing at strength 0."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from envs.disturbances import EFFECTS
from envs.tasks.hanoi import HanoiSuite
from envs.world import TableWorld
from nsctl.contracts import SuiteOptions
from nsctl.disturbance import KINDS, parse
from nsctl.errors import InvalidValue

DOCS = Path(__file__).parents[2] / "docs" / "disturbances.md"
Events = Sequence[Mapping[str, Any]]


def world(*kinds: str, **options: Any) -> TableWorld:
    suite = HanoiSuite()
    return suite.world(suite.task("hanoi-2"), SuiteOptions(disturb=tuple(map(parse, kinds)), **options))


def played(made: TableWorld, episode: int = 0, steps: int = 175) -> tuple[Events, str]:
    """An episode in which the arm takes the upper disc, lifts it and carries it aside: what happened, how it ended."""
    made.reset(11, episode)
    for step in range(steps):
        reach = made.truth()["disc1"].position - made._engine.tcp.position
        lift, carry = np.array([0.0, 0.0, 0.03]), np.array([0.0, -0.02, 0.0])
        move = 8 * reach if step < 40 else 10 * (lift * (50 <= step < 60) + carry * (60 <= step < 75))
        grip = 1.0 if step >= 40 else -1.0
        made.step(np.array([*np.clip(move, -0.5, 0.5), 0, 0, 0, grip], dtype=np.float32))
    return made.disturbances, made.state_hash()


@pytest.fixture(scope="module")
def plain() -> Iterable[TableWorld]:
    made = world()
    yield made
    made.close()


def test_every_kind_that_can_be_asked_for_is_there() -> None:
    assert set(EFFECTS) == set(KINDS)


def test_the_page_has_a_row_for_every_kind() -> None:
    rows = [line.split("`")[1] for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    assert set(KINDS) <= set(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_it_happens_is_recorded_and_repeats_itself(kind: str) -> None:
    first, second = world(kind), world(kind)
    events, ended = played(first, episode=1)
    assert played(second, episode=1) == (events, ended)
    assert played(first, episode=1) == (events, ended)
    assert len(events) == 1
    (event,) = events
    assert list(event)[:3] == ["step", "kind", "strength"]
    assert (event["kind"], event["strength"]) == (kind, 1.0)
    assert json.loads(json.dumps(event)) == event
    first.close(), second.close()


@pytest.mark.parametrize("kind", ["push", "snatch", "hand", "slip", "lag", "mass"])
def test_it_changes_what_happens(kind: str, plain: TableWorld) -> None:
    made = world(kind)
    assert played(made, episode=1)[1] != played(plain, episode=1)[1]
    made.close()


@pytest.mark.parametrize("kind", ["noise", "dropout", "camera"])
def test_sensors_alone_change_nothing_of_the_world(kind: str, plain: TableWorld) -> None:
    made = world(kind)
    assert played(made, episode=1)[1] == played(plain, episode=1)[1]
    made.close()


def test_strength_0_does_nothing(plain: TableWorld) -> None:
    made = world(*(f"{kind}:0" for kind in KINDS))
    assert played(made) == ((), played(plain)[1])
    made.close()


def test_one_more_changes_nothing_that_another_draws() -> None:
    alone, together = [], world("camera", "noise", "dropout", "snatch")
    for kind in ("snatch", "noise", "dropout", "camera"):
        made = world(kind)
        alone += played(made)[0]
        made.close()
    assert sorted(map(str, played(together)[0])) == sorted(map(str, alone))
    together.close()


def test_the_order_in_which_they_are_named_does_not_matter() -> None:
    one, other = world("lag", "push", "noise"), world("noise", "lag", "push")
    assert played(one) == played(other)
    one.close(), other.close()


def test_episodes_differ() -> None:
    made = world("friction")
    assert len({played(made, episode, steps=1)[0][0]["factor"] for episode in range(5)}) == 5
    made.close()


def test_a_push_really_moves_the_body_it_names() -> None:
    made = world("push")
    made.reset(11, 0)
    still = np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32)
    while not made.disturbances:
        before = made.truth()
        made.step(still)
    for _ in range(20):
        made.step(still)
    (event,) = made.disturbances
    assert event["body"] == "disc1"
    assert np.linalg.norm(made.truth()["disc1"].position - before["disc1"].position) > 0.01
    made.close()


def test_a_late_command_moves_the_target_late() -> None:
    prompt, late = world(), world("lag")
    prompt.reset(0, 0), late.reset(0, 0)
    actions = np.random.default_rng(0).uniform(-0.2, 0.2, (12, 7)).astype(np.float32)
    targets = [[w.step(a).proprio.target.position for a in actions] for w in (prompt, late)]
    np.testing.assert_allclose(np.diff(targets[1], axis=0)[2:], np.diff(targets[0], axis=0)[:-2], atol=1e-12)
    prompt.close(), late.close()


def test_a_disturbed_tracker_does_not_confess() -> None:
    quiet, noisy = world(), world("noise:5", "dropout")
    for made in (quiet, noisy):
        made.reset(0, 0)
    still = np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32)
    seen = [[w.step(still) for _ in range(170)] for w in (quiet, noisy)]
    assert {o.object_sigma for o in seen[0]} == {o.object_sigma for o in seen[1]}
    assert quiet.channels == noisy.channels
    quiet.close(), noisy.close()


def test_a_kind_that_is_asked_for_twice_is_refused() -> None:
    with pytest.raises(InvalidValue, match="the disturbance push is asked for twice"):
        world("push", "push:2")
