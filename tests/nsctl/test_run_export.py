"""Episodes as one flat table."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from samples import make_episode, make_run

from nsctl.errors import InvalidValue, NsctlError, UnknownName
from nsctl.record_folder import StoredRun, read_record
from nsctl.records import EpisodeRecord, FigureRecord, RobotWork
from nsctl.run_export import export, format_of, rows

GOLDEN = Path(__file__).parent / "records"
WORK = RobotWork(absolute=4.0, positive=3.0, net=2.0, torque_squared=9.0)


def stored(*episodes: EpisodeRecord) -> StoredRun:
    return StoredRun(Path("r"), make_run(), episodes or (make_episode(0, robot=WORK), make_episode(1, plan_length=3)))


def test_a_row_holds_an_episode_and_what_it_was_asked_for() -> None:
    first, second = rows([stored()])
    assert list(first) == list(second)
    assert {"run": "r", "task": "hanoi-1", "index": 0, "agent": "random", "status": "failed"}.items() <= first.items()
    assert (first["joules_agent"], first["label_agent"], first["wall_plan"]) == (3.0, "measured", 1.0)
    assert (first["robot_net"], second["robot_net"], second["children_plan"]) == (2.0, None, None)
    assert (first["skills"], second["plan_length"]) == ("[]", 3)


def test_no_field_of_an_episode_is_left_out() -> None:
    (row,) = rows([stored(make_episode(0))])
    parts = {"outcome": "status", "robot": "robot_net", "seconds": "cpu_policy", "joules": "joules_total"}
    for field in EpisodeRecord.model_fields:
        assert parts.get(field, field) in row


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()))
def test_records_of_every_schema_have_the_same_columns(name: str) -> None:
    assert {tuple(row) for row in rows([read_record(GOLDEN / name)])} == {tuple(rows([stored()])[0])}


def test_json_lines_say_the_same_as_the_rows(tmp_path: Path) -> None:
    assert export([stored()], tmp_path / "x.jsonl", "jsonl") == 2
    assert [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()] == rows([stored()])


def test_csv_leaves_empty_what_is_not_known(tmp_path: Path) -> None:
    odd = make_episode(0, outcome={"status": "failed", "reason": 'a "quote", a comma,\nand a line'})
    missing = FigureRecord(value=None, label="unavailable", source="none")
    odd = odd.model_copy(update={"joules": {**odd.joules, "agent": missing}})
    export([stored(odd)], tmp_path / "x.csv", "csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["joules_agent"], row["plan_length"], row["robot_net"]) == ("", "", "")
    assert row["reason"] == 'a "quote", a comma,\nand a line'


def test_parquet_keeps_types_even_of_columns_without_a_value(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    none = make_episode(0, plan_length=None)
    export([stored()], tmp_path / "full.parquet", "parquet")
    export([stored(none)], tmp_path / "bare.parquet", "parquet")
    full, bare = (parquet.read_table(tmp_path / f"{name}.parquet") for name in ("full", "bare"))
    assert full.schema.equals(bare.schema)
    assert full.to_pylist() == rows([stored()])
    types = {name: str(full.schema.field(name).type) for name in ("index", "success_at_end", "grade", "robot_net")}
    assert types == {"index": "int64", "success_at_end": "bool", "grade": "string", "robot_net": "double"}


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NsctlError, match=r'Parquet needs pyarrow: pip install "nsctl\[lerobot\]"'):
        export([stored()], tmp_path / "x.parquet", "parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.csv").write_text("before")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nsctl.run_export.put_in_place", fail)
    with pytest.raises(InvalidValue, match=r"x\.csv cannot be written: No space left on device"):
        export([stored()], tmp_path / "x.csv", "csv")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_what_cannot_be_exported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no format is called 'parket'\. Did you mean 'parquet'"):
        export([stored()], tmp_path / "x", "parket")
    with pytest.raises(InvalidValue, match="the records have no episode yet"):
        export([StoredRun(Path("r"), make_run(), ())], tmp_path / "x.csv", "csv")


def test_the_ending_names_the_format() -> None:
    assert [format_of(Path(f"a.b.{kind}")) for kind in ("csv", "jsonl", "parquet")] == ["csv", "jsonl", "parquet"]
    with pytest.raises(InvalidValue, match=r"x\.txt names no format: end it in \.csv, \.jsonl, \.parquet, or give"):
        format_of(Path("x.txt"))
