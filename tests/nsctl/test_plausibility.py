"""A record as it was written holds every check; each planted lie is found by the check that is meant for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nsctl.disturbance import Disturbance
from nsctl.evaluation import RunOptions, evaluate
from nsctl.plausibility import CHECKS, check
from nsctl.record_folder import StoredRun, read_record
from nsctl.records import EpisodeRecord, FigureRecord, MeterRecord, PhaseSeconds, RunRecord
from nsctl.run_config import RunConfig

Lie = Callable[[StoredRun], StoredRun]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    config = RunConfig("hanoi-1", agent="random", episodes=3, disturb=(Disturbance("push"),))
    done = evaluate(config, tmp_path_factory.mktemp("runs"), RunOptions(carbon=False))
    return read_record(done.folder)


def run(**fields: Any) -> Lie:
    return lambda stored: replace(stored, run=RunRecord.model_validate({**stored.run.model_dump(), **fields}))


def episode(change: Callable[[EpisodeRecord], dict[str, Any]], index: int = 1) -> Lie:
    def lie(stored: StoredRun) -> StoredRun:
        episodes = list(stored.episodes)
        episodes[index] = episodes[index].model_copy(update=change(episodes[index]))
        return replace(stored, episodes=tuple(episodes))

    return lie


def seconds(phase: str, **fields: Any) -> Lie:
    return episode(lambda e: {"seconds": {**e.seconds, phase: e.seconds[phase].model_copy(update=fields)}})


def joules(phase: str, **fields: Any) -> Lie:
    return episode(lambda e: {"joules": {**e.joules, phase: e.joules[phase].model_copy(update=fields)}})


def no_meter(stored: StoredRun) -> StoredRun:
    return run(meters=[{**m.model_dump(), "counts": False} for m in stored.run.meters])(stored)


def hot(stored: StoredRun) -> StoredRun:
    """Ten thousand times the joules, and every sum right."""

    def scaled(figure: FigureRecord) -> FigureRecord:
        return figure.model_copy(update={"value": None if figure.value is None else 1e4 * figure.value})

    return episode(lambda e: {"joules": {name: scaled(figure) for name, figure in e.joules.items()}})(stored)


def measured_in_a_guest(stored: StoredRun) -> StoredRun:
    rapl = MeterRecord(
        name="rapl",
        label="measured",
        granularity="phase",
        counts=True,
        why_not="",
        description={"virtual_machine": True},
    )
    return run(meters=(*stored.run.meters, rapl))(stored)


def only_a_gpu(stored: StoredRun) -> StoredRun:
    nvml = {"name": "nvml", "label": "measured", "granularity": "episode", "scope": "device", "counts": True}
    return run(meters=[{**nvml, "why_not": "", "description": {}}])(stored)


def copied(stored: StoredRun) -> StoredRun:
    """Episode 2 is episode 1 with another number and another start."""
    twin = stored.episodes[1].model_copy(update={"index": 2, "initial_hash": "feed"})
    return replace(stored, episodes=(*stored.episodes[:2], twin))


LIES: list[tuple[str, Lie, str]] = [
    ("complete", lambda s: replace(s, episodes=s.episodes[::2]), "1 of 3 episodes are missing: 1"),
    ("complete", run(status="interrupted"), "the run is interrupted, not complete"),
    ("sealed", run(episodes_sha256=None), "there is no episodes_sha256"),
    ("sealed", run(replay_sha256="0" * 64), "replay_sha256 is 000000000000..., that of the episodes is another"),
    ("sealed", episode(lambda e: {"success_at_end": True}), "that of the episodes is another"),
    ("outcomes", episode(lambda e: {"success_at_end": True}), "episode 1 timed_out, yet success_at_end is true"),
    (
        "outcomes",
        episode(lambda e: {"success_at_end": True, "outcome": e.outcome.model_copy(update={"status": "succeeded"})}),
        "episode 1 succeeded at the end, yet never once",
    ),
    ("outcomes", episode(lambda e: {"final_hash": None}), "episode 1 timed_out, yet a state hash is missing"),
    ("outcomes", episode(lambda e: {"steps": 10_000}), "episode 1 has 10000 control steps, the task ends after 180"),
    ("outcomes", episode(lambda e: {"disturbances": ({"kind": "lag"},)}), "disturbed by 'lag', which nobody asked for"),
    ("copies", copied, "episodes 1 and 2 end in the same state, though they began in different ones"),
    ("copies", copied, "(and 1 more)"),
    (
        "clocks",
        episode(lambda e: {"seconds": dict.fromkeys(e.seconds, PhaseSeconds(wall=1e-5, cpu=0.0))}),
        "episode 1 took 6e-05 s for 180 control steps: no simulator is as quick",
    ),
    ("clocks", seconds("policy", cpu=1e5), "episode 1 has 1e+05 CPU seconds in"),
    ("clocks", seconds("policy", wall=1e5), "the episodes took 1e+05 s, the run lasted"),
    ("clocks", seconds("policy", wall=-1e-3), "episode 1 has negative seconds"),
    ("clocks", run(ended="2026-01-01T00:00:00+00:00"), "before it started"),
    (
        "clocks",
        episode(lambda e: {"seconds": {**e.seconds, "dream": e.seconds["plan"]}}),
        "episode 1 has the phases dream",
    ),
    ("joules", joules("plan", value=7.0), "episode 1: agent is 0."),
    ("joules", joules("total", value=7.0), "episode 1: total is 7 J, its phases come to 0."),
    ("joules", joules("plan", value=None), "episode 1, plan: None J cannot be modelled"),
    ("joules", joules("plan", value=-0.1), "episode 1, plan: -0.1 J is negative"),
    ("joules", joules("plan", label="unavailable"), "J cannot be unavailable"),
    (
        "joules",
        joules("plan", label="measured"),
        "the meter 'modelled' gives modelled figures, this one cannot be measured",
    ),
    ("joules", joules("agent", label="measured"), "agent is measured, though a part is only modelled"),
    ("joules", joules("plan", source="rapl"), "the joules come from 'rapl', which does not count in run.json"),
    ("joules", no_meter, "the joules come from 'modelled', which does not count in run.json"),
    ("joules", joules("agent", value=None, label="unavailable"), "episode 1: agent is None, its parts are "),
    ("watts", hot, "modelled gives at most"),
    ("claims", run(grade="B"), "grade B, yet every meter that counts is a model: that is grade D"),
    ("claims", run(grade="A"), "grade A, yet every meter that counts is a model"),
    ("claims", lambda s: run(grade="C")(no_meter(s)), "grade C, yet no meter counts"),
    ("claims", lambda s: run(grade="A")(only_a_gpu(s)), "grade A, yet no meter of the whole machine counts"),
    ("claims", measured_in_a_guest, "rapl is called measured inside a virtual machine"),
    ("claims", run(privilege="pixels"), "the privilege class is pixels, the world's channels make it tracked"),
]


def test_a_record_as_it_was_written_holds_every_check(stored: StoredRun) -> None:
    told = check(stored)
    assert [(each.name, each.ok) for each in told] == [(name, True) for name in CHECKS]
    assert [each.sentence for each in told] == [right for _, right in CHECKS.values()]


@pytest.mark.parametrize(("name", "lie", "sentence"), LIES, ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(LIES)])
def test_a_planted_lie_is_found(stored: StoredRun, name: str, lie: Lie, sentence: str) -> None:
    (told,) = [each for each in check(lie(stored)) if each.name == name]
    assert not told.ok
    assert sentence in told.sentence


def test_every_check_is_tried() -> None:
    assert {name for name, _, _ in LIES} == set(CHECKS)


def test_a_task_that_nobody_has_here_is_no_reason_for_suspicion(stored: StoredRun) -> None:
    config = stored.run.config.model_copy(update={"task": "origami-3", "protocol": "else"})
    strange = replace(stored, run=stored.run.model_copy(update={"config": config}))
    assert {each.name for each in check(strange) if not each.ok} == set()


def test_the_hash_is_taken_over_the_fields_that_the_record_had(stored: StoredRun) -> None:
    lines = [json.dumps(e.replayable() | {"looks": 0}, sort_keys=True) for e in stored.episodes]
    assert run(replay_sha256=sha256(lines))(stored).run.replay_sha256 == stored.run.replay_sha256
    older = [EpisodeRecord.model_validate_json(e.model_dump_json(exclude={"looks"})) for e in stored.episodes]
    lines = [line.replace('"looks": 0, ', "") for line in lines]
    (told,) = [
        each
        for each in check(replace(run(replay_sha256=sha256(lines))(stored), episodes=tuple(older)))
        if each.name == "sealed"
    ]
    assert told.ok, told.sentence


def sha256(lines: list[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def test_partial_runs_that_were_merged_may_have_overlapped(stored: StoredRun) -> None:
    merged = run(merged=("a", "b"))(seconds("policy", wall=1e5)(stored))
    (told,) = [each for each in check(merged) if each.name == "clocks"]
    assert told.ok
