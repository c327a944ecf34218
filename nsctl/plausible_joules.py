"""Whether a record's joules can be true as they stand: sums, labels, meters, watts and what is claimed of them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from typing import Final

from nsctl.phases import AGENT_PHASES, PHASES
from nsctl.record_folder import StoredRun
from nsctl.records import LABELS, EpisodeRecord, FigureRecord, RunRecord, privilege

Finding = Iterator[str]
"""What is wrong, in sentences; empty where nothing is."""

SLACK_SECONDS: Final = 0.05
"""By which a meter's clock may be off."""
MOST_WATTS: Final = {"rapl": 4_000.0, "nvml": 24_000.0, "wall": 40_000.0}
"""Eight sockets of 500 W, sixteen GPUs of 1,500 W, both in one cabinet: more than one machine draws."""
OTHER_WATTS: Final = 40_000.0
MODEL_WATTS: Final = 1_000.0
"""A busy hardware thread draws less than this in any model worth the name."""


def figures(stored: StoredRun) -> Finding:
    """Figures that have a label that fits and a meter of the record, and add up."""
    counting = {m.name: m.label for m in stored.run.meters if m.counts}
    for e in stored.episodes:
        for phase in PHASES:
            yield from (f"episode {e.index}, {phase}: {why}" for why in _figure(e.joules[phase], counting))
        for name, parts in (("agent", AGENT_PHASES), ("total", PHASES)):
            yield from (f"episode {e.index}: {why}" for why in _sum(e, name, parts))


def _figure(figure: FigureRecord, counting: Mapping[str, str | None]) -> Finding:
    if (figure.value is None) != (figure.label == "unavailable"):
        yield f"{figure.value} J cannot be {figure.label}"
    if figure.value is None:
        return
    if figure.value < 0:
        yield f"{figure.value:.3g} J is negative"
    for source in figure.source.split("+"):
        if source not in counting:
            yield f"the joules come from {source!r}, which does not count in run.json"
        elif _better(figure.label, counting[source]):
            yield f"the meter {source!r} gives {counting[source]} figures, this one cannot be {figure.label}"


def _sum(e: EpisodeRecord, name: str, parts: Sequence[str]) -> Finding:
    total, figures = e.joules[name], [e.joules[part] for part in parts]
    values = [figure.value for figure in figures]
    known = [value for value in values if value is not None]
    if (total.value is None) != (len(known) < len(values)):
        yield f"{name} is {total.value}, its parts are {', '.join(map(str, values))}"
    elif total.value is not None and not isclose(total.value, sum(known), rel_tol=1e-9, abs_tol=1e-12):
        yield f"{name} is {total.value:.6g} J, its phases come to {sum(known):.6g} J"
    if _better(total.label, max((f.label for f in figures), key=LABELS.index)):
        yield f"{name} is {total.label}, though a part is only {max((f.label for f in figures), key=LABELS.index)}"


def _better(label: str, than: str | None) -> bool:
    """Whether a label claims more than a model where there is a model; meters may only learn that they are not alone."""
    order: tuple[str, ...] = LABELS
    weak = ("modelled", "simulated", "unavailable")
    return than in weak and order.index(label) < order.index(than)


def watts(stored: StoredRun) -> Finding:
    """Joules per second of whole episodes, within what the meters can give."""
    for e in stored.episodes:
        total, wall = e.joules["total"], sum(seconds.wall for seconds in e.seconds.values())
        if total.value is None:
            continue
        most = sum(_most(source, stored.run) for source in total.source.split("+"))
        if total.value > most * (wall + SLACK_SECONDS):
            yield f"episode {e.index}: {total.value:.4g} J in {wall:.3g} s; {total.source} gives at most {most:.4g} W"


def _most(source: str, run: RunRecord) -> float:
    if source == "modelled":
        return MODEL_WATTS * (run.hardware.cores or 1)
    return MOST_WATTS.get(source, OTHER_WATTS)


def claims(stored: StoredRun) -> Finding:
    """A grade that the meters allow, a class that the world's channels allow."""
    run = stored.run
    channels = run.world.get("channels")
    if isinstance(channels, dict) and run.privilege != (own := privilege(channels)):  # type: ignore[arg-type]
        yield f"the privilege class is {run.privilege}, the world's channels make it {own}"
    labels = {m.label for m in run.meters if m.counts}
    if run.grade is not None and not labels:
        yield f"grade {run.grade}, yet no meter counts"
    if run.grade in ("A", "B", "C") and labels and labels <= {"modelled"}:
        yield f"grade {run.grade}, yet every meter that counts is a model: that is grade D"
    if run.grade == "A" and "modelled" not in labels and not any(m.counts and m.scope == "machine" for m in run.meters):
        yield "grade A, yet no meter of the whole machine counts"
    for meter in run.meters:
        if meter.counts and meter.label == "measured" and meter.description.get("virtual_machine") is True:
            yield f"{meter.name} is called measured inside a virtual machine"
