"""What ``nsctl run`` prints when it is done: a page that needs no manual."""

from __future__ import annotations

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from nsctl.cli.tables import MISSING, interval, number, percent, plain_table
from nsctl.evaluation import Evaluation
from nsctl.phases import AGENT_PHASES, WORLD_PHASES
from nsctl.summary import Summary

MEANINGS = {
    "perceive": "where things are, which facts hold",
    "plan": "searching for plans",
    "policy": "the skills' control",
    "agent": "the three above",
    "simulate": "moving the world",
    "render": "pictures and this display",
    "harness": "keeping the books",
    "total": "all computing",
}
PRIVILEGES = {
    "sim_truth": "the simulator's true poses",
    "tracked": "poses from a simulated tracker",
    "pixels": "pictures alone",
}


def print_report(done: Evaluation, console: Console | None = None) -> None:
    """Print the summary of a run."""
    console = console or Console()
    config, summary = done.run.config, done.summary
    title = f"[bold]{config.task}[/bold] with agent [bold]{config.agent}[/bold] on {config.engine}, seed {config.seed}"
    console.print(Group("", Text.from_markup(title), "", _results(done), "", _energy(summary), ""))
    console.print(Text(_how_known(done), style="dim"), "")
    for reason, times in summary.reasons.items():
        console.print(Text(f"{times} × {reason}", style="red"))
    console.print(Text(f"record  {done.folder}"), soft_wrap=True)


def _how_known(done: Evaluation) -> str:
    """What the joules are, and are not."""
    models = [m.description.get("power_model") for m in done.run.meters if m.counts and m.label == "modelled"]
    watts = [model.get("watts_per_busy_thread") for model in models if isinstance(model, dict)]
    modelled = f" Modelled: CPU seconds x {watts[0]:g} W." if watts and isinstance(watts[0], float) else ""
    return f"Joules of computing, not of the arm's motors.{modelled}"


def _results(done: Evaluation) -> Table:
    summary, n = done.summary, done.summary.episodes
    table = Table.grid(padding=(0, 3))
    table.add_column(no_wrap=True)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(style="dim")
    table.add_row("success at end", percent(summary.success_at_end, n), f"95 % interval {interval(summary.interval)}")
    once = f"95 % interval {interval(summary.interval_once)}"
    table.add_row("success once", percent(summary.success_once, n), once)
    table.add_row("plan", number(summary.plan_length, "steps"), "first plan, median")
    table.add_row("control steps", number(summary.steps), "20 a second of robot time, median")
    table.add_row("wall time", number(summary.seconds, "s"), "an episode, mean")
    table.add_row("replans, retries", f"{summary.replans}, {summary.retries}", "over all episodes")
    if done.run.config.disturb:
        reacted = summary.disturbed_replanned
        kinds = ", ".join(disturbance.kind for disturbance in done.run.config.disturb)
        table.add_row("disturbed", percent(summary.disturbed, n), f"episodes, by {kinds}")
        table.add_row("reacted", percent(reacted, summary.disturbed), "of these replanned or retried")
        bounds = interval(summary.interval_recovered) if reacted else MISSING
        recovered = f"of those succeeded; 95 % {bounds}"
        table.add_row("recovered", percent(summary.disturbed_replanned_success, reacted), recovered)
    if summary.errors:
        table.add_row("errors", percent(summary.errors, n), "episodes that an exception ended")
    table.add_row("agent sees", done.run.privilege, PRIVILEGES[done.run.privilege])
    return table


def _energy(summary: Summary) -> Table:
    table = plain_table("joules an episode", "J#", "how known", "what for")
    for phase in (*AGENT_PHASES, "agent", *WORLD_PHASES, "total"):
        figure = summary.joules[phase]
        style = "bold" if phase in ("agent", "total") else ""
        table.add_row(phase, number(figure.value), figure.label, MEANINGS[phase], style=style)
        if phase == "agent":
            table.add_section()
    table.add_section()
    label = summary.joules["agent"].label
    table.add_row("joules per success", number(summary.joules_per_success), label, "the agent's, failures included")
    return table
