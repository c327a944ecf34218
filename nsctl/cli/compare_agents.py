"""``nsctl compare`` of many: lets agents play, or reads what they have played, and shows them side by side."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nsctl.cli import exits

if TYPE_CHECKING:
    from nsctl.contest import Entries
    from nsctl.ledger import Ledger
    from nsctl.record_folder import StoredRun
    from nsctl.run_config import RunConfig
    from nsctl.standings import Standing, Standings

BOARD = "headline"
"""The board that writes the page of ``--out``."""


def compare_agents(
    agents: str,
    terms: RunConfig,
    runs: Path,
    out: Path | None,
    minutes: float | None,
    *,
    skip: bool,
    only_ledger: bool,
    as_json: bool,
) -> None:
    """Let these agents play on these terms, as far as they have not, and print the table."""
    from nsctl.contest import Deadline, OutOfTime, play
    from nsctl.standings import standings

    (entries,) = entered(agents, [terms], skip=skip)
    if only_ledger:
        print_ledger({entry.contestant.name: entry.now.agent for entry in entries.able}, as_json=as_json)
        return
    try:
        records = play(entries.able, runs, Deadline(minutes), progress(as_json))
    except OutOfTime as stop:
        typer.echo(f"nsctl: {stop}; the same command goes on", err=True)
        raise typer.Exit(exits.TIMED_OUT) from stop
    found = standings(records, [entry.contestant.name for entry in entries.able])
    page = page_of(records, out, terms.task, entries.unable) if out else None
    show(found, entries.unable, page, as_json=as_json)


def compare_records(folders: Sequence[Path], out: Path | None, *, as_json: bool) -> None:
    """Print the table of these records."""
    from nsctl.errors import InvalidValue
    from nsctl.record_folder import read_record
    from nsctl.standings import standings

    records = [read_record(folder) for folder in folders]
    ids = [stored.run.id for stored in records]
    if twice := next((each for each in ids if ids.count(each) > 1), ""):
        raise InvalidValue(f"the record {twice} is named twice: name each once")
    found = standings(records)
    show(found, {}, page_of(records, out, found.task, {}) if out else None, as_json=as_json)


def entered(agents: str, terms: Sequence[RunConfig], *, skip: bool) -> list[Entries]:
    """Who can play, for each of ``terms``; ends the command with a sentence for each who cannot, unless these are to be
    skipped."""
    from nsctl import registry, tasks
    from nsctl.contest import enter
    from nsctl.contestants import contestants
    from nsctl.errors import InvalidValue

    for each in terms:
        tasks.find(each.task)
        registry.find("engines", each.engine)
    who = contestants(agents)
    found = [enter(who, each, ("nsctl", *sys.argv[1:])) for each in terms]
    for name, reason in left_out(found).items():
        typer.echo(f"nsctl: {name} cannot play: {reason}", err=True)
    if left_out(found) and not skip:
        raise InvalidValue("not everybody can play: --skip-missing goes on with the others")
    if idle := next((each.task for each, entries in zip(terms, found, strict=True) if not entries.able), ""):
        raise InvalidValue(f"none of these agents can play {idle}")
    return found


def left_out(found: Iterable[Entries]) -> dict[str, str]:
    """Who cannot play, and the first reason of each."""
    told: dict[str, str] = {}
    for entries in found:
        told = {**entries.unable, **told}
    return told


def progress(quiet: bool) -> Any:
    """What shows how a run gets on."""
    from nsctl.cli.progress import progress as shown

    return nullcontext if quiet else shown


def page_of(records: Sequence[StoredRun], out: Path, title: str, missing: Mapping[str, str]) -> Path:
    """The page with tables and plots in the folder ``out``, which names who is missing."""
    from nsctl import registry

    folders = [stored.folder for stored in records]
    written: Path = registry.load("boards", BOARD)().build(folders, out, title=title, missing=missing)
    return written


def show(found: Standings, unable: Mapping[str, str], page: Path | None, *, as_json: bool) -> None:
    """Print the standings, as tables or as an object."""
    if as_json:
        typer.echo(json.dumps({**result(found), "missing": dict(unable), "page": str(page) if page else None}))
        return
    from nsctl.cli.standings_report import print_standings

    print_standings(found, page)


def print_ledger(agents: Mapping[str, Mapping[str, Any]], *, as_json: bool) -> None:
    """Print what each of these agents was given, by its own description."""
    from nsctl.cli.standings_report import ledger_lines
    from nsctl.ledger import entries

    told: dict[str, Ledger] = {name: entries(agent) for name, agent in agents.items()}
    if as_json:
        typer.echo(json.dumps({"ledger": told}))
        return
    for name, ledger in told.items():
        typer.echo("\n".join(("", name, *ledger_lines(ledger))))


def result(found: Standings) -> dict[str, Any]:
    """The object that ``--json`` prints. Its keys may be added to, never renamed."""
    return {
        "task": found.task,
        "provisional": found.provisional,
        "first": found.members[0].name,
        "agents": [_member(member) for member in found.members],
    }


def _member(member: Standing) -> dict[str, Any]:
    from nsctl.cli.compare import side_object

    against, difference = member.against, member.difference
    return {
        "name": member.name,
        "privilege": member.privilege,
        "grade": member.stored.run.grade,
        **side_object(member.side),
        "left_out": against.sides[1].left_out if against else 0,
        "pairs": member.pairs if against else None,
        "net_per_success": member.net_per_success,
        "difference": None if difference is None else {"value": difference[0], "interval": list(difference[1])},
        "p": against.p if against else None,
        "only_first": list(against.only[0]) if against else [],
        "only_this": list(against.only[1]) if against else [],
        "break_even": None
        if against is None or against.break_even is None
        else {"first": against.break_even.side == 0, "successes": against.break_even.successes},
        "warnings": list(member.warnings),
        "unranked": list(against.differences.unranked) if against else [],
        "failures": [vars(failure) for failure in member.failures],
        "ledger": dict(member.ledger),
    }
