"""Reads records and writes them as a page in Markdown with plots beside it, one section a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from energy.headline import plots, sources, tables
from energy.headline.text import code, plain, slug
from nsctl.errors import InvalidValue, NsctlError, RecordError
from nsctl.files import make_folder, write_atomically
from nsctl.paper import CAVEATS, IDLE_CHARGED, SOURCE, TITLES
from nsctl.record_folder import StoredRun, read_record
from nsctl.standings import Standings, standings
from nsctl.statistics import PROVISIONAL

CAPTIONS = {
    "success": f"Success at end. Hollow diamonds, if any: what {SOURCE} tells of the same kind of agent.",
    "joules": "The agent's joules per success, failures' included. Agents without a success have no point. A line that "
    "goes no further to the right than its point has no upper bound.",
    "phases": "The agent's joules an episode by phase.",
}


class HeadlineBoard:
    """One page in Markdown, named for its title, and its plots in a folder of the same name."""

    name = "headline"

    def build(
        self, folders: Sequence[Path], out: Path, *, title: str, missing: Mapping[str, str] | None = None
    ) -> Path:
        """Write the page of the records in ``folders``, in that order, into ``out``; returns where it lies.

        ``missing`` names agents of which there is no record, and why, for the page to say so.
        Refuses a record that is not whole or not complete, two of the same run, and none at all.
        """
        found = _by_task([_record(folder) for folder in folders])
        stem = slug(title)
        make_folder(out, "page")
        drawn, why_not = _plots(found)
        for name, svg in drawn.items():
            make_folder(out / stem, "plot")
            write_atomically(out / stem / f"{name}.svg", svg.encode())
        pictures = [f"![{name}]({stem}/{name}.svg)\n\n{CAPTIONS[name]}" for name in drawn]
        write_atomically(out / f"{stem}.md", page(found, title, [*pictures, *why_not], missing or {}).encode())
        return out / f"{stem}.md"


def page(found: Sequence[Standings], title: str, pictures: Sequence[str], missing: Mapping[str, str]) -> str:
    """The whole page; the same records give the same bytes."""
    parts = [
        f"# {plain(title)}",
        _opening(found),
        _left_out(missing),
        *pictures,
        *(part for each in found for part in _task(each)),
        *_paper(found),
        *_ratios(found),
        "## What each agent was given",
        "Each agent says so itself, in its record (`agent.knowledge`). A dash: it does not say.",
        tables.ledger(found),
        *_sources(found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(found: Sequence[Standings]) -> str:
    episodes = sorted({member.side.episodes for each in found for member in each.members})
    told = " to ".join(map(str, dict.fromkeys((episodes[0], episodes[-1]))))
    few = f" **Provisional: fewer than {PROVISIONAL} episodes.**" if any(each.provisional for each in found) else ""
    alike = all(each.same_starts for each in found)
    starts = "all from the same initial states" if alike else "whose initial states are not all the same"
    return (
        f"{told} episodes of each agent and task, {starts}. Success is that at the end of an "
        "episode. Joules are the agent's (perceive, plan, policy), failures' included; each figure has its label. Agents "
        f"of different privilege class see different things: they stand apart and are not ranked.{few}"
    )


def _left_out(missing: Mapping[str, str]) -> str:
    lines = "\n".join(f"- {code(name)}: {plain(why)}" for name, why in missing.items())
    return f"Left out, since they could not play:\n\n{lines}" if lines else ""


def _task(found: Standings) -> list[str]:
    name = TITLES.get(found.task)
    lost = tables.failures(found)
    return [
        f"## {plain(found.task)}{f' ({name})' if name else ''}",
        tables.success(found),
        tables.energy(found),
        *(("Why episodes failed:", lost) if lost else ("No episode failed.",)),
        *_warnings(found),
    ]


def _warnings(found: Standings) -> list[str]:
    lines = []
    for member in found.members[1:]:
        lines += [f"- {plain(member.name)}: {plain('; '.join(member.warnings))}"] if member.warnings else []
    return (
        [f"What differs from {plain(found.members[0].name)} besides the agent:\n\n" + "\n".join(lines)] if lines else []
    )


def _paper(found: Sequence[Standings]) -> list[str]:
    table = tables.beside_the_paper(found)
    if not table:
        return []
    caveats = "\n".join(f"- {caveat}" for caveat in CAVEATS)
    return [f"## Beside {SOURCE}", table, f"What must be borne in mind:\n\n{caveats}"]


def _ratios(found: Sequence[Standings]) -> list[str]:
    table, reasons = tables.ratios(found)
    if not table:
        return []
    trained, more = tables.trainings(found)
    firsts = list(dict.fromkeys(each.members[0].name for each in found))
    first = plain(firsts[0]) if len(firsts) == 1 else "each task's first agent"
    return [
        f"## How many times the joules of {first}",
        "Joules per success, over the pairs. *Charged*: each side holds the machine's idle power while its agent was at "
        "work, that of a GPU which it did not use included; *subtracted*: neither side does. Between agents of different "
        "classes this is a ratio and no ranking.",
        table,
        _notes(reasons),
        f"The paper's ratio of joules an episode on 3 blocks is 9.6 as published, and {IDLE_CHARGED:g} with the "
        "idle GPU charged to both.",
        "Joules of training, all weights that an agent loads, whether the task needs them or not. What the machine would "
        "have drawn anyway during a training is not recorded, so that no figure without it is known.",
        trained,
        _notes(more),
    ]


def _notes(reasons: Sequence[str]) -> str:
    return (
        "Of these figures, and of the dashes among them:\n\n" + "\n".join(f"- {reason}" for reason in reasons)
        if reasons
        else ""
    )


def _sources(found: Sequence[Standings]) -> list[str]:
    made, weights = sources.commands(found), sources.weights(found)
    return [
        "## Where this comes from",
        *(("Commands:", made) if made else ()),
        sources.machines(found),
        sources.records(found),
        *(("Weights:", weights) if weights else ()),
    ]


def _plots(found: Sequence[Standings]) -> tuple[dict[str, str], list[str]]:
    """The plots, or a sentence that says why there are none."""
    try:
        return plots.draw(found), []
    except NsctlError as error:
        return {}, [f"No plots: {plain(str(error))}."]


def _by_task(records: Sequence[StoredRun]) -> list[Standings]:
    if not records:
        raise InvalidValue("a board needs at least one record")
    ids = [stored.run.id for stored in records]
    if twice := next((each for each in ids if ids.count(each) > 1), ""):
        raise InvalidValue(f"the record {twice} is named twice: name each once")
    tasks = dict.fromkeys(stored.run.config.task for stored in records)
    return [standings([stored for stored in records if stored.run.config.task == task]) for task in tasks]


def _record(folder: Path) -> StoredRun:
    stored = read_record(folder)
    if stored.run.status != "complete":
        raise RecordError(f"{folder} is {stored.run.status}, and a page shows complete runs alone: resume it first")
    return stored
