"""A run's record on disk: a folder with ``run.json`` and ``episodes.jsonl``.

Each episode is on the disk before the next one ends, so that a run that is killed loses at most the line that it was
writing. Such a torn last line is dropped; any other damage is refused, with the file and the line. Records of older
schemas are read as today's (:mod:`nsctl.migrations`), but not gone on with.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, TypeVar

from pydantic import ValidationError

from nsctl.errors import RecordError
from nsctl.files import append_line, cut_torn_line, hold, whole_lines, write_atomically
from nsctl.migrations import migrate_episode, migrate_run, schema_of
from nsctl.records import SCHEMA_VERSION, EpisodeRecord, Record, RunRecord, complaint, replay_sha256

RUN, EPISODES = "run.json", "episodes.jsonl"
LARGEST_RUN, LARGEST_LINE, LARGEST_EPISODES = 4_000_000, 1_000_000, 2_000_000_000
"""Bytes that a run.json, a line of episodes.jsonl and all of it may have: a thousand times what ours need."""
R = TypeVar("R", bound=Record)


def new_id(task: str, agent: str) -> str:
    """An id for a run that begins now: the time (UTC), task and agent for people, and a tail that nobody else has."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{task}-{agent.partition(':')[0]}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class StoredRun:
    """A record that was read and found whole; ``episodes`` in the order of their index."""

    folder: Path
    run: RunRecord
    episodes: tuple[EpisodeRecord, ...]
    schema: int = SCHEMA_VERSION
    """Of the files; ``run`` and ``episodes`` are as today's schema has them."""


def read_record(folder: Path | str) -> StoredRun:
    """Read the record in ``folder``; nothing is changed there."""
    folder = Path(folder)
    run, schema = _read_run(folder / RUN)
    path = folder / EPISODES
    content = _read(path, LARGEST_EPISODES, f"{path} is missing: the folder is no whole record")
    if run.episodes_sha256 is not None and hashlib.sha256(content).hexdigest() != run.episodes_sha256:
        raise RecordError(f"{path} was changed after the run was complete: its SHA-256 is not the one in {RUN}")
    episodes: dict[int, EpisodeRecord] = {}
    for number, line in enumerate(whole_lines(content), start=1):
        episode = _episode(line, schema, f"{path}:{number}")
        _check_key(run, episode, episodes, f"{path}:{number}")
        episodes[episode.index] = episode
    if run.status == "complete" and len(episodes) < run.config.episodes:
        raise RecordError(f"{path} has {len(episodes)} of {run.config.episodes} episodes, yet {RUN} says complete")
    return StoredRun(folder, run, tuple(episodes[index] for index in sorted(episodes)), schema)


def line_of(episode: EpisodeRecord) -> str:
    """An episode as a line of its file; refuses one that is too long to be read again, which would lose all others."""
    line = episode.model_dump_json()
    if (size := len(line.encode())) > LARGEST_LINE:
        raise RecordError(f"episode {episode.index} is {size:,} bytes long; an episode may have {LARGEST_LINE:,}")
    return line


