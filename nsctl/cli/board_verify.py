"""``nsctl board verify``: check a record and play some of its episodes again."""

from __future__ import annotations

import json
import secrets
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli import exits
from nsctl.cli.folders import record

if TYPE_CHECKING:
    from nsctl.verification import Attestation, Tier


def verify_run(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A record's folder, its id, or the last letters of it.", callback=record),
    ],
    sample: Annotated[
        int, typer.Option(metavar="K", min=0, help="Episodes to play again; 0 plays nothing.", show_default=True)
    ] = 10,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Decides which episodes; drawn anew unless given.", show_default=False)
    ] = None,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who answers for this verification.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and no progress.")] = False,
) -> None:
    """Check RUN, play K random episodes again, and put what was found beside it. Ends with 1 if anything disagrees."""
    from nsctl.cli.demos_progress import bar
    from nsctl.verification import attest, hashes, tier_of
    from nsctl.verifier import verify

    drawn = secrets.randbelow(2**31) if seed is None else seed
    with nullcontext(lambda done, of: None) if as_json else bar("episodes re-run") as told:
        stored, found = verify(run, sample, drawn, by, told)
    tier = tier_of(attest(run, found), *hashes(run))
    if as_json:
        typer.echo(json.dumps(result(run, found, tier)))
    else:
        from nsctl.cli.verify_report import print_verification

        print_verification(stored.run, found, tier)
    raise typer.Exit(exits.DONE if found.consistent and found.agrees else exits.FAILED)


def result(run: Path, found: Attestation, tier: Tier) -> dict[str, Any]:
    """The object that ``--json`` prints. Its keys may be added to, never renamed."""
    return {
        "record": str(run),
        "tier": tier,
        "consistent": found.consistent,
        "agrees": found.agrees,
        "agreeing": sum(replay.agrees for replay in found.replays),
        **found.model_dump(mode="json"),
    }
