"""Which meters count on this machine, and how a stranger's is kept from ending a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import Any, Literal, TypeVar, get_args

from nsctl import registry
from nsctl.contracts import Availability, Granularity, Label, Meter
from nsctl.errors import BrokenPart, InvalidValue
from nsctl.records import plain
from nsctl.registry import Part

TRUST: tuple[Label, ...] = ("measured", "attributed", "modelled")
Scope = Literal["process", "machine"]
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
        self.update_seconds = float(meter.update_seconds)
        self.failure = ""
        self.label: Label = _one_of("label", meter.label, get_args(Label))

    def availability(self) -> Availability:
        """Whether it can work here; a failure is a reason why not."""
        answer, why = _tried(self._meter.availability)
        return answer or Availability(ok=False, why=f"its availability cannot be told: {why}", remedy="mend the meter")

    def start(self) -> None:
        """Start it, or note the failure."""
        _, self.failure = _tried(self._meter.start)
        self.label = self._meter.label

    def read(self) -> float | None:
        """Joules; ``None`` also where the meter raises, or answers with what is no number."""
        joules, _ = _tried(lambda: float(value) if (value := self._meter.read()) is not None else None)
        self.label = self._meter.label  # a meter may learn while it reads that it is not alone
        return joules if joules is not None and isfinite(joules) else None

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
def counters(shared: bool = False) -> tuple[Meter, ...]:
    """Started counters in order of trust. Models are left out where a machine's own counter covers the same work.

    Of two that are trusted alike, the one that knows this process alone comes before one of the whole machine.
    ``shared`` says that other processes of the same run are at work beside this one. A machine's counter would charge
    everybody's joules to each of them, so that only counters of a single process are taken.
    """
    found = [entry.meter for entry in looked_at() if entry.meter is not None and entry.ok]
    usable = [m for m in found if m.granularity != "run" and m.label in TRUST]
    if shared:
        usable = [m for m in usable if m.scope == "process"]
    usable.sort(key=lambda m: (TRUST.index(m.label), m.scope == "machine"))
    best = next((m for m in usable if m.granularity == "phase" and _starts(m)), None)
    return tuple(m for m in usable if m is best or (m.granularity == "episode" and _starts(m)))


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
