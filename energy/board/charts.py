"""The two charts in Vega-Lite, drawn with vl-convert: as a picture for readers without scripts, and live.

vl-convert brings Vega in its wheel: 0.90 MB of JavaScript, of which the page carries 0.39 MB, packed. Plotly's wheel has its
whole library alone, 4.8 MB. Altair would write the same charts with four more packages; they are short without.
Text and lines of the axes take their colour from the page's style sheet, so that one drawing suits light and dark.
"""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

from energy.board.rows import Row
from nsctl.errors import NsctlError
from nsctl.phases import AGENT_PHASES, PHASES

Spec = dict[str, Any]
PALETTE: Final = [
    "#3b82c4",
    "#d9722e",
    "#2f9e77",
    "#b05bc0",
    "#b0851c",
    "#d6577f",
    "#5f8f2f",
    "#7b74d6",
    "#1f9fb4",
    "#a3705a",
]
"""Colours of tasks, each with a contrast of at least 3 to white and to the dark page."""
PHASE_COLOURS: Final = {
    "perceive": "#2f9e77",
    "plan": "#d9722e",
    "policy": "#3b82c4",
    "simulate": "#858e98",
    "render": "#a08f6a",
    "harness": "#6b737c",
}
SHAPES: Final = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"]
PICTURE_WIDTH: Final = 760
"""Pixels of the picture; the live chart is as wide as the page."""
BUNDLE: Final = "window.vegaEmbed = vegaEmbed;"
MISSING_EXTRA: Final = (
    "the board's charts need vl-convert-python, which is not installed: pip install 'nsctl[board]' brings it"
)


def library() -> Any:
    """vl-convert; a sentence names the extra where it is missing."""
    try:
        import vl_convert
    except ImportError as error:
        raise NsctlError(MISSING_EXTRA) from error
    return vl_convert


def vega_packed() -> str:
    """Vega in JavaScript, which makes ``window.vegaEmbed``: gzip in base64, a third of its size; a browser can unpack it."""
    script = str(library().javascript_bundle(BUNDLE))
    return b64encode(gzip.compress(script.encode(), mtime=0)).decode()


def live(spec: Spec) -> Spec:
    """The chart as wide as its container, without its data: the page fills in ``rows``."""
    return {**spec, "data": {"name": "rows"}, "width": "container"}


def picture(spec: Spec) -> str:
    """The chart in SVG."""
    svg = str(library().vegalite_to_svg({**spec, "width": PICTURE_WIDTH}))
    return re.sub(r'(<svg[^>]*?) width="[\d.]+" height="[\d.]+"', r"\1", svg, count=1)


def scatter_values(rows: Sequence[Row], group_of: Mapping[str, int]) -> list[Spec]:
    """One entry a run that has joules per success."""
    values = []
    for row in rows:
        joules, bounds = row.cost.value, row.cost
        if joules is None or joules <= 0:
            continue
        low, high = row.summary.interval
        text = f"{row.summary.success_at_end}/{row.summary.episodes}, {joules:.3g} J per success ({row.label})"
        values.append(
            {
                "id": row.run.id,
                "group": group_of[row.run.id],
                "task": row.run.config.task,
                "agent": row.name,
                "joules": joules,
                "joules_low": bounds.low or joules,
                "joules_high": bounds.high or joules,
                "open": bounds.low is not None and bounds.high is None,
                "rate": row.rate,
                "low": low,
                "high": high,
                "hollow": row.hollow,
                "tip": f"{row.run.config.task}, {row.name} {row.key}: {text}",
            }
        )
    return values


