"""``nsctl runs``: list, show, resume, merge, export, index and schema."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console
from samples import make_episode, make_run
from typer.testing import CliRunner, Result

from nsctl.cli.app import app
from nsctl.cli.runs_report import print_runs
from nsctl.record_folder import RecordWriter
from nsctl.run_index import listed

GOLDEN = Path(__file__).parents[1] / "records"


def call(*words: object) -> Result:
    return CliRunner().invoke(app, ["runs", *map(str, words)])


def put(runs: Path, name: str, indices: tuple[int, ...] = (0, 1, 2), agent: str = "random") -> Path:
    run = make_run(id=name)
    run = run.model_copy(update={"config": run.config.model_copy(update={"agent": agent})})
    with RecordWriter.create(runs, run) as writer:
        for index in indices:
            writer.append(make_episode(index, run=name, success_at_end=index > 0))
        if len(indices) == 3:
            writer.complete()
    return runs / name


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder ``runs`` with two records, in the working directory."""
    monkeypatch.chdir(tmp_path)
    put(Path("runs"), "2026-hanoi-1-random-aaa111")
    put(Path("runs"), "2026-hanoi-1-nesy-bbb222", (0, 1), "nesy")
    return tmp_path / "runs"


def test_every_record_is_listed(runs: Path) -> None:
    told = json.loads(call("list", "--json").stdout)["runs"]
    assert {(row["record"], row["agent"], row["episodes"], row["wanted"], row["status"]) for row in told} == {
        ("runs/2026-hanoi-1-random-aaa111", "random", 3, 3, "complete"),
        ("runs/2026-hanoi-1-nesy-bbb222", "nesy", 2, 3, "running"),
    }
    (random,) = (row for row in told if row["agent"] == "random")
    assert random["interval"] == pytest.approx([0.21, 0.94], abs=0.01)
    assert (random["joules_per_success"], random["label"], random["tier"]) == (4.5, "measured", "self-reported")


def test_brackets_in_names_are_no_markup(runs: Path) -> None:
    path = put(runs, "2026-odd-ccc333", agent="[/bold]x")
    for words in (("list",), ("show", path)):
        answer = call(*words)
        assert (answer.exit_code, "[/bold]x" in answer.stdout) == (0, True), answer.output


