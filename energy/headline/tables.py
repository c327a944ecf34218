"""The page's tables: success, joules, failures, the paper beside ours, ratios, and what each agent was given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil

from energy.board.figures import MISSING, interval, number
from energy.headline.plots import counterpart
from energy.headline.text import code, plain, table
from nsctl.ledger import ITEMS
from nsctl.paper import NEUROSYMBOLIC, PUBLISHED, Published, ratio_per_success, training_ratio
from nsctl.phases import AGENT_PHASES
from nsctl.ratios import Ratio, charged, of_trainings, subtracted
from nsctl.standings import Standing, Standings

SEES = {"sim_truth": "true poses", "tracked": "a simulated tracker's poses", "pixels": "pictures alone"}
"""What agents of a privilege class are shown."""
Rows = Callable[[Standing], Sequence[Sequence[str]]]


def by_class(found: Standings, head: Sequence[str], rows: Rows) -> str:
    """A table for each privilege class, so that none invites a look across."""
    parts = []
    for privilege, members in found.classes.items():
        lines = [line for member in members for line in rows(member)]
        said = f"Class `{privilege}`, agents that see {SEES.get(privilege, privilege)}:\n\n" * (len(found.classes) > 1)
        parts += [said + table(head, lines)] if lines else []
    return "\n\n".join(parts)


def success(found: Standings) -> str:
    """Rates with exact intervals, and differences from the first agent over pairs."""
    first = found.members[0].name
    head = (
        "agent",
        "success at end#",
        "95 %, Clopper-Pearson#",
        f"less {plain(first)}, points#",
        "95 %#",
        "p, exact McNemar#",
    )
    return by_class(found, head, _success)


def _success(member: Standing) -> list[list[str]]:
    side, (low, high) = member.side, member.side.interval
    rate = f"{side.successes}/{side.episodes} = {100 * side.successes / side.episodes:.1f} %"
    apart = ["", "", ""]
    if member.against is not None and member.difference is not None:
        value, (least, most) = member.difference
        apart = [f"{100 * value:+.1f}", f"{100 * least:+.1f} to {100 * most:+.1f}", f"{member.against.p:.2g}"]
    return [[code(member.name), rate, f"{100 * low:.1f} to {100 * high:.1f} %", *apart]]


def energy(found: Standings) -> str:
    """Joules per success, by phase, of training; each with its label."""
    head = (
        "agent",
        "J per success#",
        "95 %, bootstrap#",
        "net of idle#",
        *(f"{p}, J#" for p in AGENT_PHASES),
        "agent, J an episode#",
    )
    return by_class(found, (*head, "label", "training, J#", "label", "paid off after#"), _energy)


def _energy(member: Standing) -> list[list[str]]:
    side, training = member.side, member.side.training
    spent = [number(side.joules[phase].value) for phase in (*AGENT_PHASES, "agent")]
    cost = [number(side.per_success.value), interval(side.per_success), number(member.net_per_success)]
    trained = [number(training.value), training.label] if training else [MISSING, MISSING]
    return [[code(member.name), *cost, *spent, member.label, *trained, _paid_off(member)]]


def _paid_off(member: Standing) -> str:
    found = member.against and member.against.break_even
    if not found or member.against is None:
        return MISSING
    whose = "its own" if found.side else "the first's"
    return f"{whose}: never" if found.successes is None else f"{whose}: {ceil(found.successes):,} successes"


def failures(found: Standings) -> str:
    """Kinds of failure; nothing where nobody failed."""
    return by_class(found, ("agent", "times#", "ended", "at step", "reason"), _failures)


def _failures(member: Standing) -> list[list[str]]:
    kinds = member.failures
    return [[code(member.name), str(k.times), k.status, plain(k.step) or MISSING, plain(k.reason)] for k in kinds]


def beside_the_paper(found: Sequence[Standings]) -> str:
    """For each task that the paper has: its agents, and ours that do their work."""
    lines = []
    for each in found:
        # backwards, so that of several the first named stays
        ours = {p.name: m for m in each.members[::-1] if (p := counterpart(m, first=m is each.members[0]))}
        for published in PUBLISHED if each.task in NEUROSYMBOLIC.tasks else ():
            rate, spent = published.tasks[each.task]
            theirs = (f"{100 * rate:g} %", number(1000 * spent), number(_joules(published.per_success(each.task))))
            lines.append([each.task, published.name, *theirs, *_ours(ours.get(published.name))])
    head = ("task", "paper's agent", "success#", "J an episode#", "J per success#")
    return table((*head, "our agent", "success#", "J an episode#", "J per success#", "label"), lines) if lines else ""


def _joules(kilojoules: float | None) -> float | None:
    return None if kilojoules is None else 1000 * kilojoules


def _ours(member: Standing | None) -> list[str]:
    if member is None:
        return [MISSING] * 5
    side = member.side
    rate = f"{100 * side.successes / side.episodes:.1f} %"
    return [code(member.name), rate, number(side.joules["agent"].value), number(side.per_success.value), member.label]


def ratios(found: Sequence[Standings]) -> tuple[str, list[str]]:
    """Joules over the first agent's, with idle power on both sides and on neither; and what is to be said of them."""
    lines, reasons = [], Reasons()
    for each in found:
        first = each.members[0]
        for member in each.members[1:]:
            pair = charged(first.stored, member), subtracted(first.stored, member)
            published = _published(first, member)
            told = ratio_per_success(published, each.task) if published and each.task in published.tasks else None
            apart = "" if member.privilege == first.privilege else f"{first.privilege} and {member.privilege}"
            figures = (*map(ratio, pair), _label(pair), number(told), plain(apart) or "the same")
            lines.append([each.task, code(member.name), *figures])
            whom = f"{code(member.name)} in {each.task}"
            reasons.add(pair, whom)
            if member.unranked:
                reasons.note(f"a ratio and no ranking, since these differ: {plain(', '.join(member.unranked))}", whom)
    head = ("task", "agent", "idle charged to both#", "idle subtracted from both#", "label", "paper's#", "classes")
    return (table(head, lines) if lines else ""), reasons.sentences


