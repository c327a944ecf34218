"""One record from several partial ones: of the same run in every respect, with other episodes.

A long run may be played in parts: a copy of a record that was gone on with elsewhere, or a second attempt after a crash.
What decides an episode or its joules must be the same in all parts. The grade is the worst of those known: a part that was
killed has none. An episode that is there more than once must be the same each time but for times and joules; the first
is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsctl.changes import changes
from nsctl.errors import InvalidValue, RecordError
from nsctl.idle import Look, recorded
from nsctl.record_folder import RecordWriter, StoredRun, new_id, read_record
from nsctl.records import SCHEMA_VERSION, EpisodeRecord, IdleRecord, RunRecord


@dataclass(frozen=True)
class Merged:
    """The new record, and how many episodes lay in more than one part."""

    folder: Path
    run: RunRecord
    episodes: tuple[EpisodeRecord, ...]
    repeated: int


def merge(folders: Sequence[Path], runs: Path, command: tuple[str, ...] = ()) -> Merged:
    """Write a new record below ``runs`` with the episodes of all ``folders``; these stay as they are."""
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise InvalidValue(f"at least two records, and each only once, are needed to merge; got {len(folders)}")
    parts = sorted((read_record(folder) for folder in folders), key=lambda part: part.run.started)
    for part in parts:
        _require_same(parts[0], part)
    episodes, repeated = _together(parts)
    run = _head(parts, command)
    with RecordWriter.create(runs, run) as writer:
        for episode in episodes.values():
            writer.append(episode.model_copy(update={"run": run.id}))
        if len(episodes) == run.config.episodes:
            writer.complete()
        else:
            writer.update(status="interrupted")
        return Merged(writer.folder, writer.run, tuple(writer.episodes[i] for i in sorted(episodes)), repeated)


def _require_same(first: StoredRun, part: StoredRun) -> None:
    """Refuse a part that is of another kind of run than the first."""
    if part.schema != SCHEMA_VERSION:
        raise RecordError(
            f"{part.folder} is a record of schema {part.schema}; only those of schema {SCHEMA_VERSION} can be merged"
        )
    found = changes(first.run, part.run)
    meters = [[(m.name, m.label) for m in stored.run.meters if m.counts] for stored in (first, part)]
    named = {**found, "meters that count": tuple(meters)} if meters[0] != meters[1] else found
    if named:
        name, (was, now) = next(iter(named.items()))
        raise RecordError(f"{first.folder} and {part.folder} cannot be merged: {name} is {was!r} and {now!r}")


def _together(parts: Sequence[StoredRun]) -> tuple[dict[int, EpisodeRecord], int]:
    """All episodes by index, and how many of them were met again."""
    kept: dict[int, tuple[EpisodeRecord, Path]] = {}
    repeated = 0
    for part in parts:
        for episode in part.episodes:
            if episode.index in kept:
                _require_equal(*kept[episode.index], episode, part.folder)
                repeated += 1
            else:
                kept[episode.index] = episode, part.folder
    return {index: kept[index][0] for index in sorted(kept)}, repeated


def _require_equal(one: EpisodeRecord, folder: Path, other: EpisodeRecord, other_folder: Path) -> None:
    ours, theirs = one.replayable(), other.replayable()
    if differing := [name for name in ours if ours[name] != theirs[name]]:
        name = differing[0]
        raise RecordError(
            f"episode {one.index} is not the same in {folder} and {other_folder}: its {name} is {_short(ours[name])} "
            f"and {_short(theirs[name])}; one of them was not played as it should have been"
        )


def _head(parts: Sequence[StoredRun], command: tuple[str, ...]) -> RunRecord:
    """What ``run.json`` says of them all."""
    heads = [part.run for part in parts]
    first = heads[0]
    fields: dict[str, Any] = {
        "id": new_id(first.config.task, first.config.agent),
        "status": "running",
        "command": command,
        "merged": tuple(dict.fromkeys(name for head in heads for name in (head.merged or (head.id,)))),
        "carbon": tuple(entry for head in heads for entry in head.carbon),
        "git": first.git if all(head.git == first.git for head in heads) else None,
        "grade": max((head.grade for head in heads if head.grade), default=None),
        "idle": _idle([head.idle for head in heads]),
        "ended": _known([head.ended for head in heads], max),
        # Copies of one record share a sitting: how long they took together, nobody knows.
        "wall_seconds": _known([head.wall_seconds for head in heads], sum)
        if len({head.id for head in heads}) == len(heads)
        else None,
        "episodes_sha256": None,
        "replay_sha256": None,
    }
    return RunRecord.model_validate({**dict(first), **fields})


def _idle(found: Sequence[IdleRecord | None]) -> IdleRecord | None:
    """The first look of the first part and the last of the last; ``None`` where a part has none."""
    known = [idle for idle in found if idle is not None]
    if not known or len(known) < len(found):
        return None
    seconds, contended = min(idle.seconds for idle in known), any(idle.contended for idle in known)
    looks = (Look(watts, seconds, contended, known[0].devices) for watts in (known[0].before, known[-1].after))
    whole = recorded(*looks)
    return whole and whole.model_copy(update={"drift": whole.drift or any(idle.drift for idle in known)})


def _known(values: Sequence[Any], together: Any) -> Any:
    return None if any(value is None for value in values) else together(values)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
