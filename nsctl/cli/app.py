"""The command line as a whole: options for every command, and how errors end."""

from __future__ import annotations

import logging
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nsctl import __version__, guard
from nsctl.cli import (
    board,
    compare,
    demos,
    distill,
    doctor,
    energy,
    new,
    parts,
    plan,
    quantize,
    reproduce,
    run,
    runs,
    tasks,
    train,
    watch,
)
from nsctl.cli.exits import exit_code
from nsctl.errors import NsctlError

HELP = """Neuro-symbolic embodied control: an answer-set planner, small neural skills, every joule counted.

Start with: [bold]nsctl run hanoi-3[/bold]
"""


class Commands(TyperGroup):
    """Ends every error that we raise on purpose in one sentence on stderr."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; ``--debug`` lets the error through with its traceback."""
        try:
            return super().invoke(ctx)
        except NsctlError as error:
            if ctx.params.get("debug"):
                raise
            typer.echo(f"nsctl: {error}", err=True)
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as stop:
            typer.echo(f"\nnsctl: {str(stop) or 'interrupted; nothing was kept'}", err=True)
            raise typer.Exit(exit_code(stop)) from stop


app = typer.Typer(
    cls=Commands, help=HELP, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nsctl {__version__}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="NSCTL_DEBUG", help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Options that stand before the command."""
    if debug:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("nsctl").setLevel(logging.DEBUG)
    for sentence in guard.clashes():
        typer.echo(f"nsctl: {sentence}", err=True)


run.add_to(app)
runs.add_to(app)
compare.add_to(app)
reproduce.add_to(app)
plan.add_to(app)
train.add_to(app)
quantize.add_to(app)
distill.add_to(app)
energy.add_to(app)
watch.add_to(app)
tasks.add_to(app)
demos.add_to(app)
parts.add_to(app)
new.add_to(app)
doctor.add_to(app)
board.add_to(app)