def _published(first: Standing, member: Standing) -> Published | None:
    """The paper's agent that does this one's work, where the first does that of the paper's neuro-symbolic one."""
    return counterpart(member, first=False) if counterpart(first, first=True) is NEUROSYMBOLIC else None


def trainings(found: Sequence[Standings]) -> tuple[str, list[str]]:
    """Joules of training over the first agent's: the same for all tasks, since weights are."""
    lines, reasons = [], Reasons()
    others: dict[str, tuple[Standing, Standing]] = {}
    for each in found:
        others = {member.name: (each.members[0], member) for member in each.members[1:]} | others
    for first, member in others.values():
        counted = of_trainings(first.side, member.side)
        published = _published(first, member)
        theirs = number(training_ratio(published)) if published else MISSING
        lines.append([code(member.name), ratio(counted), counted.label, MISSING, theirs])
        reasons.add([counted], code(member.name))
    head = ("agent", "as counted#", "label", "idle subtracted from both#", "paper's#")
    return (table(head, lines) if lines else ""), reasons.sentences


class Reasons:
    """Why figures are missing, or what they lack; each reason once, with all whom it concerns."""

    def __init__(self) -> None:
        self._whom: dict[str, dict[str, None]] = {}

    def add(self, figures: Iterable[Ratio], whom: str) -> None:
        """Take down what is noted of ``figures``."""
        for each in figures:
            if each.note:
                self.note(each.note, whom)

    def note(self, reason: str, whom: str) -> None:
        """Take down ``reason``."""
        self._whom.setdefault(reason, {})[whom] = None

    @property
    def sentences(self) -> list[str]:
        return [f"{note}: {', '.join(whom)}" for note, whom in self._whom.items()]


def ratio(found: Ratio) -> str:
    """``12 [9.8 to 14]``."""
    if found.value is None:
        return MISSING
    if found.low is None:
        return number(found.value)
    return f"{number(found.value)} [{number(found.low)} to {number(found.high) if found.high is not None else '∞'}]"


def _label(pair: Sequence[Ratio]) -> str:
    labels = list(dict.fromkeys(each.label for each in pair if each.value is not None))
    return ", ".join(labels) or MISSING


def ledger(found: Sequence[Standings]) -> str:
    """What each agent was given, an item a line."""
    members = {member.name: member for each in found for member in each.members}
    head = ("given", *(code(name) for name in members))
    lines = [[item.replace("_", " "), *(plain(m.ledger[item]) or MISSING for m in members.values())] for item in ITEMS]
    return table(head, lines)
