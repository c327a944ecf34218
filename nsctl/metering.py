"""Which meters count on this machine, and how a stranger's is kept from ending a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import Any, TypeVar, get_args

from nsctl import registry
from nsctl.contracts import Availability, Granularity, Label, Meter, Scope
from nsctl.errors import BrokenPart, InvalidValue
from nsctl.records import Grade, plain
from nsctl.registry import Part

TRUST: tuple[Label, ...] = ("measured", "attributed", "modelled")
T = TypeVar("T")


class CarefulMeter:
    """A meter that never raises, around one that may: what goes wrong is told instead.

    ``failure`` says why the last :meth:`start` failed, and is empty otherwise.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.name = str(meter.name)
        self.granularity: Granularity = _one_of("granularity", meter.granularity, get_args(Granularity))
        self.scope: Scope = _one_of("scope", meter.scope, get_args(Scope))
        self.failure = ""
        self._label: Label = _one_of("label", meter.label, get_args(Label))
        self._update_seconds = float(meter.update_seconds)
        self._grade: Grade | None = _one_of("grade", getattr(meter, "grade", None), (None, *get_args(Grade)))

    @property
    def label(self) -> Label:
        """Asked anew each time: a meter may learn that it is not alone. What is no label changes nothing."""
        told, _ = _tried(lambda: _one_of("label", self._meter.label, get_args(Label)))
        self._label = told or self._label
        return self._label

    @property
    def update_seconds(self) -> float:
        """Asked anew each time: a meter may have to find out."""
        told, _ = _tried(lambda: float(self._meter.update_seconds))
        self._update_seconds = told or self._update_seconds
        return self._update_seconds

    @property
    def poll_seconds(self) -> float | None:
        """How often it must be read within an episode, if the ends are not enough; known once it has started."""
        told, _ = _tried(lambda: float(self._meter.poll_seconds))  # type: ignore[attr-defined]
        return told or None

    @property
    def grade(self) -> Grade:
        """What its joules since the start are worth."""
        if self.label == "modelled":
            return "D"
        alone, _ = _tried(lambda: bool(getattr(self._meter, "exclusive", self.label == "measured")))
        return (self._grade or "B") if alone else "C"

    @property
    def external(self) -> bool:
        """Whether it is an external meter, which sees all that other counters see."""
        return self._grade == "A"

    def stand_in(self, region: str) -> None:
        """Let a meter that tells carbon count with the grid of this region; refuses what it does not know."""
        self._meter.region = region  # type: ignore[attr-defined]

    def availability(self) -> Availability:
        """Whether it can work here; a failure is a reason why not."""
        answer, why = _tried(self._meter.availability)
        return answer or Availability(ok=False, why=f"its availability cannot be told: {why}", remedy="mend the meter")

    def start(self) -> None:
        """Start it, or note the failure."""
        _, self.failure = _tried(self._meter.start)

    def read(self) -> float | None:
        """Joules; ``None`` also where the meter raises, or answers with what is no number."""
        return _joules(self._meter.read)

    def whole(self) -> float | None:
        """Joules of all that it can see, whether this process uses it or not."""
        return _joules(getattr(self._meter, "whole", self._meter.read))

    def stop(self) -> Mapping[str, Any]:
        """The meter's fields, or the reason for their absence under ``error``."""
        return _fields(self._meter.stop)

    def describe(self) -> Mapping[str, Any]:
        """The same."""
        return _fields(self._meter.describe)


@dataclass(frozen=True)
class FoundMeter:
    """A registered meter and whether it works here; ``meter`` is ``None`` if it could not even be made."""

    part: Part
    meter: CarefulMeter | None
    ok: bool
    why: str = ""
    remedy: str = ""


def survey() -> tuple[FoundMeter, ...]:
    """Every registered meter. One that breaks, at its start for example, is named in its entry and harms no other."""
    return tuple(_as_started(entry) for entry in looked_at())


