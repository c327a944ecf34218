"""Below the table: a section for each task, and in it, folded, all that is worth knowing of each of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import PurePosixPath
from statistics import fmean

from energy.board.figures import MISSING, interval, number, percents, plural
from energy.board.markup import Html, joined, tag
from energy.board.origin import origin
from energy.board.rows import Row
from energy.board.table import chip
from energy.board.timelines import chosen, timelines
from nsctl.clips import DIFFERS
from nsctl.phases import AGENT_PHASES, WORLD_PHASES
from nsctl.records import EpisodeRecord
from nsctl.statistics import break_even

REASONS = 6
"""Reasons for not succeeding that are listed."""


def run_section(row: Row, rivals: Sequence[Row], episodes: int, clips: Mapping[int, str]) -> Html:
    """One run, folded: its figures, timelines of so many episodes, videos (episode -> address), and its origin.

    ``rivals`` are the rows of its setting.
    """
    summary = row.summary
    title = joined(
        [
            tag("b", row.name),
            f" {row.key}: {summary.success_at_end}/{summary.episodes}, ",
            f"{number(row.cost.value)} J per success ",
            chip(row.label),
        ]
    )
    shown = chosen(row.stored.episodes, episodes)
    parts = [
        _claims(row),
        *_training(row, rivals),
        tag("h4", "Energy and time by phase"),
        _phases(row),
        *_reasons(row),
        tag("h4", "Episodes"),
        tag(
            "p",
            f"{len(shown)} of {plural(summary.episodes, 'episode')}; a bar's parts are skill executions, as long "
            "as they took; hatched: failed; grey, at the end: all control steps in which no skill was at work, looking and "
            "waiting; triangles below: disturbances, at their control step.",
            class_="dim",
        ),
        timelines(shown),
        *_videos(row, clips),
        tag("h4", "Where it comes from"),
        origin(row),
    ]
    return tag("details", tag("summary", title), *parts, id=f"run-{row.run.id}", class_="run")


def _claims(row: Row) -> Html:
    summary = row.summary
    rank = (
        "alone in its setting"
        if row.rank is None
        else f"rank {row.rank}{', shared' if row.tied else ''} in its setting"
    )
    won = f"{summary.success_at_end} of {plural(summary.episodes, 'episode')} succeeded at the end"
    exact = f"(Clopper-Pearson 95 %: {percents(row.exact)}), {summary.success_once} at some moment"
    spent = f"{number(row.cost.value)} J per success (bootstrap 95 %: {interval(row.cost)})"
    if row.cost.value is None:
        spent = "no joules per success"
    planned = f"{plural(summary.replans, 'replan')}, {summary.retries} retries in all"
    return tag("p", f"{rank.capitalize()}. {won} {exact}; {spent}; {planned}.")


def _training(row: Row, rivals: Sequence[Row]) -> list[Html]:
    """What training cost, and against which rivals that has paid off after how many successes."""
    figure, each = row.training, row.cost.value
    if not figure.value or each is None:
        return []
    told = [f"Training took {number(figure.value)} J ({figure.label})."]
    for rival in rivals:
        other = rival.cost.value
        if rival.run.id == row.run.id or rival.training.value is None or other is None:
            continue
        successes = break_even(figure.value, each, rival.training.value, other)
        after = "never" if successes is None else f"after {ceil(successes):,} of its successes"
        if figure.value > rival.training.value:
            told.append(f"Against {rival.name} {rival.key} that pays off {after}.")
    return [tag("p", " ".join(told))]


def _phases(row: Row) -> Html:
    heads = [
        tag("th", name, scope="col") for name in ("phase", "J an episode", "known how", "source", "wall s", "CPU s")
    ]
    order = (*AGENT_PHASES, "agent", *WORLD_PHASES, "total")
    lines = [
        tag(
            "tr",
            tag("th", phase, scope="row"),
            *_phase_cells(row, phase),
            class_="sum" if phase in ("agent", "total") else None,
        )
        for phase in order
    ]
    table = tag(
        "table",
        tag("caption", f"Means of {row.name} {row.key}", class_="unseen"),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *lines),
        class_="plain",
    )
    return tag("div", table, class_="scroll")


def _phase_cells(row: Row, phase: str) -> list[Html]:
    figure, episodes = row.summary.joules[phase], row.stored.episodes
    members = {"agent": AGENT_PHASES, "total": (*AGENT_PHASES, *WORLD_PHASES)}.get(phase, (phase,))
    wall, cpu = (_mean(episodes, members, kind) for kind in ("wall", "cpu"))
    source = MISSING if figure.source == "none" else figure.source
    return [
        tag("td", number(figure.value), class_="num"),
        tag("td", chip(figure.label)),
        tag("td", source),
        tag("td", number(wall), class_="num"),
        tag("td", number(cpu), class_="num"),
    ]


def _mean(episodes: Sequence[EpisodeRecord], phases: Sequence[str], kind: str) -> float:
    return fmean(sum(float(getattr(e.seconds[phase], kind)) for phase in phases) for e in episodes)


def _reasons(row: Row) -> list[Html]:
    reasons = row.summary.reasons
    if not reasons:
        return []
    listed = [tag("li", f"{times} × {reason}") for reason, times in list(reasons.items())[:REASONS]]
    more = [tag("li", f"and {len(reasons) - REASONS} other reasons")] if len(reasons) > REASONS else []
    return [tag("h4", "Why episodes failed"), tag("ul", *listed, *more, class_="reasons")]


def _videos(row: Row, clips: Mapping[int, str]) -> list[Html]:
    won = {episode.index: episode.success_at_end for episode in row.stored.episodes}
    figures = []
    for index, address in sorted(clips.items()):
        differs = PurePosixPath(address).stem.endswith(DIFFERS)
        words = f"Episode {index}, {'a success' if won.get(index) else 'a failure'}"
        words += "; played again it did not end in the same state" if differs else ", played again to the same end"
        picture = tag("img", src=address, alt=f"video of episode {index}", loading="lazy", width=480)
        figures.append(tag("figure", tag("a", picture, href=address), tag("figcaption", words), class_="clip"))
    return [tag("h4", "Videos"), tag("div", *figures, class_="clips")] if figures else []
