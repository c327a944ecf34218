"""Episodes that are played again agree, unless the record lies or something that decides them has changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samples import Install, make_episode

from nsctl.disturbance import Disturbance
from nsctl.errors import InvalidValue, NsctlError, RecordError
from nsctl.evaluation import RunOptions, evaluate
from nsctl.record_folder import read_record
from nsctl.records import EpisodeRecord, FigureRecord, PhaseSeconds, RobotWork, replay_sha256
from nsctl.run_config import RunConfig
from nsctl.verification import Attestation, hashes
from nsctl.verifier import compare, difference, pick, verify

EPISODES = 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = RunConfig("hanoi-1", agent="scripted", episodes=EPISODES, seed=5, disturb=(Disturbance("hand"),))
    return evaluate(config, tmp_path_factory.mktemp("runs"), RunOptions(carbon=False)).folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(whole, tmp_path / whole.name))


def forge(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]], index: int = 2) -> None:
    """Change an episode as a careful forger would: all hashes right."""
    stored = read_record(folder)
    fields = [json.loads(e.model_dump_json()) for e in stored.episodes]
    fields[index] |= change(fields[index])
    content = "".join(json.dumps(f) + "\n" for f in fields)
    (folder / "episodes.jsonl").write_text(content)
    episodes = [EpisodeRecord.model_validate_json(line) for line in content.splitlines()]
    edit(folder, episodes_sha256=hashes(folder)[1], replay_sha256=replay_sha256(episodes))


def edit(folder: Path, **fields: Any) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def found(folder: Path, sample: int = EPISODES, seed: int = 0) -> Attestation:
    return verify(folder, sample, seed)[1]


def test_every_episode_of_an_honest_record_agrees(whole: Path) -> None:
    before = {path.name: path.read_bytes() for path in whole.iterdir()}
    told: list[tuple[int, int]] = []
    stored, attestation = verify(whole, 99, 1, "an examiner", lambda done, of: told.append((done, of)))
    assert stored == read_record(whole)
    assert [(r.index, r.start, r.success, r.end, r.agrees, r.difference) for r in attestation.replays] == [
        (index, True, True, True, True, "") for index in range(EPISODES)
    ]
    assert (attestation.changes, attestation.consistent, attestation.tier) == ((), True, "re-run")
    assert (attestation.run_sha256, attestation.episodes_sha256) == hashes(whole)
    assert (attestation.by, attestation.seed, attestation.episodes) == ("an examiner", 1, EPISODES)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == before  # it is the caller who writes


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda e: {"final_hash": "feed"}, "final_hash: 'feed', now '"),
        (lambda e: {"initial_hash": "feed"}, "initial_hash: 'feed', now '"),
        (lambda e: {"steps": e["steps"] + 1}, "steps: "),
        (lambda e: {"plan_length": None}, "plan_length: None, now 2"),
        (lambda e: {"skills": e["skills"][:-1]}, "skills."),
        (lambda e: {"skills": [e["skills"][0] | {"steps": 7}, *e["skills"][1:]]}, "skills.0.steps: 7, now "),
        (lambda e: {"disturbances": [e["disturbances"][0] | {"step": 0}]}, "disturbances.0.step: 0, now "),
        (lambda e: {"looks": 3}, "looks: 3, now 0"),
    ],
)
def test_a_forged_episode_is_found_and_where_it_differs(
    folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]], told: str
) -> None:
    forge(folder, change)
    attestation = found(folder)
    assert attestation.consistent, [check for check in attestation.checks if not check.ok]
    assert [replay.agrees for replay in attestation.replays] == [True, True, False, True]
    assert attestation.replays[2].difference.startswith(told)
    assert (attestation.contradicts, attestation.tier) == (True, "self-reported")


def test_a_success_that_was_none_is_named(folder: Path) -> None:
    lost = {"success_once": False, "success_at_end": False, "outcome": {"status": "failed", "reason": "gave up"}}
    forge(folder, lambda e: lost)
    replay = found(folder).replays[2]
    assert (replay.start, replay.success, replay.end, replay.agrees) == (True, False, True, False)
    assert replay.difference == "outcome.status: 'failed', now 'succeeded'"


def test_a_forged_record_is_caught_only_if_the_episode_is_in_the_sample(folder: Path) -> None:
    forge(folder, lambda e: {"final_hash": "feed"})
    caught = {seed: not found(folder, 1, seed).agrees for seed in range(6)}
    assert set(caught.values()) == {True, False}


@pytest.mark.parametrize(
    ("fields", "what", "was"),
    [
        ({"code": "0ld"}, "code", "'0ld'"),
        ({"versions": {}}, "versions python", "None"),
        ({"hardware": {"cpu": "Z80", "cores": 64, "memory_bytes": None, "gpu": None}}, "hardware cpu", "'Z80'"),
    ],
)
def test_a_difference_is_expected_where_something_has_changed(
    folder: Path, fields: dict[str, Any], what: str, was: str
) -> None:
    edit(folder, **fields)
    assert found(folder).tier == "re-run"  # nothing differs all the same
    forge(folder, lambda e: {"final_hash": "feed"})
    attestation = found(folder)
    assert (what, was) in [(change.what, change.was) for change in attestation.changes]
    assert (attestation.agrees, attestation.contradicts, attestation.tier) == (False, False, "checked")


def test_a_class_that_is_not_that_of_the_world_is_found_whatever_the_record_says_of_its_channels(folder: Path) -> None:
    world = json.loads((folder / "run.json").read_text())["world"]
    edit(folder, privilege="pixels", world={**world, "channels": {"images": "pixels"}})
    assert found(folder, 0).consistent, "nothing was played, and the record agrees with itself"
    attestation = found(folder)
    wrong = [check.sentence for check in attestation.checks if not check.ok]
    assert wrong == ["the record says pixels, the world that was played in makes it tracked"]
    assert (attestation.agrees, attestation.tier) == (True, "self-reported")


def test_nothing_is_played_unless_it_is_asked_for(folder: Path) -> None:
    config = json.loads((folder / "run.json").read_text())["config"]
    edit(folder, config={**config, "agent": "scriptde"})
    attestation = found(folder, 0)
    assert (attestation.replays, attestation.changes, attestation.tier) == ((), (), "checked")
    with pytest.raises(NsctlError, match=r"nothing can be re-run: no agent is called 'scriptde'.*--sample 0 checks"):
        found(folder, 1)
    with pytest.raises(InvalidValue, match="sample must be >= 0, got -1"):
        found(folder, -1)


def test_what_is_no_whole_record_is_refused(folder: Path) -> None:
    with (folder / "episodes.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(RecordError, match="was changed after the run was complete"):
        found(folder)
    with pytest.raises(RecordError, match="is no whole record"):
        found(folder / "nowhere")


def test_an_errored_episode_agrees_if_it_breaks_again(install: Install, tmp_path: Path) -> None:
    code = (
        "from nsctl.agents.random import RandomAgent\nclass Faulty(RandomAgent):\n    name = 'faulty'\n"
        "    def act(self, observation): raise RuntimeError('fuse blown')\n"
    )
    install("faulty", code, {"agents:faulty": "faulty:Faulty"})
    done = evaluate(RunConfig("hanoi-1", agent="faulty", episodes=2), tmp_path, RunOptions(carbon=False))
    assert done.summary.errors == 2
    attestation = found(done.folder)
    assert (attestation.consistent, attestation.tier) == (True, "re-run")


def test_a_sample_is_decided_by_its_seed_and_drawn_from_all() -> None:
    episodes = [make_episode(index) for index in range(50)]
    drawn = {seed: [e.index for e in pick(episodes, 5, seed)] for seed in range(200)}
    assert drawn[3] == [e.index for e in pick(episodes, 5, 3)] == sorted(set(drawn[3]))
    assert {index for sample in drawn.values() for index in sample} == set(range(50))
    assert [e.index for e in pick(episodes, 99, 0)] == list(range(50))


WORK = RobotWork(absolute=1.0, positive=1.0, net=0.5, torque_squared=2.0)


def test_a_field_that_the_record_does_not_know_is_not_compared() -> None:
    played = make_episode(0, robot=WORK, looks=2)
    older = EpisodeRecord.model_validate_json(make_episode(0).model_dump_json(exclude={"looks", "robot"}))
    assert difference(older, played) == ""
    assert difference(make_episode(0, looks=0, robot=None), played) == "looks: 0, now 2"
    worked = make_episode(0, robot=WORK.model_copy(update={"net": 0.25}))
    assert difference(worked, make_episode(0, robot=WORK)) == "robot.net: 0.25, now 0.5"
    assert (
        difference(worked, make_episode(0))
        == "robot: {'absolute': 1.0, 'positive': 1.0, 'net': 0.25, 'torque_squared': 2.0}, now None"
    )


def test_seconds_and_joules_may_differ() -> None:
    one, free = make_episode(0), FigureRecord(value=0.0, label="modelled", source="modelled")
    quick = dict.fromkeys(one.seconds, PhaseSeconds(wall=0.1, cpu=0.1))
    assert compare(one, make_episode(0, run="s", seconds=quick, joules=dict.fromkeys(one.joules, free))).agrees