class RecordWriter:
    """The one writer of a record. Use it as a context manager; a second writer of the same record is refused."""

    def __init__(self, folder: Path, file: TextIO, stored: StoredRun) -> None:
        self.folder, self._file, self.run = folder, file, stored.run
        self.episodes = {episode.index: episode for episode in stored.episodes}

    @classmethod
    def create(cls, runs: Path, run: RunRecord) -> RecordWriter:
        """A new record ``runs/<id>``."""
        folder = runs / run.id
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise RecordError(f"{folder} exists already: a new run needs a new folder") from None
        except OSError as error:
            raise RecordError(f"the record cannot be written to {folder}: {error}") from error
        (folder / EPISODES).touch()  # first, so that a run.json always has its episodes beside it
        write_atomically(folder / RUN, _pretty(run))
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> RecordWriter:
        """A record to go on with; a torn last line is cut off."""
        found = read_record(folder)  # refuses what is no record before anything is opened for writing
        if found.schema != SCHEMA_VERSION:
            raise RecordError(
                f"{folder} is a record of schema {found.schema} and cannot be gone on with: this nsctl writes schema "
                f"{SCHEMA_VERSION}, and one record has one schema; start a new run"
            )
        path = folder / EPISODES
        file = path.open("a", encoding="utf-8")
        try:
            if not hold(file):
                raise RecordError(f"{folder} is being written by another nsctl")
            stored = read_record(folder)
            cut_torn_line(file, whole_lines(path.read_bytes()))
        except BaseException:
            file.close()
            raise
        return cls(folder, file, stored)

    def append(self, episode: EpisodeRecord) -> None:
        """Put an episode on the disk; refuses one that is there already."""
        _check_key(self.run, episode, self.episodes, str(self.folder / EPISODES))
        append_line(self._file, line_of(episode))
        self.episodes[episode.index] = episode

    @property
    def kept(self) -> int:
        """How many episodes are on the disk, whatever was interrupted on the way there."""
        self._file.flush()
        return len(whole_lines((self.folder / EPISODES).read_bytes()))

    def update(self, **fields: Any) -> None:
        """Write ``run.json`` anew with other values of some fields."""
        self.run = RunRecord.model_validate({**dict(self.run), **fields})
        write_atomically(self.folder / RUN, _pretty(self.run))

    def complete(self, **fields: Any) -> None:
        """Put the episodes into the order of their index and seal the record."""
        lines = [self.episodes[index].model_dump_json() + "\n" for index in sorted(self.episodes)]
        content = "".join(lines).encode()
        write_atomically(self.folder / EPISODES, content)
        sums = {
            "episodes_sha256": hashlib.sha256(content).hexdigest(),
            "replay_sha256": replay_sha256(self.episodes.values()),
        }
        self.update(status="complete", **sums, **fields)

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _read_run(path: Path) -> tuple[RunRecord, int]:
    """The run, and the schema of its file."""
    text = _read(path, LARGEST_RUN, f"{path.parent} is no run record: there is no {path.name} in it")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path} is not JSON: {error}") from None
    schema = schema_of(fields, str(path))
    if schema == SCHEMA_VERSION:
        return _parse(RunRecord, text, str(path)), schema
    return _migrated(RunRecord, migrate_run(fields, schema), str(path)), schema


def _episode(line: bytes, schema: int, where: str) -> EpisodeRecord:
    if len(line) > LARGEST_LINE:
        raise RecordError(f"{where} is {len(line):,} bytes long; an episode may have {LARGEST_LINE:,}")
    if schema == SCHEMA_VERSION:
        return _parse(EpisodeRecord, line, where)
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where} is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise RecordError(f"{where} is not a valid EpisodeRecord: it is no JSON object")
    return _migrated(EpisodeRecord, migrate_episode(fields, schema), where)


def _read(path: Path, largest: int, missing: str) -> bytes:
    """All of a file that is not too large to be one of ours."""
    try:
        if (size := path.stat().st_size) > largest:
            raise RecordError(f"{path} is {size:,} bytes long; {path.name} may have {largest:,}")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise RecordError(missing) from None
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror or error}") from None


def _migrated(kind: type[R], fields: dict[str, Any], where: str) -> R:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise RecordError(f"{where} is not a valid {kind.__name__}: {complaint(error)}") from None


def _parse(kind: type[R], text: bytes, where: str) -> R:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise RecordError(f"{where} is not a valid {kind.__name__}: {complaint(error)}") from None


def _check_key(run: RunRecord, episode: EpisodeRecord, known: dict[int, EpisodeRecord], where: str) -> None:
    wanted = {"run": run.id, "task": run.config.task, "seed": run.config.seed}
    for name, value in wanted.items():
        if getattr(episode, name) != value:
            raise RecordError(f"{where} belongs to {name} {getattr(episode, name)!r}, not to {value!r}")
    if episode.index >= run.config.episodes:
        raise RecordError(f"{where} has index {episode.index}, but the run has episodes 0..{run.config.episodes - 1}")
    if episode.index in known:
        raise RecordError(f"{where} repeats the key ({run.id}, {run.config.task}, {episode.index})")


def _pretty(run: RunRecord) -> bytes:
    return (run.model_dump_json(indent=2) + "\n").encode()
