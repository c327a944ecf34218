"""Runs: kept as they go, gone on with where they stopped, the same however they were played."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from samples import Install, comparable

from nsctl import evaluation, tasks
from nsctl.disturbance import Disturbance
from nsctl.errors import InvalidValue, NsctlError, RecordError, UnknownName
from nsctl.evaluation import Evaluation, RunInterrupted, RunOptions, evaluate, load, resume
from nsctl.metering import CarefulMeter
from nsctl.record_folder import read_record
from nsctl.records import EpisodeRecord
from nsctl.run_config import RunConfig

CONFIG = RunConfig("hanoi-1", agent="scripted", episodes=4, disturb=(Disturbance("hand"), Disturbance("lag", 0.5)))
QUIET = RunOptions(carbon=False)


class Stopper:
    """A listener that presses Ctrl-C after some episodes, or breaks."""

    live = False

    def __init__(self, after: int, error: BaseException) -> None:
        self.left, self.error, self.before = after, error, -1

    def begin(self, config: RunConfig, done: Sequence[EpisodeRecord]) -> None:
        self.before = len(done)

    def step(self, episode: int, steps: int, subgoal: str) -> None:
        raise AssertionError("nobody asked for steps")

    def ended(self, episode: EpisodeRecord) -> None:
        self.left -= 1
        if self.left == 0:
            raise self.error


def played(done: Evaluation) -> list[dict[str, Any]]:
    return [comparable(episode) for episode in read_record(done.folder).episodes]


def interrupt(runs: Path, after: int = 2, config: RunConfig = CONFIG) -> Path:
    with pytest.raises(RunInterrupted) as stop:
        evaluate(config, runs, RunOptions(carbon=False, listener=Stopper(after, KeyboardInterrupt())))
    assert stop.value.done == after
    return stop.value.folder


def edit(folder: Path, key: str, value: Any) -> None:
    fields = json.loads((folder / "run.json").read_text())
    *path, last = key.split("/")
    inner = fields
    for name in path:
        inner = inner[name]
    inner[last] = value
    (folder / "run.json").write_text(json.dumps(fields))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    return evaluate(CONFIG, tmp_path_factory.mktemp("runs"), QUIET)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    return interrupt(tmp_path, 1)


def test_a_run_leaves_a_complete_record(whole: Evaluation) -> None:
    stored = read_record(whole.folder)
    assert stored.run == whole.run
    assert (stored.run.status, len(stored.episodes)) == ("complete", 4)
    assert stored.run.privilege == "tracked"
    assert stored.run.config.task_version == tasks.find("hanoi-1").version
    assert set(stored.run.agent["skills"]) >= {"pick", "place"}  # type: ignore[arg-type]
    assert (stored.run.wall_seconds or 0) > 0
    assert stored.run.started < (stored.run.ended or "")
    assert [m.name for m in stored.run.meters if m.counts]
    assert all(m.counts or m.granularity == "run" or m.why_not or m.name == "modelled" for m in stored.run.meters)
    assert load(whole.folder).summary == whole.summary
    assert whole.summary.disturbed >= 1


def test_two_workers_write_the_same_episodes_as_one(whole: Evaluation, tmp_path: Path) -> None:
    both = evaluate(replace(CONFIG, workers=2), tmp_path, QUIET)
    assert played(both) == played(whole)
    assert both.run.replay_sha256 == whole.run.replay_sha256 is not None
    assert both.run.status == "complete"
    assert both.run.config.protocol == whole.run.config.protocol


def test_another_seed_is_another_run(whole: Evaluation, tmp_path: Path) -> None:
    other = evaluate(replace(CONFIG, seed=1, episodes=1), tmp_path, QUIET)
    assert played(other)[0]["initial_hash"] != played(whole)[0]["initial_hash"]


def test_ctrl_c_leaves_a_valid_record_that_ends_as_if_nothing_had_happened(whole: Evaluation, tmp_path: Path) -> None:
    folder = interrupt(tmp_path)
    stored = read_record(folder)
    assert (stored.run.status, len(stored.episodes), stored.run.episodes_sha256) == ("interrupted", 2, None)
    listener = Stopper(99, KeyboardInterrupt())
    done = resume(folder, RunOptions(carbon=False, listener=listener))
    assert listener.before == 2
    assert played(done) == played(whole)
    assert done.run.status == "complete"
    assert (done.run.wall_seconds or 0) > (stored.run.wall_seconds or 0) > 0


def test_ctrl_c_with_two_workers_keeps_what_had_ended(whole: Evaluation, tmp_path: Path) -> None:
    folder = interrupt(tmp_path, 1, replace(CONFIG, workers=2))
    assert read_record(folder).run.status == "interrupted"
    assert played(resume(folder, QUIET)) == played(whole)


def test_a_complete_record_needs_nothing_more(whole: Evaluation) -> None:
    before = (whole.folder / "run.json").read_bytes()
    assert resume(whole.folder, QUIET) == whole
    assert (whole.folder / "run.json").read_bytes() == before


def test_a_failure_says_what_is_kept(tmp_path: Path) -> None:
    with pytest.raises(NsctlError, match="the disk is full; 1 of 4 episodes are kept; go on with `nsctl run --resume "):
        evaluate(CONFIG, tmp_path, RunOptions(carbon=False, listener=Stopper(1, NsctlError("the disk is full"))))
    (folder,) = tmp_path.iterdir()
    assert read_record(folder).run.status == "interrupted"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("config/task_version", 7, "config task_version was 7 and is 2 now"),
        ("config/protocol", "old", "config protocol was 'old' and is '"),
        ("versions/mujoco", "1.0", "versions mujoco was '1.0' and is '"),
        ("versions/lost", "1.0", "versions lost was '1.0' and is None now"),
        ("agent/planner/clingo", "1.0", "agent planner.clingo was '1.0' and is '5"),
        ("agent/skills/pick/kind", "other", "agent skills.pick.kind was 'other' and is 'scripted' now"),
        ("world/timestep", 1.0, "world timestep was 1.0 and is 0.00"),
        ("code", "0ld", "code was '0ld' and is '"),
        ("hardware/cpu", "Z80", "hardware cpu was 'Z80' and is "),
    ],
)
def test_a_run_is_not_gone_on_with_once_something_has_changed(
    interrupted: Path, key: str, value: Any, message: str
) -> None:
    edit(interrupted, key, value)
    with pytest.raises(RecordError, match=f"cannot be gone on with: {message}.*; start a new run"):
        resume(interrupted, QUIET)
    assert read_record(interrupted).run.status == "interrupted"


def test_names_are_checked_before_anything_is_written(tmp_path: Path) -> None:
    for config, near in (
        (replace(CONFIG, task="hanoy-1"), "hanoi-1"),
        (replace(CONFIG, agent="scriptde"), "scripted"),
        (replace(CONFIG, engine="mujocco"), "mujoco"),
    ):
        with pytest.raises(UnknownName, match=f"Did you mean '{near}'"):
            evaluate(config, tmp_path, QUIET)
    assert list(tmp_path.iterdir()) == []


def test_codecarbon_s_fields_are_kept_and_its_failure_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Meter:
        name, label, granularity, scope, update_seconds = "codecarbon", "modelled", "run", "process", 1.0

        def start(self) -> None:
            return None

        def stop(self) -> dict[str, float]:
            return {"energy_consumed": 0.5}

    one = RunConfig("hanoi-1", agent="random", episodes=1)
    meter = CarefulMeter(Meter())  # type: ignore[arg-type]
    monkeypatch.setattr(evaluation, "_carbon_meter", lambda workers: (meter, ""))
    assert evaluate(one, tmp_path).run.carbon == ({"energy_consumed": 0.5},)
    assert evaluate(one, tmp_path, QUIET).run.carbon == ()
    monkeypatch.setattr(Meter, "stop", lambda self: 1 / 0)
    broken = evaluate(one, tmp_path)
    assert broken.run.carbon == ({"error": "ZeroDivisionError: division by zero"},)
    assert broken.run.status == "complete"


def test_codecarbon_itself_meters_a_run(tmp_path: Path) -> None:
    (fields,) = evaluate(RunConfig("hanoi-1", agent="random", episodes=1), tmp_path).run.carbon
    assert fields["energy_consumed"] > 0  # type: ignore[operator]
    assert fields["cpu_mode"]


def test_codecarbon_is_left_out_where_others_do_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "survey", lambda: pytest.fail("nobody shall look for codecarbon"))
    assert evaluation._carbon_meter(2) == (
        None,
        "codecarbon meters the process that it runs in, and 2 others do the work",
    )
    monkeypatch.undo()
    two = RunConfig("hanoi-1", agent="random", episodes=1, workers=2)
    (told,) = evaluate(two, tmp_path).run.carbon
    assert list(told) == ["unavailable"]
    assert evaluate(two, tmp_path, QUIET).run.carbon == ()


def test_a_codecarbon_that_does_not_start_is_told_of(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    from energy.meters.carbon import CodecarbonMeter

    def fail(self: CodecarbonMeter) -> None:
        raise OSError("no config")

    monkeypatch.setattr(CodecarbonMeter, "start", fail)
    install("nobody", "", {})  # what was found out about meters is forgotten
    meter, why = evaluation._carbon_meter(1)
    assert meter is None
    assert why == "the meter 'codecarbon' of nsctl does not start: OSError: no config"


def test_a_folder_that_takes_no_film_is_refused_before_anything_is_played(tmp_path: Path, interrupted: Path) -> None:
    (tmp_path / "file").write_text("")
    options = replace(QUIET, video=tmp_path / "file" / "films")
    for begin in (lambda: evaluate(CONFIG, tmp_path / "new", options), lambda: resume(interrupted, options)):
        with pytest.raises(InvalidValue, match=r"no film can be written to .*file/films: Not a directory"):
            begin()
    assert not (tmp_path / "new").exists()
    assert len(read_record(interrupted).episodes) == 1
