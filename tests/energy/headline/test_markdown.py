"""The page of results: whole, the same twice, apart where classes differ, and honest about what it does not know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from planted_records import even, plant

from energy.board import charts
from energy.headline import HeadlineBoard
from energy.headline.text import code, plain, slug, table
from nsctl.errors import InvalidValue, NsctlError, RecordError
from nsctl.ledger import NOTHING
from nsctl.record_folder import RUN
from nsctl.records import IdleRecord, MeterRecord

PLANS = {**dict.fromkeys(NOTHING, "something"), "domain": "PDDL, given with the task"}


def agent(joules: float | None, sha: str, **knowledge: str) -> dict[str, Any]:
    told = None if joules is None else {"joules": joules, "label": "measured"}
    return {"training": told, "knowledge": {**PLANS, **knowledge}, "skills": {"pick": {"sha256": sha * 32}}}


@pytest.fixture
def records(tmp_path: Path) -> list[Path]:
    """A planner that wins 54 of 60 at 1 J and was trained for 1 kJ; a VLA that wins 20 at 9 J, trained for 90 kJ."""
    runs = tmp_path / "runs"
    counter = MeterRecord(
        name="rapl", label="measured", granularity="phase", scope="machine", counts=True, why_not="", description={}
    )
    common = {"task": "hanoi-3", "disturb": (), "command": ("nsctl", "reproduce", "headline", "--quick")}
    nesy = {"who": "nesy", "agent": agent(1000.0, "ab"), "meters": (counter,)}
    vla = {"who": "vla", "agent": agent(90_000.0, "cd", domain="none"), "meters": (counter,), "privilege": "pixels"}
    one = plant(runs, "x-nesy-01", [i >= 6 for i in range(60)], even(1.0, 60), "measured", **common, **nesy)
    other = plant(runs, "x-vla-02", [i < 20 for i in range(60)], even(9.0, 60), "measured", **common, **vla)
    return [one, other]


def written(folders: list[Path], out: Path, title: str = "Headline", **more: Any) -> str:
    return HeadlineBoard().build(folders, out, title=title, **more).read_text()


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the rows that begin so."""
    return [
        [cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if line.startswith(f"| {first} ")
    ]


def test_the_same_records_give_the_same_bytes_and_are_left_alone(records: list[Path], tmp_path: Path) -> None:
    before = {path: path.read_bytes() for folder in records for path in folder.iterdir()}
    for name in "ab":
        written(records, tmp_path / name)
    pages = [{p.name: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()} for name in "ab"]
    assert pages[0] == pages[1]
    assert set(pages[0]) == {"headline.md", "success.svg", "joules.svg", "phases.svg"}
    assert {path: path.read_bytes() for folder in records for path in folder.iterdir()} == before


def test_every_picture_that_is_named_is_there(records: list[Path], tmp_path: Path) -> None:
    text = written(records, tmp_path)
    named = re.findall(r"!\[\w+\]\(([^)]+)\)", text)
    assert len(named) == 3
    assert all((tmp_path / name).read_text().startswith("<svg") for name in named)


def test_ours_stands_beside_the_papers_agent_that_does_the_same_work(records: list[Path], tmp_path: Path) -> None:
    lines = {line[1]: line[2:] for line in rows(written(records, tmp_path), "hanoi-3") if len(line) == 10}
    assert lines["neuro-symbolic"][:4] == ["95 %", "830", "874", "`nesy`"]
    assert lines["neuro-symbolic"][4] == "90.0 %"
    assert lines["end-to-end VLA"][:5] == ["34 %", "7,960", "23,412", "`vla`", "33.3 %"]
    assert lines["planner-guided VLA"][:4] == ["0 %", "6,940", "–", "–"]


def test_a_variant_does_the_same_work_and_of_several_the_first_counts(records: list[Path], tmp_path: Path) -> None:
    more = [
        plant(tmp_path / "runs", f"x-vla-{i}", [True] * 60, even(9.0, 60), task="hanoi-3", disturb=(), who=f"vla:{i}")
        for i in ("a", "b")
    ]
    lines = {line[1]: line for line in rows(written([records[0], *more], tmp_path), "hanoi-3") if len(line) == 10}
    assert lines["end-to-end VLA"][5] == "`vla:a`"


def test_ratios_are_the_others_over_the_first_with_the_papers_beside(records: list[Path], tmp_path: Path) -> None:
    text = written(records, tmp_path)
    (line,) = [line for line in rows(text, "hanoi-3") if len(line) == 7]
    assert line[1] == "`vla`"
    assert float(line[2].split(" ")[0]) == pytest.approx((9 * 60 / 20) / (60 / 54), rel=0.01)
    assert line[2].startswith("24.3 [")
    assert (line[3], line[4], line[5]) == ("–", "measured", "26.8")
    assert line[6] == "tracked and pixels |"
    (trained,) = [line for line in rows(text, "`vla`") if len(line) == 5 and line[2] == "measured"]
    assert trained[1:4] == ["90", "measured", "–"]
    assert trained[4] == "80.6 |"


def test_the_papers_ratio_stands_only_beside_one_over_a_planner(records: list[Path], tmp_path: Path) -> None:
    """Held against a VLA, another VLA has no published counterpart to its ratio."""
    other = plant(
        tmp_path / "runs",
        "x-vla-03",
        [True] * 60,
        even(9.0, 60),
        task="hanoi-3",
        disturb=(),
        who="vla:b",
        agent=agent(1.0, "ef"),
    )
    text = written([records[1], other], tmp_path)
    (line,) = [line for line in rows(text, "hanoi-3") if len(line) == 7]
    assert (line[1], line[5]) == ("`vla:b`", "–")
    (trained,) = [line for line in rows(text, "`vla:b`") if len(line) == 5 and line[3] == "–"]
    assert trained[4] == "– |"


def test_who_plays_a_later_task_alone_has_a_ratio_of_trainings(records: list[Path], tmp_path: Path) -> None:
    move = plant(
        tmp_path / "runs", "x-nesy-04", [True] * 6, even(1.0, 6), task="move", who="nesy", agent=agent(1000.0, "ab")
    )
    text = written([move, *records], tmp_path)
    assert [line[1] for line in rows(text, "`vla`") if len(line) == 5 and line[2] == "measured"] == ["90"]
    assert "## How many times the joules of nesy" in text


def test_what_forbids_to_rank_joules_is_said_beside_the_ratios(records: list[Path], tmp_path: Path) -> None:
    text = written(records, tmp_path)
    assert "- a ratio and no ranking" not in text
    path = records[1] / RUN
    path.write_text(path.read_text().replace('"workers": 1', '"workers": 2'))
    text = written(records, tmp_path)
    assert "- a ratio and no ranking, since these differ: number of workers: `vla` in hanoi-3" in text


def test_other_starts_are_not_said_to_be_the_same(records: list[Path], tmp_path: Path) -> None:
    assert "all from the same initial states" in written(records, tmp_path)
    few = plant(tmp_path / "few", "y-03", [True] * 3, [1.0] * 3, task="hanoi-3", disturb=(), who="b")
    assert "whose initial states are not all the same" in written([records[0], few], tmp_path)


def test_classes_have_tables_of_their_own(records: list[Path], tmp_path: Path) -> None:
    text = written(records, tmp_path)
    assert text.count("Class `tracked`") == text.count("Class `pixels`") == 3  # success, joules, failures
    assert "privilege class differs: tracked and pixels" in text
    assert "they stand apart and are not ranked" in text


def test_where_it_comes_from_is_told(records: list[Path], tmp_path: Path) -> None:
    text = written(records, tmp_path)
    assert text.count("\n    nsctl reproduce headline --quick\n") == 1
    assert "machine: A processor, 2 cores, no GPU; 1 worker" in text
    for sha, name in (("ab" * 8, "nesy"), ("cd" * 8, "vla")):
        assert f"| `{sha}` | skills.pick | `{name}` |" in text
    assert "| domain | PDDL, given with the task | none |" in text
    assert "`x-nesy-01`" in text


def test_idle_power_is_told_of_machine_and_gpu(tmp_path: Path) -> None:
    idle = IdleRecord(
        before={"rapl": 5.0}, after={"rapl": 6.5}, seconds=2.0, drift=True, contended=False, devices={"nvml": 70.0}
    )
    text = written([plant(tmp_path / "runs", "x-01", [True], [1.0], idle=idle)], tmp_path)
    assert "- idle power: rapl 5 W before, 6.5 W after, nvml 70 W; drifted\n" in text


def test_few_episodes_are_provisional_and_missing_agents_named(records: list[Path], tmp_path: Path) -> None:
    few = plant(tmp_path / "few", "y-nesy-03", [True] * 3, [1.0] * 3, task="move")
    text = written([few], tmp_path, missing={"vla": "no weights in policies/vla|weights"})
    assert "**Provisional: fewer than 50 episodes.**" in text
    assert "- `vla`: no weights in policies/vla\\|weights" in text
    assert "How many times the joules" not in text
    assert "Provisional" not in written(records, tmp_path)


def test_without_the_extra_there_is_a_page_without_plots(
    records: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise NsctlError(charts.MISSING_EXTRA)

    monkeypatch.setattr("energy.headline.plots.library", missing)
    text = written(records, tmp_path / "bare")
    assert "No plots: the board's charts need vl-convert-python" in text
    assert not list((tmp_path / "bare").rglob("*.svg"))


def test_what_records_say_is_no_markup(tmp_path: Path) -> None:
    evil = plant(tmp_path / "runs", "z-01", [False], [1.0], who="a`b|<c>", task="move")
    text = written([evil], tmp_path)
    assert "`a'b\\|<c>`" in text  # inside a code span, where it is shown as it stands
    assert "<c>" not in text.replace("`a'b\\|<c>`", "")


def test_what_is_no_whole_record_is_refused(records: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="a board needs at least one record"):
        HeadlineBoard().build([], tmp_path, title="x")
    with pytest.raises(InvalidValue, match="the record x-nesy-01 is named twice"):
        HeadlineBoard().build([records[0]] * 2, tmp_path, title="x")
    path = records[0] / RUN
    path.write_text(path.read_text().replace('"status": "complete"', '"status": "interrupted"'))
    with pytest.raises(RecordError, match="is interrupted, and a page shows complete runs alone"):
        written(records, tmp_path)


def test_markdown_is_escaped_and_lines_up() -> None:
    assert plain("a_b *c*\n<d> | e") == r"a\_b \*c\* \<d\> \| e"
    assert code("a`b | c") == "`a'b \\| c`"
    assert table(("a", "b#"), [["1", "2"]]).splitlines() == ["| a | b |", "| --- | ---: |", "| 1 | 2 |"]
    assert [slug(title) for title in ("Headline", "A quick look!", "???")] == ["headline", "a-quick-look", "results"]
