"""The page: one file that holds all it needs and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any, Final

from energy.board import charts
from energy.board.markup import Html, joined, script_json, tag
from energy.board.rows import Row, by_setting
from energy.board.sections import run_section
from energy.board.table import FILTERS, filter_values, summary_sentence, table

EPISODES_SHOWN: Final = 4
ALL_EPISODES_SHOWN: Final = 200
"""Timelines of a run, and of all runs together, so that the page stays below 2 MB."""
Clips = Mapping[str, Mapping[int, str]]
"""Run -> episode -> address of its video, seen from the page."""
SYMBOLS: Final = {"circle": "●", "square": "■", "triangle-up": "▲", "diamond": "◆", "cross": "✚", "triangle-down": "▼"}


def page(rows: Sequence[Row], title: str, clips: Clips) -> str:
    """The whole page in HTML; the same rows give the same bytes."""
    groups = {row.run.id: number for number, group in enumerate(by_setting(rows).values()) for row in group}
    tasks = sorted({row.run.config.task for row in rows})
    agents = sorted({row.name for row in rows})
    points = charts.scatter_values(rows, groups)
    scatter = charts.scatter(points, tasks, agents)
    bars = {task: charts.phase_values([row for row in rows if row.run.config.task == task]) for task in tasks}
    data = {
        "points": points,
        "scatter": charts.live(scatter),
        "bars": bars,
        "phases": charts.live(charts.phase_bars([])),
    }
    return Template(_asset("page.html")).substitute(
        title=tag("span", title)[6:-7],
        style=_asset("board.css"),
        summary=summary_sentence(rows),
        filters=_filters(rows),
        legend=_legend(tasks, agents),
        scatter=charts.picture(scatter) if points else "",
        unseen=_without_point(len(rows) - len(points)),
        table=table(rows),
        tasks=joined(_task(task, rows, bars[task], clips) for task in tasks),
        data=script_json(data),
        vega=charts.vega_packed(),
        script=_asset("board.js"),
    )


def _task(task: str, rows: Sequence[Row], values: Sequence[Any], clips: Clips) -> Html:
    of_task = [row for row in rows if row.run.config.task == task]
    most = max(1, min(EPISODES_SHOWN, ALL_EPISODES_SHOWN // len(rows)))
    drawn = Html(charts.picture(charts.phase_bars(values))) if values else ""
    told = "Joules an episode by phase; the table of each run below has the figures."
    chart = tag("div", drawn, class_="plot", data_task=task, role="img", aria_label=f"{task}: {told}")
    key = joined(_key(colour, "■", phase) for phase, colour in charts.PHASE_COLOURS.items())
    caption = tag("figcaption", "Where the joules go: above the agent, below it the world. Outlined bars are modelled.")
    runs = (
        run_section(row, [other for other in of_task if other.setting == row.setting], most, clips.get(row.run.id, {}))
        for row in of_task
    )
    return tag(
        "section",
        tag("h2", task),
        tag("figure", caption, chart, tag("p", key, class_="legend")),
        *runs,
        id=f"task-{task}",
        class_="task",
    )


def _filters(rows: Sequence[Row]) -> Html:
    told = [filter_values(row) for row in rows]
    fields = []
    for name in FILTERS:
        values = sorted({values[name] for values in told})
        options = [tag("option", "all", value=""), *(tag("option", value, value=value) for value in values)]
        fields.append(tag("label", tag("span", name), tag("select", *options, name=name)))
    return joined(fields)


def _legend(tasks: Sequence[str], agents: Sequence[str]) -> Html:
    colours = (_key(charts.colour(tasks, task), "●", task) for task in tasks)
    shapes = (_key("currentColor", SYMBOLS[charts.shape(agents, agent)], agent) for agent in agents)
    return joined([*colours, *shapes])


def _key(colour: str, symbol: str, words: str) -> Html:
    return tag("span", tag("i", symbol, style=f"color:{colour}", aria_hidden="true"), " ", words)


def _without_point(count: int) -> Html:
    """Why runs have no point; the script keeps the number true under filters."""
    runs = tag("span", "1 run is" if count == 1 else f"{count} runs are")
    why = " in the table alone: without a success, or with joules missing, there are no joules per success."
    return tag("p", runs, why, class_="dim", id="unseen", hidden=not count)


def _asset(name: str) -> str:
    return files("energy.board").joinpath("assets", name).read_text(encoding="utf-8")
