"""The page's plots in Vega-Lite, drawn to SVG: success, joules per success, and where the joules of an episode go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from energy.board.charts import PALETTE, PHASE_COLOURS, library
from nsctl.paper import COUNTERPARTS, NEUROSYMBOLIC, SOURCE, Published
from nsctl.phases import AGENT_PHASES
from nsctl.standings import Standing, Standings

Spec = dict[str, Any]
WIDTH, STEP = 520, 26
"""Pixels: of a plot, and of a line in it."""
OURS, PUBLISHED = "here", f"published, {SOURCE}"


def draw(found: Sequence[Standings]) -> dict[str, str]:
    """The plots by name, in SVG; one without a point is left out."""
    specs = {"success": success(found), "joules": joules(found), "phases": phases(found)}
    return {name: str(library().vegalite_to_svg(spec)) for name, spec in specs.items() if spec["data"]["values"]}


def success(found: Sequence[Standings]) -> Spec:
    """Rates of success with exact intervals; hollow, what the paper tells of the same kind of agent."""
    values = [point for each in found for member in each.members for point in _rates(each, member)]
    x: Spec = {
        "field": "rate",
        "type": "quantitative",
        "title": "success at end, 95 % exact",
        "axis": {"format": ".0%"},
    }
    x["scale"] = {"domain": [0, 1]}
    rule = {
        "mark": {"type": "rule", "strokeWidth": 1.5},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
    }
    beside = any(point["where"] == PUBLISHED for point in values)
    shape: Spec = {
        "field": "where",
        "type": "nominal",
        "title": None,
        "legend": {"orient": "bottom"} if beside else None,
    }
    shape["scale"] = {"domain": [OURS, PUBLISHED], "range": ["circle", "diamond"]}
    hollow = {"condition": {"test": f"datum.where == '{PUBLISHED}'", "value": 0}, "value": 1}
    marks = {"mark": {"type": "point", "size": 70}, "encoding": {"x": x, "shape": shape, "fillOpacity": hollow}}
    return _rows(values, found, [rule, marks])


def joules(found: Sequence[Standings]) -> Spec:
    """Joules per success with bootstrap intervals, on a logarithmic axis; hollow where they are a model's."""
    values = [_cost(each, member) for each in found for member in each.members if member.side.per_success.value]
    title = "agent's joules per success (log), 95 % bootstrap"
    x: Spec = {"field": "joules", "type": "quantitative", "title": title, "axis": {"format": "~g", "tickCount": 6}}
    x["scale"] = {"type": "log", "nice": False, "padding": 16}
    rule = {
        "mark": {"type": "rule", "strokeWidth": 1.5},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}},
    }
    shape = {"field": "how", "type": "nominal", "title": "known how", "legend": {"orient": "bottom"}}
    hollow = {"condition": {"test": "datum.how == 'modelled'", "value": 0}, "value": 1}
    marks = {"mark": {"type": "point", "size": 70}, "encoding": {"x": x, "shape": shape, "fillOpacity": hollow}}
    return _rows(values, found, [rule, marks])


def phases(found: Sequence[Standings]) -> Spec:
    """Mean joules an episode by the agent's phases, side by side, since they differ by orders of magnitude."""
    values = [
        {"task": each.task, "agent": member.name, "class": member.privilege, "phase": phase, "joules": value}
        for each in found
        for member in each.members
        for phase in AGENT_PHASES
        if (value := member.side.joules[phase].value) is not None and value > 0
    ]
    title = "joules an episode, mean (log)"
    x: Spec = {"field": "joules", "type": "quantitative", "title": title, "axis": {"format": "~g", "tickCount": 6}}
    x["scale"] = {"type": "log", "nice": False, "padding": 16}
    scale = {"domain": list(AGENT_PHASES), "range": [PHASE_COLOURS[phase] for phase in AGENT_PHASES]}
    colour = {"field": "phase", "type": "nominal", "title": None, "scale": scale, "legend": {"orient": "bottom"}}
    shape = {"field": "phase", "type": "nominal", "title": None, "scale": {"domain": list(AGENT_PHASES)}}
    return _rows(
        values,
        found,
        [{"mark": {"type": "point", "filled": True, "size": 80}, "encoding": {"x": x, "shape": shape}}],
        colour,
    )


def _rates(of: Standings, member: Standing) -> list[Spec]:
    side, (low, high) = member.side, member.side.interval
    common = {"task": of.task, "agent": member.name, "class": member.privilege}
    points = [{**common, "where": OURS, "rate": side.successes / side.episodes, "low": low, "high": high}]
    published = counterpart(member, first=member is of.members[0])
    if published and of.task in published.tasks:
        rate = published.tasks[of.task][0]
        points.append({**common, "where": PUBLISHED, "rate": rate, "low": rate, "high": rate})
    return points


def counterpart(member: Standing, *, first: bool) -> Published | None:
    """The paper's agent that does the work of this one; the neuro-symbolic one is that of the first, if it plans."""
    plans = member.ledger["domain"] not in ("", "none")
    return COUNTERPARTS.get(member.stored.run.config.agent.partition(":")[0]) or (
        NEUROSYMBOLIC if first and plans else None
    )


def _cost(of: Standings, member: Standing) -> Spec:
    cost = member.side.per_success
    bounds = {"low": cost.low or cost.value, "high": cost.high or cost.value}
    common = {"task": of.task, "agent": member.name, "class": member.privilege, "how": member.label}
    return {**common, "joules": cost.value, **bounds}


def _rows(
    values: Sequence[Spec], found: Sequence[Standings], layer: Sequence[Spec], colour: Spec | None = None
) -> Spec:
    """Layers over one line an agent, in a panel a task."""
    names = list(dict.fromkeys(member.name for each in found for member in each.members))
    classes = list(dict.fromkeys(member.privilege for each in found for member in each.members))
    y = {"field": "agent", "type": "nominal", "title": None, "sort": names, "axis": {"labelLimit": 220, "grid": True}}
    by_class = {"field": "class", "type": "nominal", "title": "sees", "legend": {"orient": "bottom"}}
    by_class["scale"] = {"domain": classes, "range": PALETTE[: len(classes)]}
    fill = colour or by_class
    layers = [{**each, "encoding": {"y": y, "color": fill, "fill": fill, **each["encoding"]}} for each in layer]
    for each in layers:
        if each["mark"]["type"] == "rule" or each["mark"].get("filled"):
            del each["encoding"]["fill"]
    row: Spec = {"field": "task", "type": "nominal", "title": None, "sort": [each.task for each in found]}
    row["header"] = {"labelAngle": 0, "labelAnchor": "start", "labelOrient": "top", "labelFontWeight": "bold"}
    return {
        "background": "white",
        "padding": 8,
        "data": {"values": list(values)},
        "facet": {"row": row},
        "spec": {"width": WIDTH, "height": {"step": STEP}, "layer": layers},
        "resolve": {"scale": {"y": "independent"}},
        "config": {
            "font": "system-ui, sans-serif",
            "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
        },
    }
