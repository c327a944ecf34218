"""The page in a real browser: sorting, filtering, live charts, a phone's width, the dark."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from planted_records import even, plant

from energy.board import HtmlBoard

pytest.importorskip("vl_convert", reason="the extra board is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to open the page in")

PROBE = """
<script>
(async () => {
  const told = {};
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const until = async (good) => { for (let i = 0; i < 200 && !good(); i++) await wait(20); return good(); };
  const table = document.getElementById("board"), form = document.getElementById("filters");
  const lines = () => [...table.querySelectorAll("tr[data-run]")].filter((line) => !line.hidden);
  const shown = () => lines().map((line) => line.dataset.run.slice(-1));
  const head = (key) => table.tHead.querySelector(`[data-key=${key}]`);
  const sorts = () => [...table.tHead.rows[0].cells].map((c) => c.getAttribute("aria-sort")).filter(Boolean);
  const points = () => document.querySelectorAll("#scatter .mark-symbol path").length;
  const set = (name, value) => { form.elements[name].value = value; form.dispatchEvent(new Event("input")); };
  told.live = await until(() => document.documentElement.dataset.live !== undefined);
  told.first = shown().join("");
  const clicks = {};
  for (const key of ["cost", "success", "agent"]) {
    clicks[key] = [];
    for (let i = 0; i < 3; i++) {
      head(key).querySelector("button").click();
      clicks[key].push([shown().join(""), ...sorts()]);
    }
  }
  told.clicks = clicks;
  told.rows = [...table.tBodies].map((body) => body.querySelectorAll("tr[data-run]").length);
  told.focusable = head("cost").querySelector("button").tabIndex;
  told.points = points();
  told.hollow = document.querySelectorAll('#scatter .mark-symbol path[fill-opacity="0"]').length;
  told.lines = document.querySelectorAll("#scatter .mark-line path[d]").length;
  told.bars = document.querySelectorAll("[data-task='hanoi-3'] .mark-rect path").length;
  const plot = document.getElementById("scatter");
  told.width = plot.querySelector("svg").getBoundingClientRect().width / plot.clientWidth;
  set("task", "sort-6");
  told.filtered = shown().join("");
  told.count = form.elements.count.value;
  told.sections = [...document.querySelectorAll("section.task")].filter((s) => !s.hidden).map((s) => s.id);
  told.bodies = [...table.tBodies].filter((b) => !b.hidden).length;
  told.fewer = await until(() => points() === 1) && points();
  set("task", ""); set("search", "pixels");
  told.searched = shown().join("");
  const unseen = document.getElementById("unseen"), none = document.getElementById("none");
  const away = (id) => document.getElementById(id).hidden;
  told.unseen = [unseen.hidden, unseen.textContent.slice(0, 8)];
  set("search", "nothing like it");
  told.none = [none.hidden, away("scatter-figure"), away("table"), form.elements.count.value];
  set("search", ""); set("agent", "nesy + z");
  told.lent = [shown().join(""), unseen.hidden, none.hidden, away("scatter-figure")];
  form.reset();
  await wait(50);
  told.reset = shown().join("");
  told.again = await until(() => points() === 4) && points();
  location.hash = "run-" + table.querySelector("tr[data-run]").dataset.run;
  told.unfolded = await until(() => document.querySelectorAll("details[open]").length === 1);
  told.loads = performance.getEntriesByType("resource").map((e) => e.name);
  told.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const style = (selector, what) => getComputedStyle(document.querySelector(selector))[what];
  told.ink = [style("#scatter .role-axis-label text", "fill"), style("#scatter-figure", "backgroundColor")];
  told.text = [style("body", "color"), style("body", "backgroundColor")];
  const out = document.createElement("pre");
  out.id = "told";
  out.textContent = JSON.stringify(told);
  document.body.append(out);
})();
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs a to e: a and b rivals, c alone by its privilege and without a success, d and e each alone by their task."""
    place = tmp_path_factory.mktemp("board")
    folders = [
        plant(place / "runs", "run-a", [True] * 10, even(3.0, 10), agent={}, skills=("z",)),
        plant(place / "runs", "run-b", [True] * 6 + [False] * 4, even(1.0, 10)),
        plant(place / "runs", "run-c", [False] * 10, even(1.0, 10), privilege="pixels"),
        plant(place / "runs", "run-d", [True] * 10, even(2.0, 10), task="sort-6", label="measured", grade="B"),
        plant(place / "runs", "run-e", [True] * 10, even(2.0, 10), task="stack-4"),
    ]
    built = HtmlBoard().build(folders, place / "out", title="A board")
    built.write_text(built.read_text().replace("</body>", PROBE + "</body>"))
    return built


def opened(page: Path, profile: Path, size: str, *options: str) -> dict[str, Any]:
    """What the probe finds in the page in a window of this size."""
    assert CHROMIUM is not None
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", *options]
    command += [f"--window-size={size}", "--virtual-time-budget=20000", "--dump-dom", page.as_uri()]
    environment = os.environ | {"HOME": str(profile)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, f"the probe said nothing: {done.stderr[-2000:]}"
    return dict(json.loads(unescape(told[1])))


@pytest.fixture(scope="module")
def desktop(page: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return opened(page, tmp_path_factory.mktemp("profile"), "1280,900")


def test_rows_sort_inside_their_setting_alone(desktop: dict[str, Any]) -> None:
    assert desktop["first"] == "cabde"
    assert desktop["clicks"] == {
        "cost": [["cbade", "ascending"], ["cabde", "descending"], ["cabde"]],
        "success": [["cabde", "descending"], ["cbade", "ascending"], ["cabde"]],
        "agent": [["cbade", "ascending"], ["cabde", "descending"], ["cabde"]],
    }
    assert desktop["rows"] == [1, 2, 1, 1]
    assert desktop["focusable"] == 0


def test_filters_act_on_table_charts_and_sections(desktop: dict[str, Any]) -> None:
    assert (desktop["filtered"], desktop["count"], desktop["fewer"]) == ("d", "1 of 5 runs", 1)
    assert (desktop["sections"], desktop["bodies"]) == (["task-sort-6"], 1)
    assert desktop["searched"] == "c"
    assert desktop["unseen"] == [False, "1 run is"]
    assert desktop["lent"] == ["a", True, True, False]


def test_nothing_found_is_said(desktop: dict[str, Any]) -> None:
    assert desktop["none"] == [False, True, True, "0 of 5 runs"]


def test_a_reset_brings_all_back(desktop: dict[str, Any]) -> None:
    assert (desktop["reset"], desktop["again"]) == ("cabde", 4)


def test_the_charts_are_live(desktop: dict[str, Any]) -> None:
    assert desktop["live"]
    assert (desktop["points"], desktop["hollow"]) == (4, 3)
    assert desktop["lines"] >= 1
    assert desktop["bars"] == 18
    assert 0.95 < desktop["width"] <= 1.0


def test_a_link_unfolds_its_run_and_nothing_is_loaded(desktop: dict[str, Any]) -> None:
    assert desktop["unfolded"]
    assert desktop["loads"] == []


@pytest.mark.parametrize(
    ("size", "options"), [("360,800", ()), ("1280,900", ("--force-dark-mode",))], ids=["phone", "dark"]
)
def test_on_a_phone_and_in_the_dark(page: Path, tmp_path: Path, size: str, options: tuple[str, ...]) -> None:
    told = opened(page, tmp_path, size, *options)
    assert told["wide"] <= 0
    assert told["points"] == 4
    assert 0.95 < told["width"] <= 1.0
    assert contrast(*told["ink"]) >= 4.5
    assert contrast(*told["text"]) >= 7
    assert (luminance(told["text"][1]) < 0.1) == bool(options)


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Of ``rgb(r, g, b)``, by WCAG 2.1."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
