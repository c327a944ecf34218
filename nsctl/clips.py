"""Videos for a board: one success and one failure of a run, made by playing these episodes again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nsctl.errors import NsctlError
from nsctl.evaluation import config_of
from nsctl.files import make_folder, put_in_place
from nsctl.player import Player
from nsctl.record_folder import StoredRun
from nsctl.records import EpisodeRecord

DIFFERS = "-differs"
"""Ends the name of a video whose episode did not end in the recorded state."""
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Clip:
    """A video that was asked for: where it lies, or why there is none."""

    run: str
    index: int
    path: Path | None
    same: bool
    """Whether the episode ended in the very state that is in the record."""
    why_not: str = ""


def clip_path(folder: Path, run: str, index: int, *, same: bool = True) -> Path:
    """Where the video of an episode lies in ``folder``; its name says whether it is the same episode."""
    return folder / f"{run}-{index:04d}{'' if same else DIFFERS}.webp"


def telling(episodes: Sequence[EpisodeRecord]) -> list[EpisodeRecord]:
    """The first success and the first failure that was no exception, in the order of their index."""
    won = [episode for episode in episodes if episode.success_at_end][:1]
    lost = [e for e in episodes if not e.success_at_end and e.outcome.status != "errored"][:1]
    return sorted([*won, *lost], key=lambda episode: episode.index)


def make_clips(records: Sequence[StoredRun], folder: Path, told: Told = lambda done, of: None) -> list[Clip]:
    """Film what is missing in ``folder``. A run that cannot be played here gets no video, and is told why.

    ``told`` hears how many control steps are filmed, of how many.
    """
    make_folder(folder, "video")
    there = [_there(stored, folder) for stored in records]
    missing = [
        [episode for episode in telling(stored.episodes) if episode.index not in {clip.index for clip in clips}]
        for stored, clips in zip(records, there, strict=True)
    ]
    progress = _Progress(told, sum(episode.steps for episodes in missing for episode in episodes))
    clips: list[Clip] = []
    for stored, found, wanted in zip(records, there, missing, strict=True):
        clips += [*found, *(_filmed(stored, wanted, folder, progress) if wanted else [])]
    return clips


class _Progress:
    """Counts control steps over all films; an episode is held to as many as its record has."""

    def __init__(self, told: Told, of: int) -> None:
        self._told, self._of, self._before = told, of, 0
        told(0, of)

    def within(self, episode: EpisodeRecord, steps: int) -> None:
        """So far in this episode."""
        self._told(self._before + min(steps, episode.steps), self._of)

    def over(self, episode: EpisodeRecord) -> None:
        """The episode is filmed, or never will be."""
        self._before += episode.steps
        self._told(self._before, self._of)


def _there(stored: StoredRun, folder: Path) -> list[Clip]:
    """The videos that lie in the folder already."""
    clips = []
    for episode in telling(stored.episodes):
        known = [same for same in (True, False) if clip_path(folder, stored.run.id, episode.index, same=same).is_file()]
        if known:
            path = clip_path(folder, stored.run.id, episode.index, same=known[0])
            clips.append(Clip(stored.run.id, episode.index, path, known[0]))
    return clips


def _filmed(stored: StoredRun, missing: Sequence[EpisodeRecord], folder: Path, progress: _Progress) -> list[Clip]:
    with tempfile.TemporaryDirectory(dir=folder) as draft:
        try:
            player = Player(config_of(stored.run), Path(draft))
        except NsctlError as error:
            for episode in missing:
                progress.over(episode)
            return [Clip(stored.run.id, episode.index, None, False, str(error)) for episode in missing]
        try:
            return [_film(player, episode, stored.run.id, Path(draft), folder, progress) for episode in missing]
        finally:
            player.close()


def _film(player: Player, episode: EpisodeRecord, run: str, draft: Path, folder: Path, progress: _Progress) -> Clip:
    player.watch = lambda _, steps, subgoal: progress.within(episode, steps)
    played = player(episode.index)
    progress.over(episode)
    film = draft / f"episode-{episode.index:04d}.webp"
    if not film.is_file():
        return Clip(
            run, episode.index, None, False, f"the film failed: {played.outcome.reason or 'no frame was taken'}"
        )
    same = played.final_hash == episode.final_hash
    path = clip_path(folder, run, episode.index, same=same)
    put_in_place(film, path)
    return Clip(run, episode.index, path, same)