@pytest.mark.parametrize(
    ("words", "count"), [(("--agent", "nesy"), 1), (("--task", "hanoi-1"), 2), (("--task", "hanoi-2"), 0), ((), 2)]
)
def test_lists_are_filtered(runs: Path, words: tuple[str, ...], count: int) -> None:
    assert len(json.loads(call("list", *words, "--json").stdout)["runs"]) == count


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--agent", "nosey"),
            "no agent with a record in runs is called 'nosey'. Did you mean 'nesy'? There is: nesy, ",
        ),
        (("--task", "hanio-1"), "no task with a record in runs is called 'hanio-1'. Did you mean 'hanoi-1'?"),
    ],
)
def test_a_misspelt_filter_is_answered_with_what_there_is(runs: Path, words: tuple[str, ...], message: str) -> None:
    refused = call("list", *words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert message in " ".join(refused.stderr.split())


def test_a_name_without_a_record_is_no_mistake(runs: Path) -> None:
    told = call("list", "--agent", "scripted", "--task", "hanoi-1").stdout
    assert " ".join(told.split()) == (
        "no record in runs is of task hanoi-1 and agent scripted; there is: hanoi-1 by nesy, hanoi-1 by random"
    )


@pytest.mark.parametrize("width", [80, 120])
def test_the_list_fits_the_terminal(runs: Path, width: int) -> None:
    file = io.StringIO()
    print_runs(listed(runs), Console(file=file, width=width))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    rows = [" ".join(line.split()) for line in lines]
    if width == 120:
        assert "aaa111 hanoi-1 random mujoco 3* 67% 21% to 94% 4.5 — self-reported 2026-01-01" in rows
        assert any("bbb222 hanoi-1 nesy mujoco 2 of 3* 50% " in row for row in rows)
    else:
        assert "aaa111 hanoi-1 random mujoco 3* 67 (21-94) 4.5 — self 01-01" in rows
        assert any("bbb222 hanoi-1 nesy mujoco 2/3* 50 (" in row for row in rows)
        assert "tier self: self-reported" in " ".join(rows)


@pytest.mark.parametrize("width", [40, 80])
def test_nothing_is_lost_however_narrow_the_terminal_and_long_the_names(runs: Path, width: int) -> None:
    put(runs, "2026-hanoi-1-odd-ccc333", agent="an-agent-of-a-very-long-name")
    file = io.StringIO()
    print_runs(listed(runs), Console(file=file, width=width))
    cells = file.getvalue().split()
    for cell in ("aaa111", "hanoi-1", "random", "mujoco", "3*", "67", "(21-94)", "4.5", "self", "01-01"):
        assert cell in cells
    assert "name" in "".join(cells)


def test_older_and_damaged_records_are_listed_too(runs: Path) -> None:
    shutil.copytree(GOLDEN / "schema-1-first", runs / "old")
    put(runs, "bad")
    (runs / "bad" / "run.json").write_text("{")
    page = call("list").stdout
    assert "old" in page
    assert "! runs/bad/run.json is not JSON" in page
    told = json.loads(call("index", "--json").stdout)
    assert told == {"index": "runs/.index.sqlite", "runs": 4, "unreadable": 1}
    assert "4 records, 1 of them unreadable\n! runs/bad/run.json" in call("index").stdout


def test_an_empty_list_says_so(tmp_path: Path) -> None:
    told = f"no record in {tmp_path}: `nsctl run hanoi-3 --runs {tmp_path}` makes one"
    assert call("list", "--runs", tmp_path).stdout.replace("\n", "") == told
    refused = call("list", "--runs", tmp_path / "nowhere")
    assert refused.exit_code == 2
    assert "there is no folder" in refused.stderr


@pytest.mark.parametrize("name", ["runs/2026-hanoi-1-random-aaa111", "2026-hanoi-1-random-aaa111", "aaa111"])
def test_a_record_is_shown_by_path_by_id_or_by_its_tail(runs: Path, name: str) -> None:
    told = json.loads(call("show", name, "--json").stdout)
    assert (told["episodes"], told["success_at_end"]) == (3, 2)
    assert "success at end     2/3 = 67%" in call("show", name).stdout


def test_a_name_that_no_record_has_is_refused(runs: Path) -> None:
    refused = call("show", "2026-hanoi-1-random-aaa112")
    assert refused.exit_code == 2
    assert "no record is called '2026-hanoi-1-random-aaa112'. Did you mean '2026-hanoi-1-random-aaa111'?" in (
        " ".join(refused.stderr.split())
    )
    put(runs, "2027-aaa111")
    ambiguous = " ".join(call("show", "aaa111").stderr.replace("│", " ").split())
    assert "2 records in runs end in 'aaa111': say more of the id" in ambiguous


def test_resuming_what_is_complete_shows_it(runs: Path) -> None:
    assert json.loads(call("resume", "aaa111", "--json").stdout)["episodes"] == 3
    older = call("resume", GOLDEN / "schema-2-looks")
    assert older.exit_code == 1
    assert "is a record of schema 2 and cannot be gone on with" in older.stderr


def test_resuming_with_other_code_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(GOLDEN / "schema-3", tmp_path / "r")
    run = json.loads((folder / "run.json").read_text())
    run |= {"status": "interrupted", "episodes_sha256": None, "replay_sha256": None}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "episodes.jsonl").write_text((folder / "episodes.jsonl").read_text().splitlines(keepends=True)[0])
    refused = call("resume", folder, "--json")
    assert refused.exit_code == 1
    assert "cannot be gone on with" in refused.stderr


def test_partial_records_are_merged(runs: Path) -> None:
    put(runs, "first", (0, 1)), put(runs, "second", (1, 2))
    told = json.loads(call("merge", "first", "second", "--json").stdout)
    assert (told["episodes"], told["wanted"], told["repeated"], told["status"]) == (3, 3, 1, "complete")
    assert told["merged"] == ["first", "second"]
    assert Path(told["record"]).parent == Path("runs")
    again = call("merge", "first", "second").stdout
    assert "3 of 3 episodes from 2 records; taken once although repeated: 1" in " ".join(again.split())
    assert call("merge", "first", "bbb222").exit_code == 1


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_episodes_are_exported(runs: Path, kind: str) -> None:
    told = json.loads(call("export", "aaa111", "bbb222", "--out", f"x.{kind}", "--json").stdout)
    assert told == {"file": f"x.{kind}", "format": kind, "rows": 5}
    assert len(Path(f"x.{kind}").read_text().splitlines()) == 5 + (kind == "csv")
    assert call("export", "aaa111", "-o", "y", "--format", kind).stdout == "y: 3 episodes of 1 record\n"
    refused = call("export", "aaa111", "-o", "x.txt")
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_the_schema_is_printed_or_written(tmp_path: Path) -> None:
    schema = json.loads(call("schema", "--json").stdout)
    assert set(schema) == {"run", "episode"}
    assert json.loads(call("schema").stdout) == schema
    files = json.loads(call("schema", "--out", tmp_path / "s", "--json").stdout)["files"]
    assert [json.loads(Path(file).read_text()) for file in files] == [schema["run"], schema["episode"]]
