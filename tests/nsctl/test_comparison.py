"""Two records against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from samples import make_episode, make_run

from nsctl.bootstrap import Estimate
from nsctl.comparison import Comparison, compare, pairs, training
from nsctl.errors import Unfit
from nsctl.record_folder import StoredRun
from nsctl.records import DisturbanceRecord, EpisodeRecord, FigureRecord, HardwareRecord, MeterRecord, OutcomeRecord
from nsctl.statistics import mcnemar
from nsctl.verdict import cheaper, inverse, more_successful, verdict

WON = {"success_at_end": True, "success_once": True, "outcome": OutcomeRecord(status="succeeded", reason="")}


def episode(index: int, won: bool, joules: float | None = 3.0, **fields: Any) -> EpisodeRecord:
    made = make_episode(index, initial_hash=f"start {index}", **(WON if won else {}))
    agent = FigureRecord(value=joules, label="measured" if joules is not None else "unavailable", source="rapl")
    return made.model_copy(update={"joules": {**made.joules, "agent": agent}, **fields})


def stored(
    wins: str, joules: float | None = 3.0, name: str = "r", config: dict[str, Any] | None = None, **fields: Any
) -> StoredRun:
    """A record whose episodes succeeded (``+``) or failed (``-``), each at about so many joules."""
    run = make_run(len(wins), id=name, status="complete", **fields)
    run = run.model_copy(update={"config": run.config.model_copy(update=config or {})})
    spent = [None if joules is None else joules * (1 + index % 3 / 10) for index in range(len(wins))]
    episodes = tuple(episode(i, w == "+", j) for i, (w, j) in enumerate(zip(wins, spent, strict=True)))
    return StoredRun(Path("runs") / name, run, episodes)


def test_episodes_of_one_start_are_pairs() -> None:
    ours = [episode(0, True), episode(1, True), episode(2, True, initial_hash=None)]
    theirs = [episode(5, False, initial_hash="start 1"), episode(1, False, initial_hash="x"), ours[2]]
    assert [(a.index, b.index) for a, b in pairs(ours, theirs)] == [(1, 5)]
    elsewhere = [episode(0, True, task="another")]
    assert pairs(ours, elsewhere) == pairs(elsewhere, ours) == []


def test_a_start_that_recurs_pairs_as_it_comes_and_never_twice() -> None:
    same = [episode(index, True, initial_hash="x") for index in range(3)]
    assert [(a.index, b.index) for a, b in pairs(same, same[:2])] == [(0, 0), (1, 1)]


def test_success_is_judged_over_the_pairs_that_disagree() -> None:
    found = compare(stored("++++++++--"), stored("-------+--"))
    assert found.only == ((0, 1, 2, 3, 4, 5, 6), ())
    assert found.p == mcnemar(7, 0) == pytest.approx(2 / 2**7)
    assert more_successful(found) == 0
    assert [side.successes for side in found.sides] == [8, 1]
    assert compare(stored("-+"), stored("+-")).only == ((1,), (0,))


def test_what_has_no_partner_is_left_out_and_told() -> None:
    found = compare(stored("+" * 8), stored("+" * 5))
    assert [(side.episodes, side.left_out) for side in found.sides] == [(5, 3), (5, 0)]


def test_every_figure_of_a_side_is_of_the_pairs_alone() -> None:
    fields = {"label": "measured", "granularity": "phase", "scope": "process", "counts": True, "why_not": ""}
    meter = MeterRecord.model_validate({"name": "rapl", "description": {}, **fields})
    longer, partner = stored("+" * 6, meters=(meter,)), stored("+" * 3)
    dear = tuple(e if e.index < 3 else episode(e.index, True, 900.0) for e in longer.episodes)
    policy = FigureRecord(value=900.0, label="measured", source="rapl")
    dear = tuple(e if e.index < 3 else e.model_copy(update={"joules": {**e.joules, "policy": policy}}) for e in dear)
    one = compare(StoredRun(longer.folder, longer.run, dear), partner).sides[0]
    other = compare(longer, partner).sides[0]
    assert one.net.value is not None
    assert (one.joules, one.net, one.per_success) == (other.joules, other.net, other.per_success)


def test_joules_are_compared_as_ratios() -> None:
    found = compare(stored("+" * 60, 1.0), stored("+" * 30 + "-" * 30, 2.0))
    assert found.ratio_of_joules.value == pytest.approx(0.5)
    assert found.ratio_per_success.value == pytest.approx(0.25)
    assert cheaper(found) == 0
    assert cheaper(compare(stored("+" * 60, 2.0), stored("+" * 60, 1.0))) == 1
    assert cheaper(compare(stored("+" * 60, 1.0), stored("+" * 60, 1.0))) is None


def test_missing_joules_stay_missing() -> None:
    found = compare(stored("+" * 10, None), stored("+" * 10))
    assert found.ratio_per_success.value is None
    assert found.sides[0].per_success.value is None
    assert cheaper(found) is None


@pytest.mark.parametrize(
    ("name", "value"), [("task", "move"), ("task_version", 2), ("protocol", "q"), ("engine", "pybullet")]
)
def test_runs_of_two_kinds_are_refused_and_the_kind_is_named(name: str, value: Any) -> None:
    with pytest.raises(Unfit, match=rf"^r and s differ in their {name.replace('_', ' ')}: .* and {value!r}"):
        compare(stored("+"), stored("+", name="s", config={name: value}))


def test_unpaired_only_the_task_must_be_the_same() -> None:
    found = compare(stored("+" * 9), stored("-" * 9, config={"engine": "pybullet", "protocol": "q"}), paired=False)
    assert found.differences.unranked == ("protocol", "engine")
    assert (found.only, found.ratio_of_joules.value) == (((), ()), None)
    assert found.p < 0.001
    with pytest.raises(Unfit, match="differ in their task"):
        compare(stored("+"), stored("+", config={"task": "move"}), paired=False)


def test_runs_without_a_common_start_are_refused() -> None:
    one, other = stored("++"), stored("++", name="s")
    apart = StoredRun(other.folder, other.run, tuple(episode(i + 9, True) for i in range(2)))
    with pytest.raises(Unfit, match=r"no episode of r starts where one of s does \(their seeds are 0 and 0\)"):
        compare(one, apart)
    assert compare(one, apart, paired=False).sides[1].episodes == 2
    with pytest.raises(Unfit, match=r"runs/s has no episode yet"):
        compare(one, StoredRun(other.folder, other.run, ()), paired=False)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"privilege": "sim_truth"}, "privilege class"),
        ({"versions": {"mujoco": "9"}}, "simulator version"),
        ({"grade": "B"}, "meter grade"),
        ({"hardware": HardwareRecord(cpu="x", cores=1, memory_bytes=None, gpu=None)}, "processor"),
        ({"hardware": HardwareRecord(cpu=None, cores=1, memory_bytes=None, gpu="x")}, "GPU"),
        ({"config": {"workers": 2}}, "number of workers"),
    ],
)
def test_joules_of_unlike_runs_are_shown_but_not_ranked(fields: dict[str, Any], name: str) -> None:
    found = compare(stored("+" * 60, 1.0), stored("+" * 60, 2.0, **fields))
    assert found.differences.unranked == (name,)
    assert found.differences.warnings[0].startswith(f"{name} differs: ")
    assert found.ratio_per_success.value == pytest.approx(0.5)
    assert cheaper(found) is None
    assert f"joules are not ranked, since the runs differ in {name}" in verdict(found)


def test_other_differences_are_told_and_rank_all_the_same() -> None:
    config = {"disturb": (DisturbanceRecord(kind="hand", strength=1.0),), "pose_noise": 0.0}
    found = compare(stored("+" * 60, 1.0), stored("+" * 60, 2.0, config=config, code=None))
    assert found.differences.warnings == (
        "disturbance differs: none and hand 1",
        "error of the tracker in metres differs: 0.001 and 0.0",
        "code of nsctl differs: c0de and unknown",
    )
    assert cheaper(found) == 0


def test_a_record_that_is_not_complete_is_told() -> None:
    one = stored("+" * 6)
    partial = StoredRun(one.folder, one.run.model_copy(update={"status": "running"}), one.episodes[:2])
    assert compare(one, partial).differences.warnings == ("runs/r is not complete: 2 of 6 episodes",)


def test_trainings_are_set_against_what_an_episode_saves() -> None:
    def trained(joules: float) -> dict[str, Any]:
        return {"agent": {"training": {"joules": joules, "label": "modelled"}}}

    cheap, dear = stored("+" * 3, 1.0, **trained(1100.0)), stored("+" * 3, 2.0, **trained(0.0))
    assert training(cheap.run) == FigureRecord(value=1100.0, label="modelled", source="training")
    for found, side in ((compare(cheap, dear), 0), (compare(dear, cheap), 1)):
        assert found.break_even is not None
        assert found.break_even.side == side
        assert found.break_even.successes == pytest.approx(1000.0)
    assert compare(stored("+", 2.0, **trained(9.0)), stored("+", 1.0, **trained(0.0))).break_even.successes is None  # type: ignore[union-attr]
    assert compare(cheap, stored("+" * 3)).break_even is None
    assert compare(cheap, stored("+" * 3, 2.0, grade="A", **trained(0.0))).break_even is None, "joules are not ranked"
    lame = stored("+--", 1.0, **trained(0.0))  # 3.3 J a success
    assert compare(stored("+++", 2.0, **trained(10.0)), lame).break_even.successes == pytest.approx(10.0 / 1.1)  # type: ignore[union-attr]
    assert compare(cheap, stored("-" * 3, 0.1, **trained(0.0))).break_even is None, "nothing beats what never succeeds"
    for same in (0.0, 7.0):  # nobody was trained; both have the same weights
        assert compare(stored("+", 1.0, **trained(same)), stored("+", 2.0, **trained(same))).break_even is None


@pytest.mark.parametrize(
    "told",
    [
        None,
        "x",
        {},
        {"joules": None, "label": "measured"},
        {"joules": "9", "label": "measured"},
        {"joules": 9},
        {"joules": 9, "label": "guessed"},
        {"joules": True, "label": "measured"},
        {"joules": -9, "label": "measured"},
    ],
)
def test_a_training_that_nobody_tells_of_is_not_known(told: Any) -> None:
    assert training(make_run(agent={"training": told})) is None


VERDICTS = [
    (
        compare(stored("+" * 9 + "-"), stored("+" * 6 + "-" * 4)),
        "No difference in success is shown: A 9 of 10, B 6 of 10 (exact McNemar, p = 0.25); nor in joules per success: A "
        "uses 0.67 x those of B (95 % interval 0.33 to 1, measured). Provisional: 10 pairs, fewer than 50.",
    ),
    (
        compare(stored("+" * 60 + "-" * 5, 1.0), stored("+" * 40 + "-" * 25, 1.0)),
        "A succeeds more often than B: 60 of 65 against 40 of 65 (exact McNemar, p = 1.9e-06), and uses 0.67 x the "
        "joules per success (95 % interval 0.55 to 0.79, measured).",
    ),
    (
        compare(stored("+" * 40 + "-" * 25, 1.0), stored("+" * 60 + "-" * 5, 4.0)),
        "B succeeds more often than A: 60 of 65 against 40 of 65 (exact McNemar, p = 1.9e-06), but uses 2.7 x the "
        "joules per success (95 % interval 2.2 to 3.1, measured).",
    ),
    (
        compare(stored("+" * 8, 2.0), stored("+" * 8, 1.0)),
        "No difference in success is shown: A 8 of 8, B 8 of 8 (exact McNemar, p = 1); B uses 0.5 x the joules per "
        "success of A (95 % interval 0.5 to 0.5, measured). Provisional: 8 pairs, fewer than 50.",
    ),
    (
        compare(stored("+" * 3, 2.0), stored("+" * 3, 1.0)),
        "No difference in success is shown: A 3 of 3, B 3 of 3 (exact McNemar, p = 1); nor in joules per success: A "
        "uses 2 x those of B (too few for an interval, measured). Provisional: 3 pairs, fewer than 50.",
    ),
    (
        compare(stored("+" * 8), stored("-" * 8), paired=False),
        "A succeeds more often than B: 8 of 8 against 0 of 8 (Fisher’s exact test, p = 0.00016); joules per success "
        "cannot be compared, since B never succeeded. Provisional: 8 episodes, fewer than 50.",
    ),
    (
        compare(stored("+"), stored("+", None)),
        "No difference in success is shown: A 1 of 1, B 1 of 1 (exact McNemar, p = 1); joules are not ranked, since "
        "the runs differ in label of joules. Provisional: 1 pair, fewer than 50.",
    ),
]


@pytest.mark.parametrize(("found", "sentence"), VERDICTS)
def test_the_verdict_is_a_sentence(found: Comparison, sentence: str) -> None:
    assert verdict(found) == sentence


def test_the_verdict_takes_other_names() -> None:
    assert verdict(VERDICTS[1][0], ("nesy", "scripted")).startswith("nesy succeeds more often than scripted: 60 of 65")


def test_a_ratio_seen_from_the_other_side() -> None:
    assert inverse(Estimate(4.0, 2.0, 8.0)) == Estimate(0.25, 0.125, 0.5)
    assert inverse(Estimate(4.0, 2.0, None)) == Estimate(0.25, 0.0, 0.5)
    assert inverse(Estimate(4.0, 0.0, 8.0)) == Estimate(0.25, 0.125, None)
    assert inverse(Estimate(4.0, None, None)) == Estimate(0.25, None, None)