@cache
def looked_at() -> tuple[FoundMeter, ...]:
    """Every registered meter before any was started."""
    return tuple(_look_at(part) for part in registry.parts("meters").values())


@cache
def counters(shared: bool = False) -> tuple[CarefulMeter, ...]:
    """Started counters in order of trust. Models are left out where a machine's own counter covers the same work, and
    all others where there is an external meter.

    Of two that are trusted alike, the one that knows this process alone comes before one of the whole machine.
    ``shared`` says that other processes of the same run are at work beside this one. A machine's counter would charge
    everybody's joules to each of them, so that only counters of a single process are taken.
    """
    found = [entry.meter for entry in looked_at() if entry.meter is not None and entry.ok]
    usable = [m for m in found if m.granularity != "run" and m.label in TRUST]
    if shared:
        usable = [m for m in usable if m.scope == "process"]
    wall = next((m for m in usable if m.external and _starts(m)), None)
    if wall is not None:
        return (wall,)  # whatever else counts is in it already
    usable.sort(key=lambda m: (TRUST.index(m.label), m.scope != "process"))
    best = next((m for m in usable if m.granularity == "phase" and _starts(m)), None)
    return tuple(m for m in usable if m is best or (m.granularity == "episode" and _starts(m)))


def grade(shared: bool = False, before: Grade | None = None) -> Grade | None:
    """What the joules of this run are worth: as much as the least trusted counter that has counted any.

    ``shared`` is that of :func:`counters`; ``before`` the grade of the record's sessions so far. ``None`` without a counter.
    """
    counting = [m for m in counters(shared) if m.scope != "device" or m.read()]
    return max([*(m.grade for m in counting), *([before] if before else [])], default=None)


def process_joules() -> float:
    """Joules so far on the counters that know this process alone; 0 where the machine's counter covers it already."""
    return sum(m.read() or 0.0 for m in counters() if m.scope == "process")


def _starts(meter: CarefulMeter) -> bool:
    meter.start()
    return not meter.failure


def _as_started(entry: FoundMeter) -> FoundMeter:
    if entry.meter is None or not entry.meter.failure:
        return entry
    return _broken(entry.part, f"does not start: {entry.meter.failure}", entry.meter)


def _look_at(part: Part) -> FoundMeter:
    try:
        meter = CarefulMeter(part.load()())
        answer = meter.availability()
        return FoundMeter(part, meter, bool(answer.ok), str(answer.why), str(answer.remedy))
    except BrokenPart as error:
        return FoundMeter(part, None, ok=False, why=str(error), remedy=f"mend or uninstall {part.distribution}")
    except (Exception, SystemExit) as error:  # a stranger's meter may raise anything at all
        return _broken(part, f"breaks: {_why(error)}")


def _broken(part: Part, how: str, meter: CarefulMeter | None = None) -> FoundMeter:
    why = f"the meter {part.name!r} of {part.distribution} {how}"
    return FoundMeter(part, meter, ok=False, why=why, remedy=f"mend or uninstall {part.distribution}")


def _tried(call: Callable[[], T]) -> tuple[T | None, str]:
    """What ``call`` gives, or why it gives nothing."""
    try:
        return call(), ""
    except (Exception, SystemExit) as error:
        return None, _why(error)


def _joules(call: Callable[[], float | None]) -> float | None:
    """What a counter reads, if it is a number."""
    joules, _ = _tried(lambda: float(value) if (value := call()) is not None else None)
    return joules if joules is not None and isfinite(joules) else None


def _fields(call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """What ``call`` tells, as a record can keep it."""
    told, why = _tried(lambda: plain(dict(call() or {})))
    return {"error": why} if told is None else told


def _one_of(name: str, value: Any, known: tuple[Any, ...]) -> Any:
    if value not in known:
        raise InvalidValue(f"{name} must be one of {', '.join(known)}, got {value!r}")
    return value


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
