"""The page as it is written: its structure, its size, its bytes, and that it loads nothing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import planted_records
import pytest
from planted_records import plant, row, run_record

from energy.board import HtmlBoard
from energy.board.table import COLUMNS
from nsctl.errors import InvalidValue, RecordError

pytest.importorskip("vl_convert", reason="the extra board is not installed")
VOID = {"meta", "input", "img", "br", "link", "hr"}


class Outline(HTMLParser):
    """Elements with their attributes and texts; fails on an end that closes what was not open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def having(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [a for t, a in self.elements if t == tag and attributes.items() <= a.items()]


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    runs = tmp_path / "runs"
    return [
        plant(runs, "20260101T000000Z-hanoi-3-nesy-aaaaaa", [True] * 9 + [False], [1.0] * 10),
        plant(runs, "20260102T000000Z-hanoi-3-nesy-bbbbbb", [True] * 60, [0.5] * 60),
        plant(runs, "20260103T000000Z-hanoi-3-random-cccccc", [False] * 5, [0.1] * 5, agent={}, privilege="pixels"),
        plant(runs, "20260104T000000Z-sort-6-nesy-dddddd", [True] * 8, [2.0] * 8, label="measured", task="sort-6"),
    ]


def built(folders: list[Path], out: Path, title: str = "A board") -> str:
    return HtmlBoard().build(folders, out, title=title).read_text()


def test_structure(folders: list[Path], tmp_path: Path) -> None:
    page = built(folders, tmp_path / "board")
    outline = Outline(page)
    lines = [a for a in outline.having("tr") if "data-run" in a]
    assert {a["data-run"] for a in lines} == {folder.name for folder in folders}
    assert [a["data-tier"] for a in lines] == ["self-reported"] * 4
    assert len(outline.having("tbody", role="rowgroup")) == 3  # one a setting
    assert len(outline.having("th", scope="rowgroup")) == 3
    assert len(outline.having("th", scope="row", role="rowheader")) == 4
    heads = [a["data-key"] for a in outline.having("th", scope="col", role="columnheader")]
    assert heads[:4] == ["rank", "agent", "success", "cost"]
    assert {"robot", "training"} <= set(heads)
    assert len(outline.having("details")) == 4
    assert {a["id"] for a in outline.having("section")} == {"task-hanoi-3", "task-sort-6"}
    assert {a["name"] for a in outline.having("select")} == {
        "task", "agent", "engine", "privilege", "hardware", "grade", "tier", "sort",
    }  # fmt: skip
    links = {a["href"] for a in outline.having("a") if (a["href"] or "").startswith("#run-")}
    assert links == {f"#{a['id']}" for a in outline.having("details")}


def test_what_the_table_says(folders: list[Path], tmp_path: Path) -> None:
    page = built(folders, tmp_path / "board")
    words = re.sub(r"<[^>]+>", " ", page[page.index("<table") : page.index("</table>")])
    assert "90 %" in words
    assert "9/10" in words
    assert words.count("provisional") == 3  # all but the run of 60 episodes
    assert "no interval" in page or "to" in words
    assert 'title="nothing succeeded"' in page
    assert "Clopper-Pearson 95 %: 55.5 % to 99.7 %; Wilson 95 %, as drawn: 59.6 % to 98.2 %" in page


def test_the_world_s_joules_are_those_that_are_not_the_agent_s(tmp_path: Path) -> None:
    (world,) = (column for column in COLUMNS if column.key == "world")
    assert world.value(row(tmp_path, "r", 1, 4, 9.0)) == pytest.approx(3.0)


def test_every_chart_has_words_and_a_still_picture(folders: list[Path], tmp_path: Path) -> None:
    page = built(folders, tmp_path / "board")
    plots = Outline(page).having("div", role="img")
    assert len(plots) == 3
    assert all(a["aria-label"] for a in plots)
    assert page.count("<svg") == 3


def test_the_same_records_give_the_same_bytes(folders: list[Path], tmp_path: Path) -> None:
    first = built(folders, tmp_path / "one")
    assert built(folders[::-1], tmp_path / "other") == first


def test_nothing_is_loaded(folders: list[Path], tmp_path: Path) -> None:
    page = built(folders, tmp_path / "board")
    for _, attributes in Outline(page).elements:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            assert not re.match(r"(https?:)?//", attributes.get(name) or "")
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in page


def test_a_strangers_words_are_not_markup(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script><img src=x>\"'&"
    folder = plant(tmp_path, "r", [False], [1.0], who=nasty, task=nasty, command=(nasty,), versions={nasty: nasty})
    page = built([folder], tmp_path / "board", title=nasty)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert len(Outline(page).having("script")) == 3


def test_fifty_runs_stay_below_two_megabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted_records, "SKILLS", planted_records.SKILLS * 10)
    names = [f"20260101T000000Z-a-task-of-many-agent-{number:06x}" for number in range(50)]
    won = [True] * 6 + [False] * 2
    folders = [plant(tmp_path / "runs", name, won, [1.0] * 8, task=f"t{i % 6}") for i, name in enumerate(names)]
    assert len(built(folders, tmp_path / "board").encode()) < 2_000_000


def test_videos_beside_the_page_are_linked(folders: list[Path], tmp_path: Path) -> None:
    videos, run = tmp_path / "board" / "videos", folders[0].name
    videos.mkdir(parents=True)
    (videos / f"{run}-0000.webp").touch()
    (videos / f"{run}-0009-differs.webp").touch()
    (videos / "stranger-0000.webp").touch()
    page = built(folders, tmp_path / "board")
    assert [a["src"] for a in Outline(page).having("img")] == [
        f"videos/{run}-0000.webp",
        f"videos/{run}-0009-differs.webp",
    ]
    assert "did not end in the same state" in page
    assert "played again to the same end" in page


def test_the_data_for_scripts_are_those_of_the_table(folders: list[Path], tmp_path: Path) -> None:
    page = built(folders, tmp_path / "board")
    data = json.loads(page[page.index('id="data">') + 10 : page.index("</script>")])
    assert {point["id"]: point["rate"] for point in data["points"]} == {
        folders[0].name: 0.9, folders[1].name: 1.0, folders[3].name: 1.0,
    }  # fmt: skip


def test_refusals(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="at least one record"):
        built([], tmp_path / "board")
    with pytest.raises(InvalidValue, match="are the same run"):
        built([folders[0], folders[0]], tmp_path / "board")
    lines = (folders[0] / "episodes.jsonl").read_text().replace('"steps":80', '"steps":79', 1)
    (folders[0] / "episodes.jsonl").write_text(lines)
    with pytest.raises(RecordError, match="was changed after"):
        built(folders, tmp_path / "board")
    assert not (tmp_path / "board").exists()


def test_a_run_that_is_not_complete_is_refused(tmp_path: Path) -> None:
    from nsctl.record_folder import RecordWriter

    with RecordWriter.create(tmp_path, run_record("r", 2)):
        pass
    with pytest.raises(RecordError, match="is running, and a board shows complete runs alone"):
        built([tmp_path / "r"], tmp_path / "board")
