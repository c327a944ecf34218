"""The table of all runs: one body a setting, since rows of different settings are never ranked against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from energy.board.charts import PHASE_COLOURS
from energy.board.figures import MISSING, interval, number, percent, percents, plural
from energy.board.markup import Html, joined, tag, text
from energy.board.rows import Row, Setting, by_setting
from nsctl.phases import AGENT_PHASES
from nsctl.statistics import PROVISIONAL

CAPTION = (
    "All runs, setting by setting. Inside a setting the order is by Pareto rank: rows that no other one clearly beats "
    "share the first, rows that only those beat the second, and so on. Rows of different settings are not ranked against "
    "each other."
)
FILTERS = ("task", "agent", "engine", "privilege", "hardware", "grade", "tier")
Cell = Callable[[Row], Html]
Value = Callable[[Row], float | str | None]


@dataclass(frozen=True)
class Column:
    """A column: what stands in it and by what it sorts; ``falling`` says that more is better."""

    key: str
    title: str
    cell: Cell
    value: Value
    falling: bool = False
    number: bool = True


def table(rows: Sequence[Row]) -> Html:
    """The table. Of the columns in :data:`RARE`, those in which nothing is known are left out."""
    columns = [c for c in COLUMNS if c.key not in RARE or any(c.value(row) is not None for row in rows)]
    heads = [
        tag(
            "th",
            column.title,
            scope="col",
            role="columnheader",
            data_key=column.key,
            data_falling=column.falling,
            class_="num" if column.number else None,
        )
        for column in columns
    ]
    head = tag("thead", tag("tr", *heads, role="row"), role="rowgroup")
    bodies = [_body(setting, group, columns) for setting, group in by_setting_in_order(rows).items()]
    return tag("table", tag("caption", CAPTION), head, *bodies, id="board", role="table")


def by_setting_in_order(rows: Sequence[Row]) -> dict[Setting, list[Row]]:
    """As :func:`by_setting`, the rows of each setting in the order in which they come."""
    return {setting: [row for row in rows if row.setting == setting] for setting in by_setting(rows)}


def _body(setting: Setting, group: Sequence[Row], columns: Sequence[Column]) -> Html:
    parts = [
        tag("b", setting.task, tag("span", f" v{setting.task_version}", class_="dim")),
        *(tag("span", part) for part in (setting.engine, setting.privilege, setting.conditions, setting.hardware)),
        tag("span", "no grade" if setting.grade == "none" else f"grade {setting.grade}"),
        tag("span", setting.joules),
        *([tag("span", plural(setting.workers, "worker"))] if setting.workers > 1 else []),
    ]
    head = tag("th", joined(parts, " "), scope="rowgroup", role="rowheader", colspan=len(columns))
    lines = [_line(row, columns) for row in group]
    return tag("tbody", tag("tr", head, class_="setting", role="row"), *lines, role="rowgroup")


def _line(row: Row, columns: Sequence[Column]) -> Html:
    facts = {f"data_{name}": value for name, value in filter_values(row).items()}
    return tag("tr", *(_cell(row, column) for column in columns), role="row", data_run=row.run.id, **facts)


def filter_values(row: Row) -> dict[str, str]:
    """By what a row can be filtered."""
    setting = row.setting
    told = (setting.task, row.name, setting.engine, setting.privilege, setting.hardware, setting.grade, row.tier)
    return dict(zip(FILTERS, told, strict=True))


def _cell(row: Row, column: Column) -> Html:
    value = column.value(row)
    facts = {"data_label": column.title, "data_value": "" if value is None else value}
    kind = "num" if column.number else None
    if column.key == "agent":
        return tag("th", column.cell(row), scope="row", role="rowheader", class_=kind, **facts)
    return tag("td", column.cell(row), role="cell", class_=kind, **facts)


def chip(word: str) -> Html:
    """A word that is one of a few."""
    return tag("span", word, class_=f"chip {word}")


def _rank(row: Row) -> Html:
    if row.rank is None:
        return tag("span", MISSING, title="alone in its setting")
    return text(f"{row.rank}=" if row.tied else row.rank)


def _agent(row: Row) -> Html:
    link = tag("a", row.name, href=f"#run-{row.run.id}")
    return joined([link, tag("small", f"{row.key}, seed {row.run.config.seed}")], " ")


def _success(row: Row) -> Html:
    summary = row.summary
    low, high = summary.interval
    drawn = tag(
        "span",
        tag("i"),
        class_="rate",
        aria_hidden="true",
        style=f"--low:{100 * low:.1f}%;--high:{100 * high:.1f}%;--rate:{100 * row.rate:.1f}%",
    )
    tip = f"Clopper-Pearson 95 %: {percents(row.exact)}; Wilson 95 %, as drawn: {percents((low, high))}"
    few = tag("small", "provisional", title=f"fewer than {PROVISIONAL} episodes", class_="few")
    counted = tag("small", f"{summary.success_at_end}/{summary.episodes}")
    told = [tag("b", percent(row.rate)), counted, *([few] if summary.episodes < PROVISIONAL else [])]
    return tag("span", drawn, tag("span", joined(told, " ")), title=tip, class_="success")


def _cost(row: Row) -> Html:
    if row.cost.value is None:
        none = "nothing succeeded" if not row.summary.success_at_end else "joules are missing"
        return tag("span", MISSING, title=none)
    bounds = tag("small", interval(row.cost), title="bootstrap 95 % interval over episodes")
    return joined([tag("b", number(row.cost.value)), bounds], " ")


def _joules(row: Row) -> Html:
    figures = row.summary.joules
    total = figures["agent"].value
    if not total:
        return text(number(total))
    shares = {phase: figures[phase].value or 0.0 for phase in AGENT_PHASES}
    parts = [tag("i", style=f"flex:{share / total:.3f};--c:{PHASE_COLOURS[phase]}") for phase, share in shares.items()]
    tip = ", ".join(f"{phase} {number(share)} J" for phase, share in shares.items())
    kind = "phases hollow" if row.hollow else "phases"
    bar = tag("span", *parts, class_=kind, aria_hidden="true")
    return tag("span", tag("span", number(total)), bar, tag("span", tip, class_="unseen"), title=tip, class_="stack")


def _training(row: Row) -> Html:
    return tag("span", number(row.training.value), title=row.training.label)


def _world(row: Row) -> Html:
    return text(number(_world_joules(row)))


def _world_joules(row: Row) -> float | None:
    """Mean joules an episode of all that is not the agent."""
    total, agent = row.summary.joules["total"].value, row.summary.joules["agent"].value
    return None if total is None or agent is None else total - agent


def _date(row: Row) -> Html:
    return tag("time", datetime.fromisoformat(row.run.started).date().isoformat(), datetime=row.run.started)


def summary_sentence(rows: Sequence[Row]) -> str:
    """How much there is to see."""
    episodes, settings = sum(row.summary.episodes for row in rows), len(by_setting(rows))
    tasks = len({row.run.config.task for row in rows})
    counts = (plural(len(rows), "run"), plural(episodes, "episode"), plural(tasks, "task"), plural(settings, "setting"))
    return f"{counts[0]} of {counts[1]}, {counts[2]}, {counts[3]}."


COLUMNS: Final = (
    Column("rank", "Rank", _rank, lambda row: row.rank),
    Column("agent", "Agent", _agent, lambda row: row.name, number=False),
    Column("success", "Success at end", _success, lambda row: row.rate, falling=True),
    Column("cost", "J per success", _cost, lambda row: row.cost.value),
    Column("joules", "Agent J", _joules, lambda row: row.summary.joules["agent"].value),
    Column("label", "Known how", lambda row: chip(row.label), lambda row: row.label, number=False),
    Column("world", "World J", _world, _world_joules),
    Column("robot", "Robot J", lambda row: text(number(row.robot)), lambda row: row.robot),
    Column("training", "Training J", _training, lambda row: row.training.value),
    Column("wall", "Wall s", lambda row: text(number(row.summary.seconds)), lambda row: row.summary.seconds),
    Column("tier", "Tier", lambda row: chip(row.tier), lambda row: row.tier, number=False),
    Column("date", "Date", _date, lambda row: row.run.started, falling=True, number=False),
)
RARE: Final = ("robot", "training")
