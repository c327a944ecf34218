"""``nsctl quantize``: store a trained policy in four bits a weight, and say what that costs, layer by layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeGuard

import typer

from nsctl.cli.completion import complete_skill
from nsctl.cli.folders import folder

if TYPE_CHECKING:
    from rich.table import Table

    from nsctl.precision import Quantisable


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command()(quantize)


def quantize(
    policy: Annotated[
        str,
        typer.Argument(help="A skill, for example pick, or a folder with its weights.", autocompletion=complete_skill),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", callback=folder, help="Where to put the weights; weights/POLICY-nvfp4."),
    ] = None,
    rule: Annotated[str, typer.Option(help="How scales are chosen: search, max or four-over-six.")] = "search",
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="LAYER", help="Keep this layer whole; may be given again.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Action error of a layer alone from which on it is kept whole [default: 0.1].")
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes of each operator to take the action error on.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Decides these episodes.")] = 0,
    report: Annotated[bool, typer.Option("--report", help="Print the table alone: write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and no table.")] = False,
) -> None:
    """Store the weights of POLICY in NVFP4, 4.5 bits each, and print what every layer lost by it."""
    from nsctl.cli.holders import holder
    from nsctl.precision import QuantisationRequest

    if report and out is not None:
        raise typer.BadParameter("--report writes nothing: leave one of the two out", param_hint="--out")
    skill, weights = holder(policy, _can, "quantise")
    where = None if report else out or _beside(policy, weights)
    request = QuantisationRequest(where, weights, rule, tuple(exclude or ()), threshold, episodes, seed)
    figures = skill.quantise(request)
    if as_json:
        from nsctl.records import plain

        typer.echo(json.dumps(plain(dict(figures))))
    else:
        _print(policy, figures)
        if where is not None:
            name = policy if weights is None else "NAME"
            typer.echo(f"\nweights  {where}\nplay with them: nsctl run TASK --skill {name}:{where}")


def _beside(policy: str, weights: Path | None) -> Path:
    return Path("weights") / f"{policy}-nvfp4" if weights is None else weights / "nvfp4"


def _can(skill: object) -> TypeGuard[Quantisable]:
    from nsctl.precision import Quantisable

    return isinstance(skill, Quantisable)


def _print(policy: str, figures: Mapping[str, Any]) -> None:
    from rich.console import Console

    from nsctl.cli.tables import MISSING

    console, ratio = Console(highlight=False), figures["quantised_ratio"]
    console.print(f"\n[bold]{policy}[/bold] in {figures['precision']}, scales by {figures['rule']}\n")
    console.print(_table(figures))
    console.print(
        f"\n{MISSING if ratio is None else f'{ratio:.3f}'} of their bytes in bfloat16 for the weights in NVFP4, "
        f"{figures['ratio']:.3f} for all",
        soft_wrap=True,
    )
    console.print(
        f"action error: of each layer alone, in parts of the action's spread, over {figures['moments']} moments of "
        f"episodes that the policy played; a layer at {figures['threshold']:g} or above is excluded",
        style="dim",
        soft_wrap=True,
    )
    for layer in figures["layers"]:
        if layer["excluded"]:
            console.print(f"{layer['name']} is excluded: {layer['excluded']}", soft_wrap=True)
    for reason in _reasons(figures):
        console.print(reason, soft_wrap=True)


def _reasons(figures: Mapping[str, Any]) -> list[str]:
    """Why layers are computed as they are, each reason once: with the layers that it is true of, if not of all."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, played in figures.get("kernels", {}).items():
        alike.setdefault((played["kernel"], played["why"]), []).append(name)
    return [
        f"{kernel} on {figures['device']}{'' if len(alike) == 1 else f' ({len(names)}: ' + ', '.join(names) + ')'}: {why}"
        for (kernel, why), names in alike.items()
    ]


def _table(figures: Mapping[str, Any]) -> Table:
    from nsctl.cli.tables import number, plain_table

    kernels = figures.get("kernels", {})
    headings = ("layer", "NVFP4#", "kept#", "bytes#", "now#", "weight\nerror#", "action\nerror#")
    table = plain_table(*headings, *["kernel"] * bool(kernels))
    table.padding = 0  # a layer's name, whole, on a terminal of 80 columns
    for layer in figures["layers"]:
        counts = (str(layer[name]) for name in ("rows", "kept", "before", "after"))
        errors = (number(layer["weight_error"]), number(layer["action_error"]))
        table.add_row(layer["name"], *counts, *errors, *([kernels[layer["name"]]["kernel"]] if kernels else ()))
    table.add_section()
    total = (str(figures["bytes_before"]), str(figures["bytes_after"]))
    table.add_row("the whole policy", "", "", *total, "", number(figures["action_error"]))
    return table
