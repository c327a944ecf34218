"""An agent in a world: any episode, in any order, and nothing left of the one before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from samples import Install, comparable

from nsctl.disturbance import Disturbance
from nsctl.phases import PHASES
from nsctl.player import Player, _nobody
from nsctl.run_config import RunConfig
from nsctl.video import Film

HAND = (Disturbance("hand"),)
FAULTY = """
import numpy as np
from nsctl.agents.random import RandomAgent

class Faulty(RandomAgent):
    "Breaks in the third step of every second episode it is asked to play, and is broken from then on."
    name = "faulty"
    def __init__(self):
        super().__init__()
        self.asked, self.broken = 0, False
    def reset(self, task, seed, clock):
        super().reset(task, seed, clock)
        self.fuse = 3 if seed % 2 else None
        if self.broken: raise RuntimeError("still broken")
    def act(self, observation):
        if self.fuse is not None:
            self.fuse -= 1
            if not self.fuse:
                self.broken = True
                raise RuntimeError("fuse blown")
        return super().act(observation)
"""
SPOILT = """
from nsctl.agents.random import RandomAgent
from envs.tasks.hanoi import HanoiSuite
from envs.world import TableWorld

class World(TableWorld):
    def reset(self, seed, episode):
        if episode == 1: raise OSError("the scene does not load")
        return super().reset(seed, episode)

class Suite(HanoiSuite):
    tasks = ("spoilt-1",)
    def task(self, name): return super().task("hanoi-1")
    def world(self, task, options): return World(task, options)
