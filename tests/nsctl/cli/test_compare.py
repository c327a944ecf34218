"""``nsctl compare`` on records that lie on the disk."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from samples import make_episode, make_run
from typer.testing import CliRunner, Result

from nsctl.cli.app import app
from nsctl.cli.compare_report import print_comparison
from nsctl.comparison import compare
from nsctl.record_folder import RecordWriter, read_record
from nsctl.records import FigureRecord, OutcomeRecord

WON = {"success_at_end": True, "success_once": True, "outcome": OutcomeRecord(status="succeeded", reason="")}


def put(runs: Path, name: str, wins: str, joules: float, **fields: Any) -> Path:
    """A complete record whose episodes succeeded (``+``) or failed (``-``), at so many joules each."""
    run = make_run(len(wins), id=name)
    config = run.config.model_copy(update={"agent": f"agent-{name}", **fields.pop("config", {})})
    with RecordWriter.create(runs, run.model_copy(update={"config": config, **fields})) as writer:
        for index, won in enumerate(wins):
            made = make_episode(index, run=name, initial_hash=str(index), **(WON if won == "+" else {}))
            agent = FigureRecord(value=joules, label="modelled", source="modelled")
            writer.append(made.model_copy(update={"joules": {**made.joules, "agent": agent}}))
        writer.complete()
    return runs / name


@pytest.fixture
def records(tmp_path: Path) -> tuple[Path, Path]:
    return put(tmp_path, "one", "+" * 50 + "-" * 10, 1.0), put(tmp_path, "two", "+" * 30 + "-" * 30, 2.0)


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, words)])


def test_the_object_has_everything_that_the_page_says(records: tuple[Path, Path]) -> None:
    told = json.loads(call(*records, "--json").stdout)
    assert told["verdict"].startswith("A succeeds more often than B: 50 of 60 against 30 of 60 (exact McNemar, p = ")
    assert (told["more_successful"], told["cheaper"], told["test"], told["provisional"]) == ("a", "a", "mcnemar", False)
    assert (told["only_a"], told["only_b"]) == (list(range(30, 50)), [])
    assert told["p"] == pytest.approx(2 / 2**20)
    assert told["a"]["agent"] == "agent-one"
    assert told["a"]["joules_per_success"]["value"] == pytest.approx(1.2)
    assert told["ratio_per_success"]["value"] == pytest.approx(0.3)
    assert told["break_even"] is None
    assert told["warnings"] == told["unranked"] == []


@pytest.mark.parametrize("width", [80, 120])
def test_the_page_fits_the_terminal_and_lines_up(records: tuple[Path, Path], width: int) -> None:
    file = io.StringIO()
    print_comparison(compare(*map(read_record, records)), Console(file=file, width=width))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert max(len(line) for line in lines if not line.startswith(("A  ", "B  "))) <= width
    head = next(line for line in lines if line.split() == ["A", "B"])
    rows = [line for line in lines if line.startswith(("episodes", "success at end", "joules per success", "wall"))]
    assert len(rows) == 4
    for row in rows:  # numbers end where their head ends
        assert row[: head.index("A") + 1][-1] != " "
        assert row[: head.index("B") + 1][-1] != " "
    assert "only A succeeded in 20: 30, 31, 32," in file.getvalue()


def test_a_long_list_of_pairs_is_cut_and_says_so(tmp_path: Path) -> None:
    many, none = put(tmp_path, "one", "+" * 60, 1.0), put(tmp_path, "two", "-" * 60, 1.0)
    assert "only A succeeded in 60: 0, 1, 2" in " ".join(call(many, none).stdout.split())
    assert "18, 19 and 40 more (--json lists all)" in " ".join(call(many, none).stdout.split())


def test_warnings_and_net_joules_are_shown(tmp_path: Path) -> None:
    one, two = put(tmp_path, "one", "+" * 6, 1.0), put(tmp_path, "two", "+" * 6, 2.0, privilege="sim_truth")
    page = call(one, two).stdout
    assert "! privilege class differs: tracked and sim_truth" in page
    assert "joules are not ranked" in page


def test_trainings_that_took_the_same_are_told_so(tmp_path: Path) -> None:
    told = {"agent": {"training": {"joules": 605.0, "label": "modelled"}}}
    one, two = put(tmp_path, "one", "+" * 6, 1.0, **told), put(tmp_path, "two", "+" * 6, 2.0, **told)
    page = call(one, two).stdout
    assert "joules of training 605 605 the same" in " ".join(page.split())
    assert "paid off" not in page


def test_a_training_is_paid_off_after_whole_successes(tmp_path: Path) -> None:
    def trained(joules: float) -> dict[str, Any]:
        return {"agent": {"training": {"joules": joules, "label": "modelled"}}}

    one, two = put(tmp_path, "one", "+" * 6, 1.0, **trained(10.5)), put(tmp_path, "two", "+" * 6, 2.0, **trained(0.0))
    assert "joules of training 10.5 0 A's is paid off after 11 successes" in " ".join(call(one, two).stdout.split())


def test_a_record_is_not_compared_with_itself(records: tuple[Path, Path]) -> None:
    refused = call(records[0], records[0].parent / "two" / ".." / "one")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.rstrip().endswith("are one and the same record, one: name two to compare")


def test_the_last_letters_of_ids_are_looked_up_in_the_folder_that_is_named(
    records: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path / "one")
    told = call("ne", "wo", "--runs", "..", "--json")
    assert [json.loads(told.stdout)[side]["record"] for side in "ab"] == ["../one", "../two"]


def test_what_cannot_be_compared_is_refused(records: tuple[Path, Path], tmp_path: Path) -> None:
    other = put(tmp_path, "three", "+" * 3, 1.0, config={"engine": "pybullet"})
    refused = call(records[0], other)
    assert refused.exit_code == 2
    assert "one and three differ in their engine: 'mujoco' and 'pybullet'; --unpaired compares" in refused.stderr
    assert call(records[0], other, "--unpaired").exit_code == 0
    assert json.loads(call(records[0], other, "--unpaired", "--json").stdout)["test"] == "fisher"
    missing = call(records[0], tmp_path / "nowhere")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "nowhere is no run record: there is no run.json in it" in missing.stderr
