"""The charts: what is drawn, in colours that are seen by day and by night, and what is said where Vega is missing."""

from __future__ import annotations

import gzip
import re
import sys
from base64 import b64decode
from importlib.resources import files
from pathlib import Path

import pytest
from planted_records import row

from energy.board import charts
from energy.board.rows import Row
from nsctl.errors import NsctlError

pytest.importorskip("vl_convert", reason="the extra board is not installed")


def drawn(rows: list[Row]) -> str:
    values = charts.scatter_values(rows, {row.run.id: 0 for row in rows})
    return charts.picture(charts.scatter(values, ["hanoi-3"], ["nesy"]))


def test_modelled_points_are_hollow_and_others_are_not(tmp_path: Path) -> None:
    assert 'fill-opacity="0"' in drawn([row(tmp_path, "a", 5, 9, 1.0)])
    assert 'fill-opacity="0"' not in drawn([row(tmp_path, "b", 5, 9, 1.0, label="measured")])


def test_the_pareto_line_joins_the_runs_that_no_cheaper_one_equals(tmp_path: Path) -> None:
    cheap, dear, beaten = (
        row(tmp_path, "cheap", 5, 10, 1.0),
        row(tmp_path, "dear", 9, 10, 9.0),
        row(tmp_path, "beaten", 4, 10, 5.0),
    )

    def corners(rows: list[Row]) -> int:
        (path,) = re.findall(r'<path [^>]*d="([^"]+)"[^>]*stroke-dasharray="5,4"', drawn(rows))
        return len(re.findall("[MLHV]", path))

    assert corners([cheap, dear]) == corners([cheap, dear, beaten]) > corners([cheap, beaten])


def test_each_setting_has_a_pareto_line_of_its_own(tmp_path: Path) -> None:
    """Both of the second setting are beaten by those of the first, with which they are not to be compared."""
    rows = [row(tmp_path, f"r{n}", won, 10, mean) for n, (won, mean) in enumerate(((5, 1), (9, 9), (2, 5), (4, 20)))]
    values = charts.scatter_values(rows, {row.run.id: n // 2 for n, row in enumerate(rows)})
    picture = charts.picture(charts.scatter(values, ["hanoi-3"], ["nesy"]))
    lines = re.findall(r'<path [^>]*d="([^"]+)"[^>]*stroke-dasharray="5,4"', picture)
    assert [len(re.findall("[MLHV]", line)) for line in lines] == [3, 3]


def test_a_run_without_a_success_has_no_point(tmp_path: Path) -> None:
    assert charts.scatter_values([row(tmp_path, "a", 0, 9, 1.0)], {"a": 0}) == []


def test_an_interval_without_an_upper_end_is_drawn_open(tmp_path: Path) -> None:
    (value,) = charts.scatter_values([row(tmp_path, "a", 1, 9, 1.0)], {"a": 0})
    assert value["open"]
    assert 'stroke-dasharray="2,3"' in drawn([row(tmp_path, "b", 1, 9, 1.0)])


def test_phase_bars_have_every_phase_that_is_known(tmp_path: Path) -> None:
    values = charts.phase_values([row(tmp_path, "a", 1, 2, 3.0)])
    assert {value["phase"]: round(value["joules"], 9) for value in values} == {
        "perceive": 1.0, "plan": 1.0, "policy": 1.0, "simulate": 1.0, "render": 1.0, "harness": 1.0,
    }  # fmt: skip
    assert "<svg" in charts.picture(charts.phase_bars(values))


def test_the_same_figures_give_the_same_picture(tmp_path: Path) -> None:
    rows = [row(tmp_path, "a", 5, 9, 1.0)]
    assert drawn(rows) == drawn(rows)


def test_vega_travels_packed() -> None:
    script = gzip.decompress(b64decode(charts.vega_packed())).decode()
    assert "window.vegaEmbed=" in script
    assert len(charts.vega_packed()) < 500_000


def test_without_the_extra_a_sentence_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(NsctlError, match=r"pip install 'nsctl\[board\]'"):
        charts.library()


@pytest.mark.parametrize("colour", [*charts.PALETTE, *charts.PHASE_COLOURS.values()])
def test_colours_are_seen_by_day_and_by_night(colour: str) -> None:
    pages = re.findall(r"--card: (#[0-9a-f]{3,6})", files("energy.board").joinpath("assets/board.css").read_text())
    assert len(pages) == 2
    assert min(contrast(colour, page) for page in pages) >= 3


def contrast(one: str, other: str) -> float:
    """WCAG 2.1 contrast ratio of two colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
