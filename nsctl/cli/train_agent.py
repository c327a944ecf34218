"""``nsctl train vla``: train the network of a neural-only agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsctl.cli.completion import complete_agent
from nsctl.cli.folders import folder

if TYPE_CHECKING:
    from nsctl.contracts import AgentTrainingRequest


def train_vla(
    variant: Annotated[
        str,
        typer.Option(help="The agent whose network learns: vla, vla-state, vla-mamba3.", autocompletion=complete_agent),
    ] = "vla",
    head: Annotated[str, typer.Option(help="How actions are made: l1 or flow [default: l1].")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", callback=folder, help="Where to put the weights; weights/VARIANT.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where the network learns: cpu, cuda, cuda:1.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Decides data and initial weights.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes that play episodes.")] = 2,
    minutes: Annotated[
        float | None, typer.Option(metavar="MINUTES", help="Stop at a checkpoint after so long; go on with --resume.")
    ] = None,
    budget: Annotated[float, typer.Option(metavar="TIMES", help="So many times the usual training steps.")] = 1.0,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network first: minutes, then quicker.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what lies in the folder.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A tiny run of every stage; its weights are no good.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as one JSON object on the last line.")
    ] = False,
) -> None:
    """Train a vision-language-action network from nothing, and print what its card says."""
    from nsctl.contracts import AgentTrainingRequest
    from nsctl.records import plain

    where = out or Path("weights") / (variant + (f"-{head}" if head else "") + ("-quick" if quick else ""))
    request = AgentTrainingRequest(
        where,
        seed,
        workers,
        resume,
        quick,
        device=device,
        head=head,
        minutes=minutes,
        budget=budget,
        compiled=compiled,
    )
    try:
        figures = _trained(variant, request)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(f"interrupted: go on with `{_command(variant, request)} --resume`") from stop
    if as_json:
        typer.echo(json.dumps(plain(dict(figures))))
        return
    from nsctl.cli.train import print_figures

    print_figures(variant, request, figures)
    if "note" in figures:
        typer.echo(f"go on with: {_command(variant, request)} --resume")


def _trained(variant: str, request: AgentTrainingRequest) -> Mapping[str, Any]:
    from nsctl import registry
    from nsctl.contracts import Trainable
    from nsctl.errors import BrokenPart, InvalidValue, UnknownName

    names = registry.parts("agents")
    if variant not in names:
        able = []
        for name in names:
            with suppress(BrokenPart):  # somebody's broken plug-in is not what was asked for
                able += [name] if isinstance(registry.load("agents", name)(), Trainable) else []
        raise UnknownName("agent that can be trained", variant, able)
    agent = registry.load("agents", variant)()
    if not isinstance(agent, Trainable):
        raise InvalidValue(f"the agent {variant!r} cannot be trained as a whole; its skills may: nsctl train skill")
    return agent.train(request)


def _command(variant: str, request: AgentTrainingRequest) -> str:
    choices = f"--variant {variant} --out {request.out} --seed {request.seed} --workers {request.workers}"
    choices += f" --head {request.head}" * bool(request.head) + f" --device {request.device}" * (
        request.device != "cpu"
    )
    choices += f" --budget {request.budget:g}" * (request.budget != 1.0)
    choices += f" --minutes {request.minutes:g}" if request.minutes is not None else ""
    return f"nsctl train vla {choices}" + " --compile" * request.compiled + " --quick" * request.quick