def scatter(values: Sequence[Spec], tasks: Sequence[str], agents: Sequence[str]) -> Spec:
    """Success against joules per success, intervals of both, and each setting's Pareto line; models are hollow."""
    x: Spec = {"field": "joules", "type": "quantitative", "title": "agent's joules per success (log)"}
    x |= {"scale": {"type": "log", "nice": False, "padding": 24}}
    x |= {"axis": {"format": "~g", "tickCount": 6, "labelOverlap": "greedy"}}
    y: Spec = {
        "field": "rate",
        "type": "quantitative",
        "title": "success at end",
        "scale": {"domain": [0, 1.02], "nice": False},
    }
    y |= {"axis": {"format": ".0%", "values": [0, 0.2, 0.4, 0.6, 0.8, 1]}}
    task = _named("task", {name: colour(tasks, name) for name in tasks})
    agent = _named("agent", {name: shape(agents, name) for name in agents})
    whisker = {"type": "rule", "strokeWidth": 1.5, "opacity": 0.45, "aria": False}
    return _chart(
        values,
        height=340,
        layer=[
            {
                "transform": _pareto(),
                "mark": {"type": "line", "interpolate": "step-after", "strokeDash": [5, 4], "opacity": 0.7},
                "encoding": {"x": x, "y": y, "color": task, "detail": {"field": "group"}},
            },
            {
                "mark": whisker,
                "encoding": {"x": {**x, "field": "joules_low"}, "x2": {"field": "joules_high"}, "y": y, "color": task},
            },
            {
                "transform": [{"filter": "datum.open"}],
                "mark": {**whisker, "strokeDash": [2, 3]},
                "encoding": {"x": x, "x2": {"value": "width"}, "y": y, "color": task},
            },
            {"mark": whisker, "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": task}},
            {
                "mark": {"type": "point", "size": 110, "strokeWidth": 2, "cursor": "pointer"},
                "encoding": {
                    "x": x,
                    "y": y,
                    "stroke": task,
                    "fill": task,
                    "fillOpacity": {"condition": {"test": "datum.hollow", "value": 0}, "value": 0.85},
                    "shape": agent,
                    "tooltip": {"field": "tip"},
                },
            },
        ],
    )


def phase_values(rows: Sequence[Row]) -> list[Spec]:
    """One entry a run and phase whose joules are known."""
    values = []
    for row in rows:
        for order, phase in enumerate(PHASES):
            figure = row.summary.joules[phase]
            if figure.value is not None:
                values.append(
                    {
                        "id": row.run.id,
                        "run": f"{row.name} {row.key}",
                        "side": "agent" if phase in AGENT_PHASES else "world",
                        "phase": phase,
                        "order": order,
                        "joules": figure.value,
                        "hollow": figure.label == "modelled",
                        "tip": f"{row.name} {row.key}, {phase}: {figure.value:.3g} J an episode ({figure.label})",
                    }
                )
    return values


def phase_bars(values: Sequence[Spec]) -> Spec:
    """Mean joules an episode by phase: for each run a bar of the agent's and a bar of the world's."""
    phase = _named("phase", PHASE_COLOURS)
    return _chart(
        values,
        height={"step": 13},
        mark={"type": "bar", "strokeWidth": 1.5, "height": {"band": 0.9}},
        encoding={
            "y": {"field": "run", "type": "nominal", "title": None, "sort": None, "axis": {"labelLimit": 140}},
            "yOffset": {"field": "side", "type": "nominal", "sort": ["agent", "world"]},
            "x": {
                "field": "joules",
                "type": "quantitative",
                "title": "joules an episode, mean",
                "axis": {"format": "~g", "labelOverlap": "greedy"},
            },
            "order": {"field": "order"},
            "fill": phase,
            "stroke": phase,
            "fillOpacity": {"condition": {"test": "datum.hollow", "value": 0.3}, "value": 0.95},
            "tooltip": {"field": "tip"},
        },
    )


def colour(tasks: Sequence[str], task: str) -> str:
    """The colour of a task among ``tasks``."""
    return PALETTE[tasks.index(task) % len(PALETTE)]


def shape(agents: Sequence[str], agent: str) -> str:
    """The shape of an agent's points among ``agents``."""
    return SHAPES[agents.index(agent) % len(SHAPES)]


def _named(field: str, looks: Mapping[str, str]) -> Spec:
    """A channel that shows the values of ``field`` so; the page has the legend, which must wrap on a phone."""
    scale = {"domain": list(looks), "range": list(looks.values())}
    return {"field": field, "type": "nominal", "scale": scale, "legend": None}


def _pareto() -> list[Spec]:
    """Of each setting the runs that no cheaper one equals: the corners of its line."""
    by_cost = [{"field": "joules", "order": "ascending"}, {"field": "rate", "order": "descending"}]
    ordered = {"groupby": ["group"], "sort": by_cost}
    return [
        {"window": [{"op": "max", "field": "rate", "as": "best"}], "frame": [None, 0], **ordered},
        {"window": [{"op": "lag", "field": "best", "as": "before"}], **ordered},
        {"filter": "datum.before === null || datum.rate > datum.before"},
    ]


def _chart(values: Sequence[Spec], **parts: Any) -> Spec:
    return {
        "background": None,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"name": "rows", "values": list(values)},
        "config": {
            "aria": False,  # the element around the chart is one picture with one label
            "font": "system-ui, sans-serif",
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "gridOpacity": 1},
            "view": {"stroke": None},
        },
        **parts,
    }
