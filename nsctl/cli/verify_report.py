"""What ``nsctl board verify`` prints when it is done."""

from __future__ import annotations

import re

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsctl.cli.tables import MISSING, plain_table
from nsctl.records import RunRecord
from nsctl.verification import Attestation, Tier

SHOWN = 8
"""Lines of what is not as it was in the record; the file has them all."""


def print_verification(run: RunRecord, found: Attestation, tier: Tier, console: Console | None = None) -> None:
    """Print what was checked, what was re-run, and the tier of the record."""
    console = console or Console(highlight=False)
    config = run.config
    where = f" on {config.engine}, seed {config.seed}, {found.episodes} episodes\n"
    console.print(Text.assemble("\n", (config.task, "bold"), " with agent ", (config.agent, "bold"), where))
    console.print(_checks(found))
    if found.replays:
        console.print("", _replays(found), sep="\n")
    console.print("", *map(Text, _verdict(found)), sep="\n", soft_wrap=True)
    if found.changes:
        console.print("", _changes(found), sep="\n")
    console.print(f"\ntier  [bold]{tier}[/bold]: {_meaning(found, tier)}", soft_wrap=True)


def _checks(found: Attestation) -> Table:
    table = plain_table("check", "", "found")
    for check in found.checks:
        table.add_row(check.name, "ok" if check.ok else "wrong", Text(check.sentence), style="" if check.ok else "red")
    return table


def _replays(found: Attestation) -> Table:
    table = plain_table("episode#", "start", "success", "end", "all", "first difference")
    for replay in found.replays:
        same = (replay.start, replay.success, replay.end, replay.agrees)
        told = ["same" if one else "differs" for one in same]
        table.add_row(str(replay.index), *told, Text(replay.difference), style="" if replay.agrees else "red")
    return table


def _changes(found: Attestation) -> Table:
    table = plain_table("not as in the record", "was", "is here")
    for change in found.changes[:SHOWN]:
        table.add_row(Text(change.what), Text(_brief(change.was)), Text(_brief(change.here)))
    if len(found.changes) > SHOWN:
        table.add_row(f"and {len(found.changes) - SHOWN} more", "", "")
    return table


def _brief(value: str) -> str:
    """A hash by its beginning; what is not there as such."""
    if value == "None":
        return MISSING
    return f"{value[1:13]}..." if re.fullmatch(r"'[0-9a-f]{40,}'", value) else value


def _verdict(found: Attestation) -> list[str]:
    """What the re-run episodes come to, and whether they should have."""
    if not found.replays:
        return ["Nothing was re-run."]
    n, agreeing = len(found.replays), sum(replay.agrees for replay in found.replays)
    told = f"{agreeing} of {n} re-run episodes agree in every field that repeats (sample of seed {found.seed})."
    if found.agrees:
        return [told]
    if found.changes:
        return [told, "They were played with something else than the record's: differences are to be expected."]
    return [told, "Versions, code, parts and processor are those of the record: they should have agreed."]


def _meaning(found: Attestation, tier: Tier) -> str:
    """Why the record has this tier."""
    if tier == "re-run":
        return "consistent, and every episode that was re-run agrees"
    if tier == "checked":
        return "consistent, but fewer than 10 of its episodes were re-run, or not all of them agree"
    if not found.consistent:
        return "a check does not hold"
    when = "" if found.contradicts else " in an earlier verification"
    return f"an episode differs{when} that should have agreed"
