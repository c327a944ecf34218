"""What ``nsctl run`` prints when it is done: a page that needs no manual."""

from __future__ import annotations

from math import isclose

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from nsctl import idle
from nsctl.cli.tables import MISSING, interval, number, percent, plain_table
from nsctl.evaluation import Evaluation
from nsctl.phases import AGENT_PHASES, WORLD_PHASES

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
    title = Text.assemble(
        (config.task, "bold"), " with agent ", (config.agent, "bold"), f" on {config.engine}, seed {config.seed}"
    )
    console.print(Group("", title, "", _results(done), "", _energy(done), ""))
    console.print(Text(_why_unknown(done) or _how_known(done), style="dim"), "")
    for reason, times in summary.reasons.items():
        console.print(Text(f"{times} × {reason}", style="red"))
    console.print(Text(f"record  {done.folder}"), soft_wrap=True)


def _how_known(done: Evaluation) -> str:
    """What the joules are, and are not."""
    models = [m.description.get("power_model") for m in done.run.meters if m.counts and m.label == "modelled"]
    watts = [model.get("watts_per_busy_thread") for model in models if isinstance(model, dict)]
    modelled = f" Modelled: CPU seconds x {watts[0]:g} W." if watts and isinstance(watts[0], float) else ""
    return f"Joules of computing, not of the arm's motors.{modelled}{_idle(done)}"


def _why_unknown(done: Evaluation) -> str:
    """Why there are no joules; nothing where there are."""
    if not done.unmetered:
        return ""
    counting = " and ".join(meter.name for meter in done.run.meters if meter.counts)
    if not counting:
        return "Joules are unavailable: no meter works here, see nsctl doctor."
    episodes = f"{done.unmetered} of {done.summary.episodes} episodes"
    return f"Joules are unavailable: {counting} fell silent, fell back or could not be read in {episodes}."


def _idle(done: Evaluation) -> str:
    """What was taken off for net, and whether it can be relied upon."""
    found = done.run.idle
    if found is None or not idle.watts(done.run):
        return ""
    watts = ", ".join(f"{name} {number(value, 'W')}" for name, value in idle.watts(done.run).items())
    flags = " It drifted by more than a tenth." * found.drift + " Other processes were at work." * found.contended
    return f" Net: less the machine's idle power ({watts}) x time.{flags}"


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
        table.add_row("disturbed", percent(summary.disturbed, n), Text(f"episodes, by {kinds}"))
        others = f"replanned or retried; {summary.disturbed_as_planned} needed neither"
        table.add_row("reacted", percent(reacted, summary.disturbed), others)
        bounds = interval(summary.interval_recovered) if reacted else MISSING
        recovered = f"of those succeeded; 95 % {bounds}"
        table.add_row("recovered", percent(summary.disturbed_replanned_success, reacted), recovered)
    if summary.errors:
        table.add_row("errors", percent(summary.errors, n), "episodes that an exception ended")
    table.add_row("agent sees", done.run.privilege, PRIVILEGES[done.run.privilege])
    return table


def _energy(done: Evaluation) -> Table:
    """Joules by phase; beside them, where the idle power makes a difference, those beyond it."""
    summary, net = done.summary, done.net if _has_net(done) else {}
    table = plain_table("joules an episode", *(("gross#", "net#") if net else ("J#",)), "how known", "what for")
    for phase in (*AGENT_PHASES, "agent", *WORLD_PHASES, "total"):
        figure = summary.joules[phase]
        style = "bold" if phase in ("agent", "total") else ""
        beyond = (number(net[phase].value),) if net else ()
        table.add_row(phase, number(figure.value), *beyond, figure.label, MEANINGS[phase], style=style)
        if phase == "agent":
            table.add_section()
    table.add_section()
    label, beyond = summary.joules["agent"].label, (number(_net_per_success(done)),) if net else ()
    per_success = (number(summary.joules_per_success), *beyond, label)
    table.add_row("joules per success", *per_success, "the agent's, failures included")
    return table


def _has_net(done: Evaluation) -> bool:
    """Whether net differs from gross; a net that nobody knows does, where the gross is known."""
    pairs = [(figure.value, done.summary.joules[name].value) for name, figure in done.net.items()]
    return any(net != gross and (net is None or gross is None or not isclose(net, gross)) for net, gross in pairs)


def _net_per_success(done: Evaluation) -> float | None:
    mean, successes = done.net["agent"].value, done.summary.success_at_end
    return mean * done.summary.episodes / successes if mean is not None and successes else None
