"""Atoms from poses: tidy towers, and the untidy states that a meddling hand leaves."""

from __future__ import annotations

import numpy as np
import pytest

from envs.tasks.hanoi import Hanoi
from nsctl import registry
from nsctl.errors import UnknownName
from nsctl.scene import ObjectEstimate, Pose, Proprioception, SceneEstimate
from nsctl.symbolic import Atom, Literal, Operator, Problem
from policies.perception.geometric import GeometricGrounder

TASK = Hanoi(3)
FAR = Pose([0.4, 0.0, 0.4])


def problem() -> Problem:
    return TASK.brief().problem(registry.load("planners", "clingo")().domain(TASK.domain_pddl))


def scene(poses: dict[str, Pose], *, hand: Pose = FAR, gripper: float = 0.08) -> SceneEstimate:
    proprio = Proprioception(np.zeros(7), hand, hand, gripper, -1.0)
    return SceneEstimate(proprio, {n: ObjectEstimate(TASK.body(n), p, 0.001, "estimated") for n, p in poses.items()})


def tower() -> dict[str, Pose]:
    return dict(TASK.layout({"left": TASK.discs[::-1]}, np.random.default_rng(0)).poses)


def atoms(poses: dict[str, Pose], **hand: object) -> set[str]:
    state = GeometricGrounder()(scene(poses, **hand), problem())  # type: ignore[arg-type]
    return {str(atom) for atom in state if atom.predicate != "smaller"}


TIDY = {
    "on(disc1, disc2)", "on(disc2, disc3)", "on(disc3, left)", "clear(disc1)", "clear(middle)", "clear(right)",
    "clear(table)", "handempty",
}  # fmt: skip


def test_a_tidy_tower() -> None:
    assert atoms(tower()) == TIDY


def test_static_facts_come_from_the_problem() -> None:
    state = GeometricGrounder()(scene(tower()), problem())
    assert Atom("smaller", ("disc1", "disc3")) in state


def test_a_lifted_disc_is_held_and_the_hand_not_empty() -> None:
    poses = tower()
    hand = Pose(poses["disc1"].position + [0, 0, 0.08])
    poses["disc1"] = hand
    assert atoms(poses, hand=hand, gripper=0.0405) == TIDY - {"on(disc1, disc2)", "clear(disc1)", "handempty"} | {
        "holding(disc1)",
        "clear(disc2)",
    }


def test_a_disc_between_open_fingers_is_not_held() -> None:
    poses = tower()
    assert "handempty" in atoms(poses, hand=poses["disc1"], gripper=0.08)


def test_a_gripped_disc_that_still_rests_is_on_its_support() -> None:
    poses = tower()
    assert atoms(poses, hand=poses["disc1"], gripper=0.0405) == TIDY


def test_a_fallen_disc_lies_on_the_table() -> None:
    poses = tower() | {"disc1": Pose([0.40, 0.10, 0.020])}
    assert atoms(poses) == TIDY - {"on(disc1, disc2)"} | {"on(disc1, table)", "clear(disc2)"}


@pytest.mark.parametrize(("place", "y"), [("middle", 0.04), ("middle", -0.035)])
def test_a_disc_that_leaves_no_room_occupies_the_place(place: str, y: float) -> None:
    assert {f"on(disc1, {place})", "clear(disc1)"} <= (found := atoms(tower() | {"disc1": Pose([0.50, y, 0.020])}))
    assert f"clear({place})" not in found


def test_where_the_goal_wants_it_a_disc_must_be_put_well() -> None:
    """Four centimetres off, disc 3 occupies the left place, but is not yet where the goal has it on the right."""
    bare = {name: pose for name, pose in tower().items() if name != "disc3"}
    apart = bare | {"disc1": Pose([0.40, 0.10, 0.020]), "disc2": Pose([0.60, 0.10, 0.0225])}
    assert "on(disc3, left)" in atoms(apart | {"disc3": Pose(bare["left"].position + [0.04, 0, 0.025])})
    beside = atoms(apart | {"disc3": Pose(bare["right"].position + [0.04, 0, 0.025])})
    assert {"on(disc3, table)", "clear(right)"} <= beside
    assert "on(disc3, right)" in atoms(apart | {"disc3": Pose(bare["right"].position + [0.02, 0, 0.025])})


def test_a_disc_that_leans_on_another_is_on_it() -> None:
    tilted = np.array([np.cos(0.2), 0.0, np.sin(0.2), 0.0])
    leaning = Pose(tower()["disc3"].position + [0.04, 0, 0.03], tilted)
    found = atoms(tower() | {"disc2": Pose([0.4, 0.1, 0.0225]), "disc1": leaning})
    assert {"on(disc1, disc3)", "clear(disc1)"} <= found
    assert "clear(disc3)" not in found


def test_every_object_is_held_or_on_one_thing() -> None:
    """Whatever the mess: what is picked frees what it was on."""
    rng = np.random.default_rng(4)
    for _ in range(200):
        mess = {d: Pose(rng.uniform([0.4, -0.25, 0.02], [0.6, 0.25, 0.12])) for d in TASK.discs}
        state = GeometricGrounder()(scene(tower() | mess), problem())
        on = [atom.arguments for atom in state if atom.predicate == "on"]
        assert sorted(disc for disc, _ in on) == list(TASK.discs)
        clear = {atom.arguments[0] for atom in state if atom.predicate == "clear"}
        assert clear == {*tower(), "table"} - {support for _, support in on if support != "table"}


def test_a_fluent_that_cannot_be_seen_is_refused() -> None:
    from dataclasses import replace

    from nsctl.symbolic import Predicate

    domain = problem().domain
    painted = Operator("paint", effects=(Literal(Atom("painted")),))
    wider = replace(
        domain, predicates=(*domain.predicates, Predicate("painted")), operators=(*domain.operators, painted)
    )
    strange = replace(problem(), domain=wider)
    with pytest.raises(UnknownName, match="predicate that the geometric grounder can see is called 'painted'"):
        GeometricGrounder()(scene(tower()), strange)
