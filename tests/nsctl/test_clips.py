"""Videos for a board: which episodes, under which names, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from samples import make_episode

from nsctl.clips import clip_path, make_clips, telling
from nsctl.evaluation import RunOptions, evaluate
from nsctl.player import WATCH_EVERY
from nsctl.record_folder import StoredRun, read_record
from nsctl.records import OutcomeRecord
from nsctl.run_config import RunConfig


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    config = RunConfig("hanoi-1", agent="random", episodes=2)
    return read_record(evaluate(config, tmp_path_factory.mktemp("runs"), RunOptions(carbon=False)).folder)


def test_the_first_success_and_the_first_honest_failure_are_filmed() -> None:
    errored = OutcomeRecord(status="errored", reason="x")
    won = {"success_at_end": True, "outcome": OutcomeRecord(status="succeeded", reason="")}
    episodes = [make_episode(0, outcome=errored), make_episode(1), make_episode(2), make_episode(3, **won)]
    assert [episode.index for episode in telling(episodes)] == [1, 3]
    assert telling([]) == []


def test_a_replay_is_filmed_once_and_named_for_what_it_is(stored: StoredRun, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    (clip,) = make_clips([stored], tmp_path, lambda done, of: heard.append((done, of)))
    steps = stored.episodes[0].steps
    assert heard[0] == (0, steps)
    assert heard[-1] == (steps, steps)
    assert len(heard) >= steps // WATCH_EVERY, "told while it goes on"
    assert heard == sorted(heard)
    assert clip.same
    assert clip.path == clip_path(tmp_path, stored.run.id, 0)
    with Image.open(clip.path) as film:
        assert getattr(film, "n_frames", 1) > 10
    written = clip.path.stat().st_mtime_ns
    assert make_clips([stored], tmp_path) == [clip]
    assert clip.path.stat().st_mtime_ns == written
    assert [path.name for path in tmp_path.iterdir()] == [clip.path.name]


def test_a_replay_that_ends_in_another_state_says_so(stored: StoredRun, tmp_path: Path) -> None:
    episodes = tuple(e.model_copy(update={"final_hash": "other"}) for e in stored.episodes)
    (clip,) = make_clips([StoredRun(stored.folder, stored.run, episodes)], tmp_path)
    assert not clip.same
    assert clip.path == clip_path(tmp_path, stored.run.id, 0, same=False)
    assert clip.path.is_file()


def test_a_run_whose_agent_is_not_here_gets_no_video_and_a_reason(stored: StoredRun, tmp_path: Path) -> None:
    config = stored.run.config.model_copy(update={"agent": "randon"})
    strange = StoredRun(stored.folder, stored.run.model_copy(update={"config": config}), stored.episodes)
    (clip,) = make_clips([strange], tmp_path)
    assert clip.path is None
    assert "Did you mean 'random'?" in clip.why_not
    assert list(tmp_path.iterdir()) == []