"""


@pytest.fixture(scope="module")
def player() -> Iterator[Player]:
    player = Player(RunConfig("hanoi-1", agent="random", disturb=HAND))
    player.run = "r"
    yield player
    player.close()


def test_an_episode_does_not_depend_on_those_before(player: Player) -> None:
    there = [player(index) for index in (0, 1, 2)]
    back = [player(index) for index in (2, 0, 1)]
    assert [comparable(e) for e in there] == [comparable(back[i]) for i in (1, 2, 0)]
    assert len({e.initial_hash for e in there}) == 3


def test_the_arm_s_work_is_the_episode_s_own(player: Player) -> None:
    first, second, again = (player(index).robot for index in (3, 4, 3))
    assert first is not None
    assert first == again
    assert first != second
    assert first.absolute > 1.0
    assert first.absolute == pytest.approx(2 * first.positive - first.net)


def test_a_world_that_knows_no_work_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(RunConfig("hanoi-1", agent="random"))
    monkeypatch.delattr("envs.world.TableWorld.robot_work")
    assert player(0).robot is None
    player.close()


def test_a_record_has_every_phase_and_the_sums(player: Player) -> None:
    record = player(0)
    assert set(record.seconds) == set(PHASES)
    assert set(record.joules) == {*PHASES, "agent", "total"}
    parts = [record.joules[phase].value or 0.0 for phase in PHASES]
    assert record.joules["total"].value == pytest.approx(sum(parts))
    assert record.joules["agent"].value == pytest.approx(sum(parts[:3]))
    assert (record.run, record.task, record.index, record.seed) == ("r", "hanoi-1", 0, 0)
    assert record.outcome.status == "timed_out"
    assert len(record.disturbances) == 1


def test_a_watch_is_told_once_a_second_of_the_world_s_time(player: Player) -> None:
    told: list[tuple[int, int, str]] = []
    player.watch = lambda *what: told.append(what)
    steps = player(1).steps
    assert [step for _, step, _ in told] == list(range(20, steps + 1, 20))
    assert {(episode, subgoal) for episode, _, subgoal in told} == {(1, "moving at random")}


def test_an_agent_that_breaks_is_made_anew_for_the_next_episode(install: Install) -> None:
    install("faulty", FAULTY, {"agents:faulty": "faulty:Faulty"})
    player = Player(RunConfig("hanoi-1", agent="faulty"))
    records = [player(index) for index in range(6)]
    player.close()
    blown = [r for r in records if r.outcome.status == "errored"]
    assert 0 < len(blown) < 6
    assert {r.outcome.reason for r in blown} == {"RuntimeError: fuse blown"}
    assert all(r.steps == 2 and r.final_hash is None and not r.success_at_end for r in blown)
    assert {r.steps for r in records if r not in blown} == {180}


def test_a_world_that_cannot_be_reset_leaves_nothing_of_the_episode_before(install: Install) -> None:
    install("spoilt", SPOILT, {"envs:spoilt": "spoilt:Suite"})
    player = Player(RunConfig("spoilt-1", agent="random", disturb=HAND))
    before, lost, after = player(0), player(1), player(2)
    player.close()
    assert lost.outcome.reason == "OSError: the scene does not load"
    assert (lost.initial_hash, lost.final_hash, lost.disturbances, lost.steps) == (None, None, (), 0)
    assert before.disturbances
    assert after.outcome.status == "timed_out"


def test_it_tells_of_its_agent_and_world(player: Player) -> None:
    assert player.agent_description()["part"].startswith("nsctl ")
    assert player.world_description()["channels"] == dict(player.channels)


def test_a_film_is_made_of_the_episode_and_changes_nothing_of_it(tmp_path: Path, player: Player) -> None:
    from PIL import Image

    player.watch = lambda *what: None
    filming = Player(RunConfig("hanoi-1", agent="random", disturb=HAND), tmp_path / "films")
    filmed = filming(7)
    filming.close()
    assert comparable(filmed) == comparable(player(7))
    with Image.open(tmp_path / "films" / "episode-0007.webp") as film:
        assert film.n_frames == filmed.steps // 2  # type: ignore[attr-defined]
        assert film.size == (480, 360)
    with Image.open(tmp_path / "films" / "episode-0007.png") as last:
        assert last.size == (480, 360)


@pytest.mark.parametrize(
    ("agent", "field"),
    [
        ("steps=({'joules': float('nan')},)", "skills.0"),
        ("plans='many'", "plans"),
        ("steps=(7,)", "TypeError"),
        ("steps=({'log': 'x' * 1_000_000},)", "RecordError"),
    ],
)
def test_a_report_that_no_record_can_hold_makes_the_episode_errored(install: Install, agent: str, field: str) -> None:
    code = (
        "from nsctl.agents.random import RandomAgent\nfrom nsctl.contracts import AgentReport\n"
        f"class Nanny(RandomAgent):\n    name = 'nanny'\n    def report(self): return AgentReport({agent})\n"
    )
    install("nanny", code, {"agents:nanny": "nanny:Nanny"})
    player = Player(RunConfig("hanoi-1", agent="nanny", disturb=HAND))
    lost = player(0)
    player.close()
    assert lost.outcome.status == "errored"
    assert lost.outcome.reason.startswith(f"no record can be made of the episode: {field}: ")
    assert (lost.steps > 0, lost.success_at_end, lost.final_hash, lost.skills) == (True, False, None, ())
    assert lost.seconds["simulate"].wall > 0


def test_what_a_world_cannot_tell_makes_the_episode_errored_too(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "watch", _nobody)
    with monkeypatch.context() as patch:
        patch.setattr(type(player._world), "disturbances", property(lambda world: ({"at": float("inf")},)))
        lost = player(0)
    assert (lost.outcome.status, lost.disturbances) == ("errored", ())
    assert player(0).outcome.status != "errored"


@pytest.mark.parametrize("method", ["__init__", "look", "close"])
def test_a_film_that_fails_is_told_of_once_and_spoils_no_episode(
    tmp_path: Path, player: Player, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Film, method, full)
    monkeypatch.setattr(player, "watch", _nobody)
    filming = Player(RunConfig("hanoi-1", agent="random", disturb=HAND), tmp_path)
    with pytest.warns(RuntimeWarning, match=r"the film .*episode-0000 failed: OSError: no space left; the ep") as told:
        records = [filming(0), filming(1)]
    filming.close()
    assert len(told) == 1
    assert [comparable(record) for record in records] == [comparable(player(0)), comparable(player(1))]
