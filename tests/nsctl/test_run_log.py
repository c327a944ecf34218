"""Logs are guests of a run: told of every episode and of its sum, and unable to spoil it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from samples import make_episode

from nsctl import log_tools
from nsctl.errors import UnknownName
from nsctl.evaluation import Evaluation, RunInterrupted, RunOptions, evaluate, resume
from nsctl.record_folder import read_record
from nsctl.records import EpisodeRecord, FigureRecord, RobotWork
from nsctl.run_config import RunConfig
from nsctl.run_log import Listeners, episode_values, logs, summary_values
from nsctl.summary import summarise

CONFIG = RunConfig("hanoi-1", agent="random", episodes=3)


class Diary:
    """A log that keeps what it is told; it breaks where its class says so."""

    breaks = ""
    told: list[tuple[Any, ...]] = []  # noqa: RUF012 (the test clears it)

    def open(self, folder: Path, run: dict[str, Any]) -> None:
        self._tell("open", folder, run["id"], run["config"]["task"])

    def episode(self, index: int, values: dict[str, float]) -> None:
        self._tell("episode", index, values)

    def summary(self, values: dict[str, float]) -> None:
        self._tell("summary", values)

    def close(self) -> None:
        self._tell("close")

    def _tell(self, *what: Any) -> None:
        if what[0] == self.breaks:
            raise OSError("no space left")
        self.told.append(what)


class Stopper:
    live = False

    def begin(self, config: RunConfig, done: Sequence[EpisodeRecord]) -> None:
        return None

    def ended(self, episode: EpisodeRecord) -> None:
        raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def diary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(log_tools.LOGS, "diary", Diary)
    monkeypatch.setattr(Diary, "told", [])


def logged_run(runs: Path) -> Evaluation:
    with logs(["diary", "diary"], lambda run: runs / run) as logged:
        done = evaluate(CONFIG, runs, RunOptions(carbon=False, listener=Listeners(None, logged)))
        logged.summary(done.summary)
    return done


def words() -> list[str]:
    return [what[0] for what in Diary.told]


def test_a_log_is_told_of_every_episode_and_of_the_sum(tmp_path: Path) -> None:
    done = logged_run(tmp_path)
    assert words() == ["open", "episode", "episode", "episode", "summary", "close"]
    assert Diary.told[0][1:] == (done.folder, done.run.id, "hanoi-1")
    episodes = read_record(done.folder).episodes
    assert [what[1:] for what in Diary.told[1:4]] == [(e.index, episode_values(e)) for e in episodes]
    assert Diary.told[4][1] == summary_values(done.summary)


def test_a_run_that_is_gone_on_with_is_logged_from_its_first_episode(tmp_path: Path) -> None:
    with pytest.raises(RunInterrupted) as stop, logs(["diary"], lambda run: tmp_path / run) as logged:
        evaluate(CONFIG, tmp_path, RunOptions(carbon=False, listener=Listeners(logged, Stopper())))
    assert words() == ["open", "episode", "close"]
    Diary.told.clear()
    with logs(["diary"], lambda run: stop.value.folder) as logged:
        logged.summary(resume(stop.value.folder, RunOptions(carbon=False, listener=Listeners(logged))).summary)
    assert words() == ["open", "episode", "episode", "episode", "summary", "close"]
    assert [what[1] for what in Diary.told[1:4]] == [0, 1, 2]


@pytest.mark.parametrize("word", ["open", "episode", "summary", "close"])
def test_a_log_that_fails_is_told_of_once_and_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(Diary, "breaks", word)
    with pytest.warns(RuntimeWarning, match="the log diary failed: OSError: no space left; the run goes on") as told:
        done = logged_run(tmp_path)
    assert len(told) == 1
    assert done.run.status == "complete"


def test_an_unknown_log_is_refused_before_anything_is_played() -> None:
    with pytest.raises(UnknownName, match=r"no log is called 'dairy'\. Did you mean 'diary'"), logs(["dairy"], Path):
        raise AssertionError("nothing is played")


def test_what_nobody_knows_is_left_out() -> None:
    unknown = FigureRecord(value=None, label="unavailable", source="none")
    two = FigureRecord(value=2.0, label="modelled", source="modelled")
    values = episode_values(make_episode(0, joules={**make_episode(0).joules, "plan": unknown, "policy": two}))
    assert "plan_length" not in values
    assert "joules/plan" not in values
    assert not any(name.startswith("robot/") for name in values)
    assert (values["joules/policy"], values["steps"], values["success_at_end"]) == (2.0, 10.0, 0.0)
    assert all(type(value) is float for value in values.values())
    work = RobotWork(absolute=3.0, positive=1.0, net=0.5, torque_squared=2.0)
    assert episode_values(make_episode(0, robot=work))["robot/absolute"] == 3.0
    summed = summary_values(summarise([make_episode(0)]))
    assert "joules_per_success" not in summed
    assert (summed["success_rate"], summed["joules/agent"]) == (0.0, 3.0)


class Watcher:
    def __init__(self, live: bool) -> None:
        self.live, self.steps = live, 0

    def step(self, episode: int, steps: int, subgoal: str) -> None:
        self.steps += 1


def test_only_live_listeners_are_told_of_steps() -> None:
    live, other = Watcher(True), Watcher(False)
    both = Listeners(live, None, other)
    both.step(0, 20, "picking")
    assert (both.live, live.steps, other.steps) == (True, 1, 0)
    assert not Listeners(other).live
