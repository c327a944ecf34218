"""What ``nsctl energy replay`` shows: its progress on stderr, and a page at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from nsctl.cli.tables import MISSING, number, plain_table
from nsctl.records import FigureRecord
from nsctl.replay import Replay, Told

PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))


@contextmanager
def replay_progress() -> Iterator[Told]:
    """A bar on a terminal, nothing elsewhere. It is drawn only when it is told: a thread would cost joules."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as progress:
        bar = progress.add_task("", total=1)

        def told(what: str, done: int, whole: int) -> None:
            progress.update(bar, description=what, completed=done, total=whole, refresh=True)

        yield told


def print_replay(done: Replay, console: Console | None = None) -> None:
    """Print what a decision costs, trial by trial, and what to bear in mind."""
    console = console or Console()
    config = done.stored.run.config
    what = f": its {done.phase}, asked again\n"
    console.print(Text.assemble("\n", (config.task, "bold"), " with agent ", (config.agent, "bold"), what))
    console.print(_trials(done), "")
    console.print(_figures(done), "")
    for remark in remarks(done):
        console.print(Text(remark, style="dim"))
    console.print(Text(f"record  {done.stored.folder}"), soft_wrap=True)


def _trials(done: Replay) -> Table:
    beyond = done.net.value != done.gross.value
    table = plain_table("trial", "decisions#", "s#", *(("gross J#", "net J#") if beyond else ("J#",)), "a decision#")
    for count, trial in enumerate(done.trials, start=1):
        net = (number(trial.net.value),) if beyond else ()
        joules = number(trial.gross.value), *net, prefixed(done.per_decision(trial), "J")
        table.add_row(str(count), str(trial.decisions), number(trial.seconds), *joules)
    return table


def _figures(done: Replay) -> Table:
    table = Table.grid(padding=(0, 3))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(style="dim")
    known = [value for trial in done.trials if (value := done.per_decision(trial)) is not None]
    spread = (
        f"trials {prefixed(min(known), 'J')} to {prefixed(max(known), 'J')}" if known else "no counter could be read"
    )
    table.add_row("a decision", prefixed(done.gross.value, "J"), f"{_known(done.gross)}; {spread}")
    if done.net.value != done.gross.value:
        table.add_row("  beyond idle power", prefixed(done.net.value, "J"), _known(done.net))
    table.add_row("  in its place", prefixed(done.in_place.value, "J"), f"{_known(done.in_place)}; by the record")
    table.add_row("time of a decision", prefixed(done.seconds_per_decision, "s"), "wall")
    table.add_row("grade", done.grade or MISSING, "of the counters used here")
    return table


def remarks(done: Replay) -> Iterator[str]:
    """What a reader must know to believe these figures, a sentence each."""
    inputs, asked = done.inputs, done.inputs.decisions
    yield f"{asked} decisions of {len(inputs.episodes)} episodes; {done.repeated} were answered as in the episode."
    if done.options.phase == "policy" and not inputs.split:
        yield "The agent shows no skills that could be asked by themselves: what it perceives and plans is in the figure."
    if inputs.differ:
        listed = ", ".join(map(str, inputs.differ))
        yield f"Episode {listed} did not go as recorded: the inputs are this machine's, not the record's."
    if not done.same_machine:
        yield "The record was made on another processor: its own figures are of that one."
    if done.idle and done.idle.contended:
        yield "Other processes were at work when the idle power was looked at."


def _known(figure: FigureRecord) -> str:
    return figure.label if figure.source in (figure.label, "none") else f"{figure.label} by {figure.source}"


def prefixed(value: float | None, unit: str) -> str:
    """A small quantity with three digits that matter: 0.00058 J is 580 µJ."""
    if value is None:
        return MISSING
    scale, prefix = next(((s, p) for s, p in PREFIXES if abs(value) >= s), PREFIXES[-1] if value else PREFIXES[0])
    return number(float(f"{value / scale:.3g}"), f"{prefix}{unit}")
