"""A recording is the first N successes, the same bytes however it came about."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from samples import Install

from nsctl.demos.folder import DemoFolder
from nsctl.demos.recorder import Attempt, DemoConfig
from nsctl.demos.recording import record
from nsctl.demos.source import open_source
from nsctl.episode import play
from nsctl.errors import InvalidValue, NsctlError, UnknownName
from nsctl.observation_arrays import objects_array, proprio_array
from nsctl.phases import EpisodeClock

pytest.importorskip("h5py", reason="demonstrations need the extra nsctl[demos]")

MOODY = """
from nsctl.agents.neurosymbolic import scripted

class Moody:
    "The scripted agent, that leaves every third episode or so at once."
    name = "moody"
    def __init__(self): self._agent = scripted()
    def __getattr__(self, name): return getattr(self._agent, name)
    def reset(self, task, seed, clock):
        self.leaves = seed % 3 == 0
        self._agent.reset(task, seed, clock)
    def act(self, observation): return None if self.leaves else self._agent.act(observation)
"""
CONFIG = DemoConfig("hanoi-1", episodes=4)


class Watching:
    """Notes what it is told at first and after each episode, and interrupts after so many episodes."""

    def __init__(self, patience: int = 1000) -> None:
        self.patience = patience
        self.heard: list[tuple[int, int]] = []

    def __call__(self, done: int, of: int) -> None:
        self.heard.append((done, of))
        if len(self.heard) == self.patience + 1:
            raise KeyboardInterrupt


@pytest.fixture
def moody(install: Install) -> DemoConfig:
    install("moody_agent", MOODY, {"agents:moody": "moody_agent:Moody"})
    return replace(CONFIG, agent="moody")


def main(folder: Path) -> bytes:
    return (folder / "data" / "main_data.hdf5").read_bytes()


def test_a_recording_is_the_first_successes_in_order(moody: DemoConfig, tmp_path: Path) -> None:
    done = record(moody, tmp_path / "a-v1")
    source = open_source(tmp_path / "a-v1")
    shown = [source.episode(index) for index in range(len(source.lengths))]
    lines = (tmp_path / "a-v1" / "attempts.jsonl").read_text().splitlines()
    attempts = [Attempt(**json.loads(line)) for line in lines]
    assert [a.episode for a in attempts] == list(range(done.attempts))
    assert [one.heading.number for one in shown] == [a.episode for a in attempts if a.success]
    assert done.demonstrations == len(shown) == 4
    assert done.attempts > 4, "the agent should have left some episode"
    assert sum(done.reasons.values()) == done.attempts - 4
    assert done.steps == sum(map(len, shown)) == sum(source.lengths)
    assert not (tmp_path / "a-v1" / "parts").exists()


def test_interrupted_or_extended_or_parallel_it_comes_to_the_same_bytes(moody: DemoConfig, tmp_path: Path) -> None:
    record(moody, tmp_path / "whole-v1")
    with pytest.raises(KeyboardInterrupt):
        record(moody, tmp_path / "cut-v1", Watching(2))
    with (tmp_path / "cut-v1" / "attempts.jsonl").open("a") as file:
        file.write('{"episode": 2, "succ')  # as a power cut leaves it
    (tmp_path / "cut-v1" / "parts" / "000002.77.tmp").write_bytes(b"half a demonstration")
    listener = Watching()
    done = record(moody, tmp_path / "cut-v1", listener)
    assert len(listener.heard) == 1 + done.attempts - 2
    assert listener.heard[-1] == (4, 4)
    record(replace(moody, episodes=2), tmp_path / "more-v1")
    record(moody, tmp_path / "more-v1")
    record(replace(moody, workers=2), tmp_path / "parallel-v1")
    for other in ("cut-v1", "more-v1", "parallel-v1"):
        assert main(tmp_path / other) == main(tmp_path / "whole-v1"), other
        ours, theirs = ((tmp_path / name / "attempts.jsonl").read_text() for name in (other, "whole-v1"))
        assert ours == theirs


def test_a_success_whose_file_is_lost_is_played_again(tmp_path: Path) -> None:
    record(CONFIG, tmp_path / "whole-v1")
    with pytest.raises(KeyboardInterrupt):
        record(CONFIG, tmp_path / "cut-v1", Watching(2))
    (tmp_path / "cut-v1" / "parts" / "000001.hdf5").unlink()
    listener = Watching()
    record(CONFIG, tmp_path / "cut-v1", listener)
    assert listener.heard == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert main(tmp_path / "cut-v1") == main(tmp_path / "whole-v1")


def test_what_is_complete_is_not_played_again(tmp_path: Path) -> None:
    first, listener = record(CONFIG, tmp_path / "a-v1"), Watching()
    assert record(CONFIG, tmp_path / "a-v1", listener) == first
    assert listener.heard == [(4, 4)]


def test_replaying_the_actions_gives_the_observations(tmp_path: Path) -> None:
    """The law of a demonstration: from its initial state its actions lead where it says."""
    from nsctl.demos.recorder import _TapedPlayer

    record(replace(CONFIG, episodes=1), tmp_path / "a-v1")
    kept = open_source(tmp_path / "a-v1").episode(0)
    player = _TapedPlayer(CONFIG)
    world = player._world

    class Replay:
        name, subgoal = "replay", ""

        def reset(self, *_: object) -> None:
            self.actions = iter(kept.actions)

        def act(self, observation: object) -> object:
            return next(self.actions, None)

        def report(self) -> object:
            from nsctl.contracts import AgentReport

            return AgentReport()

    episode = play(world, Replay(), EpisodeClock(()), kept.heading.seed, kept.heading.number)  # type: ignore[arg-type]
    assert episode.outcome.status == "succeeded"
    assert episode.initial_hash == kept.heading.initial_hash
    again = world._looks  # type: ignore[attr-defined]
    assert all((proprio_array(look) == row).all() for look, row in zip(again, kept.proprio, strict=True))
    assert all((objects_array(look) == row).all() for look, row in zip(again, kept.objects, strict=True))
    player.close()


def test_pictures_are_kept_for_each_look(tmp_path: Path) -> None:
    record(replace(CONFIG, episodes=1, cameras=("front",)), tmp_path / "a-v1")
    shown = open_source(tmp_path / "a-v1").episode(0)
    film = shown.images["front"]
    assert film.shape == (len(shown) + 1, 128, 128, 3)
    assert (film[0] != film[-1]).any()
    assert {s.partition("(")[0] for s in shown.subgoals} == {"pick", "place"}
    assert [step["step"] for step in shown.heading.operators] == list(dict.fromkeys(shown.subgoals))


def test_other_settings_are_refused(tmp_path: Path) -> None:
    record(replace(CONFIG, episodes=1), tmp_path / "a-v1")
    with pytest.raises(NsctlError, match=r"a-v1 was recorded with another seed \(0, now 5\): name a new folder"):
        record(replace(CONFIG, episodes=1, seed=5), tmp_path / "a-v1")
    with pytest.raises(NsctlError, match=r"another pose_noise"):
        record(replace(CONFIG, episodes=1, pose_noise=0.0), tmp_path / "a-v1")
    record(replace(CONFIG, episodes=2), tmp_path / "a-v1")
    with pytest.raises(NsctlError, match=r"has 2 demonstrations already: ask for at least as many"):
        record(replace(CONFIG, episodes=1), tmp_path / "a-v1")


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years")
    with pytest.raises(NsctlError, match=r"has something else in it: name a new folder with --out"):
        record(CONFIG, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_recording_that_was_killed_before_it_began_is_begun(tmp_path: Path) -> None:
    (tmp_path / "a-v1" / "parts").mkdir(parents=True)
    (tmp_path / "a-v1" / "attempts.jsonl").touch()
    assert record(replace(CONFIG, episodes=1), tmp_path / "a-v1").demonstrations == 1


def test_what_is_damaged_or_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidValue, match=r"no demonstration can be written to .*file/parts: Not a directory"):
        record(CONFIG, tmp_path / "file")
    record(replace(CONFIG, episodes=1), tmp_path / "a-v1")
    attempts, settings = tmp_path / "a-v1" / "attempts.jsonl", tmp_path / "a-v1" / "recording.json"
    attempts.write_text('{"episode": 0}\n')
    with pytest.raises(NsctlError, match=r"attempts\.jsonl:1 is damaged .*: name a new folder with --out"):
        record(CONFIG, tmp_path / "a-v1")
    settings.write_text("{")
    with pytest.raises(NsctlError, match=r"recording\.json is damaged"):
        record(CONFIG, tmp_path / "a-v1")


def test_a_second_recorder_is_refused(tmp_path: Path) -> None:
    with DemoFolder(tmp_path / "a-v1", {}), pytest.raises(NsctlError, match="is being recorded by another nsctl"):
        DemoFolder(tmp_path / "a-v1", {})


def test_too_few_successes_end_in_a_sentence(tmp_path: Path) -> None:
    config = replace(CONFIG, episodes=1, agent="random")
    with pytest.raises(
        NsctlError, match=r"only 0 of 4 episodes succeeded, and 1 demonstrations would need more than 4"
    ):
        record(config, tmp_path / "a-v1")
    with pytest.raises(NsctlError, match=r"recording in .*a-v1 is not complete"):
        open_source(tmp_path / "a-v1")


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"task": "hanio-1"}, "no task is called 'hanio-1'"),
        ({"agent": "scribbled"}, "no agent is called 'scribbled'. Did you mean 'scripted'?"),
        ({"engine": "bullet"}, "no engine is called 'bullet'"),
        ({"cameras": ("frnt",)}, "no camera is called 'frnt'. Did you mean 'front'?"),
    ],
)
def test_unknown_names_are_told_before_anything_is_written(
    changed: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(UnknownName) as error:
        record(replace(CONFIG, **changed), tmp_path / "a-v1")  # type: ignore[arg-type]
    assert complaint in str(error.value)
    assert not (tmp_path / "a-v1").exists()


def test_nonsense_is_refused() -> None:
    with pytest.raises(InvalidValue, match="episodes must be >= 1, got 0"):
        DemoConfig("hanoi-1", episodes=0)
    with pytest.raises(InvalidValue, match="a camera is named twice in front, front"):
        DemoConfig("hanoi-1", cameras=("front", "front"))
