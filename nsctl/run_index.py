"""The records of a folder at a glance: an SQLite cache in it, made from the files and thrown away at will.

A row holds what a list of runs shows. It is trusted while the sizes and times of change of the record's files are
those that it was made from; otherwise the record is read again. Several processes may look at once (WAL). Where the
folder cannot be written to, the index lives in memory alone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from nsctl.errors import InvalidValue, RecordError
from nsctl.record_folder import EPISODES, RUN, StoredRun, read_record
from nsctl.records import weakest
from nsctl.summary import summarise
from nsctl.verification import VERIFICATION, tier

INDEX = ".index.sqlite"
VERSION = 1
"""Of the columns below; an index of another version is made anew."""
WAIT_SECONDS = 30.0
WATCHED = (RUN, EPISODES, VERIFICATION)


@dataclass(frozen=True)
class IndexedRun:
    """A record in a list. ``trouble`` says why one could not be read; then only ``folder`` is known."""

    folder: str
    """Its name below the folder of runs."""
    trouble: str = ""
    task: str = ""
    task_version: int = 0
    protocol: str = ""
    agent: str = ""
    engine: str = ""
    privilege: str = ""
    seed: int = 0
    status: str = ""
    episodes: int = 0
    """How many there are, of those ``wanted``."""
    wanted: int = 0
    success_at_end: int = 0
    low: float = 0.0
    """Wilson 95 % interval of the rate of success at the end, from here to ``high``."""
    high: float = 1.0
    joules_per_success: float | None = None
    label: str = ""
    """Of the agent's joules."""
    grade: str | None = None
    tier: str = ""
    schema_version: int = 0
    started: str = ""


Watch = Callable[[Sequence[str]], Iterable[str]]
"""Goes through the names of the records that are to be read, and may show how that gets on."""


def listed(runs: Path, watch: Watch = iter) -> list[IndexedRun]:
    """Every record below ``runs``, the latest first; reads again what has changed since it was indexed."""
    return _refreshed(runs, watch, anew=False)


def rebuilt(runs: Path, watch: Watch = iter) -> list[IndexedRun]:
    """The same, with every record read again."""
    return _refreshed(runs, watch, anew=True)


def _refreshed(runs: Path, watch: Watch, *, anew: bool) -> list[IndexedRun]:
    if not runs.is_dir():
        raise InvalidValue(
            f"there is no folder {runs}; --runs names the one that records are kept in, and `nsctl run hanoi-3` makes a "
            "record in runs"
        )
    with closing(_open(runs)) as index:
        known = {} if anew else dict(index.execute("SELECT folder, stamp FROM runs"))
        there = {path.parent.name: path.parent for path in runs.glob(f"*/{RUN}")}
        stamps = {name: _stamp(folder) for name, folder in there.items()}  # first: later changes are read next time
        stale = [name for name in sorted(there) if known.get(name) != stamps[name]]
        fresh = [(name, stamps[name], json.dumps(asdict(_row(there[name])))) for name in watch(stale)]
        with index:
            index.execute("BEGIN IMMEDIATE")
            gone = [(name,) for (name,) in index.execute("SELECT folder FROM runs") if name not in there]
            index.executemany("DELETE FROM runs WHERE folder = ?", gone)
            index.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", fresh)
        rows = [IndexedRun(**json.loads(row)) for (row,) in index.execute("SELECT row FROM runs")]
    return sorted(rows, key=lambda row: (row.started, row.folder), reverse=True)


def _open(runs: Path) -> sqlite3.Connection:
    """The index; one that is damaged is thrown away, for the files are the truth."""
    try:
        return _connect(runs / INDEX)
    except sqlite3.OperationalError:  # nothing can be written here, or somebody holds it for too long
        return _connect(":memory:")
    except sqlite3.DatabaseError:
        for leftover in runs.glob(f"{INDEX}*"):
            leftover.unlink(missing_ok=True)
        return _connect(runs / INDEX)


def _connect(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("the index is damaged")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
                connection.execute("DROP TABLE IF EXISTS runs")
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("CREATE TABLE IF NOT EXISTS runs (folder TEXT PRIMARY KEY, stamp TEXT, row TEXT)")
    except BaseException:
        connection.close()
        raise
    return connection


def _stamp(folder: Path) -> str:
    """Sizes and times of change of a record's files; a file that is missing has none."""
    stats = [path.stat() if (path := folder / name).exists() else None for name in WATCHED]
    return json.dumps([stat and [stat.st_size, stat.st_mtime_ns] for stat in stats])


def _row(folder: Path) -> IndexedRun:
    try:
        return _of(read_record(folder))
    except RecordError as error:
        return IndexedRun(folder.name, trouble=str(error))


def _of(stored: StoredRun) -> IndexedRun:
    run, config, summary = stored.run, stored.run.config, summarise(stored.episodes)
    return IndexedRun(
        folder=stored.folder.name,
        task=config.task,
        task_version=config.task_version,
        protocol=config.protocol,
        agent=config.agent,
        engine=config.engine,
        privilege=run.privilege,
        seed=config.seed,
        status=run.status,
        episodes=summary.episodes,
        wanted=config.episodes,
        success_at_end=summary.success_at_end,
        low=summary.interval[0],
        high=summary.interval[1],
        joules_per_success=summary.joules_per_success,
        label=weakest(episode.joules["agent"].label for episode in stored.episodes),
        grade=run.grade,
        tier=tier(stored.folder),
        schema_version=stored.schema,
        started=run.started,
    )
