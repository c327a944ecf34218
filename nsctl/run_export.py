"""Records as one flat table, a row an episode, for whatever reads CSV, JSON lines or Parquet.

Columns that hold lists (``skills``, ``disturbances``) are JSON text. What is not known is empty or null, never 0.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from nsctl.errors import InvalidValue, NsctlError, UnknownName
from nsctl.files import put_in_place
from nsctl.phases import PHASES
from nsctl.record_folder import StoredRun
from nsctl.records import EpisodeRecord, RobotWork, RunRecord

Row = dict[str, Any]
CONFIG = ("task_version", "protocol", "agent", "engine", "pose_noise", "workers")
PLAIN = (
    "index",
    "seed",
    "initial_hash",
    "final_hash",
    "success_once",
    "success_at_end",
    "steps",
    "plan_length",
    "plans",
    "replans",
    "retries",
    "looks",
)


def rows(stored: Iterable[StoredRun]) -> list[Row]:
    """One row for each episode, all with the same columns in the same order."""
    return [_row(each.run, episode) for each in stored for episode in each.episodes]


def export(stored: Sequence[StoredRun], out: Path, kind: str) -> int:
    """Write the episodes of some records to the file ``out``, all of it or nothing; gives the number of rows."""
    if kind not in WRITERS:
        raise UnknownName("format", kind, WRITERS)
    table = rows(stored)
    if not table:
        raise InvalidValue("there is nothing to export: the records have no episode yet")
    draft = out.with_name(out.name + ".tmp")
    try:
        WRITERS[kind](table, draft)
        put_in_place(draft, out)
    except OSError as error:
        raise InvalidValue(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return len(table)


def format_of(out: Path) -> str:
    """The format that a file's name asks for."""
    kind = out.suffix.removeprefix(".")
    if kind not in WRITERS:
        raise InvalidValue(f"{out} names no format: end it in .{', .'.join(WRITERS)}, or give --format")
    return kind


def _row(run: RunRecord, episode: EpisodeRecord) -> Row:
    row: Row = {"run": run.id, "task": episode.task}
    row |= {name: getattr(run.config, name) for name in CONFIG}
    row |= {"privilege": run.privilege, "grade": run.grade, "code": run.code, "cpu": run.hardware.cpu}
    row |= {name: getattr(episode, name) for name in PLAIN}
    row |= {"status": episode.outcome.status, "reason": episode.outcome.reason}
    row |= {name: json.dumps(getattr(episode, name)) for name in ("skills", "disturbances")}
    for field in RobotWork.model_fields:
        row[f"robot_{field}"] = getattr(episode.robot, field) if episode.robot else None
    for phase in PHASES:
        seconds = episode.seconds[phase]
        row |= {f"wall_{phase}": seconds.wall, f"cpu_{phase}": seconds.cpu, f"children_{phase}": seconds.children}
    for phase in (*PHASES, "agent", "total"):
        figure = episode.joules[phase]
        row |= {f"joules_{phase}": figure.value, f"label_{phase}": figure.label}
    return row | {"source": episode.joules["total"].source}


def _csv(table: list[Row], path: Path) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


def _jsonl(table: list[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")


def _parquet(table: list[Row], path: Path) -> None:
    try:
        pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise NsctlError('Parquet needs pyarrow: pip install "nsctl[lerobot]"; csv and jsonl need nothing') from error
    types = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
    columns = {name: [row[name] for row in table] for name in table[0]}
    fields = [pyarrow.field(name, types[_type(name, values)]) for name, values in columns.items()]
    parquet.write_table(pyarrow.table(columns, schema=pyarrow.schema(fields)), path)


def _type(name: str, values: Iterable[Any]) -> type:
    """A column's type must not depend on which rows there are: one of nothing but nulls has that of its kind."""
    known = {type(value) for value in values if value is not None}
    if name.startswith(("robot_", "wall_", "cpu_", "children_", "joules_")) or float in known:
        return float
    return next(iter(known), int if name == "plan_length" else str)


WRITERS: dict[str, Callable[[list[Row], Path], None]] = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
