"""Charges wall time, CPU time and joules to the phase that is open.

An episode is cut into phases: ``perceive``, ``plan``, ``policy`` (the agent's), ``simulate``, ``render`` and, for
whatever is left, ``harness``. At each boundary the clock notes the time; the difference is charged to the phase that ends
there. So phases sum to the episode by construction, and nesting charges the inner phase alone. The CPU time is read at a
boundary if it was last read :data:`CPU_SECONDS` ago or more, and shared out by the wall time of the stretches since.

A counter of joules is dearer to read than a clock (RAPL: 10 us and more a domain), and moves once a millisecond at best;
a control step has half a dozen boundaries in that time. So it is read at a boundary if it was last read
:data:`LOOK_SECONDS` ago or more, and what it counted is shared out among the phases of that window: by CPU time if it
knows this process alone, else by wall time. A phase that fills a window gets all of it. What metering
costs that way is measured by ``benchmarks/metering.py``.

What a child process did is known when it has ended and was waited for, not before: its CPU time is charged, as a whole,
to the phase that took most of the window in which that happened.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import inf

try:
    from resource import RUSAGE_CHILDREN, getrusage
except ImportError:  # pragma: no cover - Windows keeps no such account
    getrusage = None  # type: ignore[assignment]

from nsctl.contracts import Label, Meter
from nsctl.errors import EpisodeError

AGENT_PHASES = ("perceive", "plan", "policy")
WORLD_PHASES = ("simulate", "render", "harness")
PHASES = AGENT_PHASES + WORLD_PHASES
MEASURED_PERIODS = 20
"""A phase whose windows are on average shorter than this many update periods of their source is attributed.

Each window may be off by one update; the time that a measured figure covers is then right to a twentieth at worst.
"""


CPU_SECONDS = 0.002
"""How often the CPU time is read at most: the system adds it up over all threads, which takes microseconds."""
LOOK_SECONDS = 0.02
"""How often a counter of phases is read at most; one that moves more slowly, not before it may have moved."""


@dataclass(frozen=True)
class Figure:
    """A number of joules, how it was obtained and by whom. A value that is not known is ``None``, never 0."""

    value: float | None
    label: Label
    source: str


@dataclass(frozen=True)
class PhaseCost:
    """What one phase of one episode took: wall seconds, CPU seconds of this process, and joules."""

    wall: float
    cpu: float
    joules: Figure
    children: float | None = None
    """CPU seconds of child processes that ended in the phase; ``None`` where the system does not tell."""


def children_seconds() -> float | None:
    """CPU seconds of all child processes that have ended and were waited for; ``None`` where the system does not tell."""
    if getrusage is None:
        return None  # pragma: no cover
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class _Account:
    """What was charged to a phase so far."""

    __slots__ = ("_settled_cpu", "_settled_wall", "children", "cpu", "joules", "mixed", "wall", "windows")

    def __init__(self) -> None:
        self.wall = self.cpu = self.children = self.joules = 0.0
        self.windows = 0
        """How often the phase was cut out of the episode."""
        self.mixed = 0.0
        """Wall seconds in windows of the counter that it did not have to itself."""
        self._settled_wall = self._settled_cpu = 0.0

    @property
    def unsettled_wall(self) -> float:
        """Wall seconds since the counter was read last."""
        return self.wall - self._settled_wall

    @property
    def unsettled_cpu(self) -> float:
        """CPU seconds, ended children's included, since the counter was read last."""
        return self.cpu + self.children - self._settled_cpu

    def settle(self, joules: float, *, alone: bool) -> None:
        """Take this share of a window's joules."""
        self.joules += joules
        self.mixed += 0.0 if alone else self.unsettled_wall
        self._settled_wall, self._settled_cpu = self.wall, self.cpu + self.children


class _Door:
    """Opens a phase and closes it; there is one for each phase, since what is open stands on the clock's stack."""

    __slots__ = ("_account", "_clock", "_stack")

    def __init__(self, clock: EpisodeClock, stack: list[_Account], account: _Account) -> None:
        self._clock, self._stack, self._account = clock, stack, account

    def __enter__(self) -> None:
        open_now = self._stack[-1]
        if self._account is not open_now:
            self._clock.mark(open_now)
        self._stack.append(self._account)

    def __exit__(self, *_: object) -> None:
        closing = self._stack.pop()
        if closing is not self._stack[-1]:
            self._clock.mark(closing)


class EpisodeClock:
    """A stack of phases over one episode, fed by the first counter in ``meters`` that can be read.

    ``meters`` come in order of trust. An *episode* counter (too slow for phases) is read at the ends only and its
    joules are shared out by wall time, which makes them attributed. One that stands still over the whole episode, such
    as that of a GPU which nobody uses, has no part in the figures: neither in their label nor in their source. Where the
    wall clock stood still as well, the ``harness`` takes them. A counter that fails, or falls, hides the whole episode.
    """

    def __init__(self, meters: Sequence[Meter] = ()) -> None:
        counters = [m for m in meters if m.granularity != "run" and _readable(m)]
        self._phase_meter = next((m for m in counters if m.granularity == "phase"), None)
        self._episode_meters = [m for m in counters if m.granularity == "episode"]
        self._accounts = {name: _Account() for name in PHASES}
        self._stack = [self._accounts["harness"]]
        self._doors = {name: _Door(self, self._stack, account) for name, account in self._accounts.items()}
        self._lost = False
        self._pause = max(LOOK_SECONDS, self._phase_meter.update_seconds if self._phase_meter else 0.0)
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        self._children = children_seconds() or 0.0
        self._due = self._wall + self._pause
        self._cpu_due = self._wall + CPU_SECONDS
        self._ends: list[tuple[_Account, float, float | None]] = []
        self._counted = self._phase_meter.read() if self._phase_meter else None
        self._label()  # of the time before the episode
        self._episode_marks = [m.read() for m in self._episode_meters]
        self._polled = [(m, seconds) for m in self._episode_meters if (seconds := getattr(m, "poll_seconds", None))]
        self._poll_due = self._wall if self._polled else inf

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Charge what happens inside to the phase ``name``; an inner phase is charged to itself alone."""
        try:
            return self._doors[name]
        except KeyError:
            raise EpisodeError(f"no phase is called {name!r}; there is: {', '.join(PHASES)}") from None

    def stop(self) -> Mapping[str, PhaseCost]:
        """Close the episode and give every phase its cost."""
        if len(self._stack) != 1:
            still = next(name for name, account in self._accounts.items() if account is self._stack[-1])
            raise EpisodeError(f"the phase {still!r} is still open")
        self._ends.append((self._stack[-1], time.perf_counter(), time.process_time()))
        self._look()
        extra = self._episode_joules()
        self._lost = self._lost or any(joules is None for _, joules in extra)
        spent = [(meter.name, joules) for meter, joules in extra if joules]
        weak = any(meter.label == "modelled" for meter, joules in extra if joules)
        label = self._label()  # asked in any case, so that the next episode's answer is of that one
        shares = _shares([account.wall for account in self._accounts.values()])
        return {
            name: PhaseCost(
                account.wall,
                account.cpu,
                self._figure(account, "modelled" if weak else label, spent, share),
                None if getrusage is None else account.children,
            )
            for (name, account), share in zip(self._accounts.items(), shares, strict=True)
        }

    def mark(self, account: _Account) -> None:
        """A boundary: what was until now is ``account``'s."""
        wall = time.perf_counter()
        if wall < self._cpu_due:
            self._ends.append((account, wall, None))
            return
        self._cpu_due = wall + CPU_SECONDS
        self._ends.append((account, wall, time.process_time()))
        if wall >= self._due:
            self._look()

    def _label(self) -> Label:
        """What the phase counter says of its joules since this was last asked."""
        return self._phase_meter.label if self._phase_meter else "attributed"

    def _figure(self, account: _Account, label: Label, spent: Sequence[tuple[str, float]], share: float) -> Figure:
        meter = self._phase_meter
        sources = [*([meter.name] if meter else []), *(name for name, _ in spent)]
        if not sources or self._lost:
            return Figure(None, "unavailable", "none")
        if spent:
            # Joules of several sources, or shared out by wall time: no better than attributed, nor than the weakest.
            label = "modelled" if label == "modelled" else "attributed"
        elif meter and label == "measured" and not _sharp(account, meter.update_seconds):
            label = "attributed"
        value = account.joules + sum(joules for _, joules in spent) * share
        return Figure(value, label, "+".join(sources))

    def _episode_joules(self) -> list[tuple[Meter, float | None]]:
        """What each episode counter moved by; ``None`` where it could not be read, or fell."""
        moved: list[tuple[Meter, float | None]] = []
        for meter, before in zip(self._episode_meters, self._episode_marks, strict=True):
            after = meter.read()
            moved.append((meter, None if after is None or before is None or after < before else after - before))
        return moved

    def _charge(self) -> None:
        """Charge each stretch since the counter was read last to the phase that was open in it."""
        since: list[tuple[_Account, float]] = []
        for account, wall, cpu in self._ends:
            since.append((account, wall - self._wall))
            account.wall += wall - self._wall
            account.windows += 1
            self._wall = wall
            if cpu is not None:
                _spread(cpu - self._cpu, since)
                self._cpu = cpu
                since.clear()
        self._ends.clear()

    def _look(self) -> None:
        """Read the counter and the children's CPU time, and share out what came since they were read last."""
        joules, children = self._joules(), children_seconds() or 0.0
        self._charge()  # after them, so that the time which that takes is the next stretch's on every clock
        accounts = self._accounts.values()
        walls = [account.unsettled_wall for account in accounts]
        if children > self._children:
            longest = max(accounts, key=lambda account: account.unsettled_wall)
            longest.children += children - self._children
            self._children = children
        cpus = [account.unsettled_cpu for account in accounts]
        own = self._phase_meter is not None and self._phase_meter.scope == "process" and any(cpus)
        most = sum(walls) * (1 - 1 / MEASURED_PERIODS)
        for account, wall, share in zip(accounts, walls, _shares(cpus if own else walls), strict=True):
            account.settle(joules * share, alone=wall >= most)
        self._due = self._wall + self._pause
        if self._wall >= self._poll_due:
            self._poll()

    def _poll(self) -> None:
        """Read the episode counters that cannot wait for the end: here, as a thread would disturb whoever is at work."""
        self._lost = self._lost or None in [meter.read() for meter, _ in self._polled]
        self._poll_due = self._wall + min(seconds for _, seconds in self._polled)

    def _joules(self) -> float:
        """What the phase counter counted since it was read last; 0 where there is none, or it is lost."""
        meter, before = self._phase_meter, self._counted
        now = self._counted = meter.read() if meter else None
        if now is None or before is None or now < before:
            self._lost = self._lost or meter is not None
            return 0.0
        return now - before


def _readable(meter: Meter) -> bool:
    """Whether a counter gives numbers; one that was left alone for long may have lost count, and says so once."""
    return meter.read() is not None or meter.read() is not None


class NoClock(EpisodeClock):
    """A clock that looks at nothing: for work that is timed as a whole, and to see what the other one costs."""

    def phase(self, name: str) -> AbstractContextManager[None]:
        """Charge nothing to anybody."""
        return nullcontext()


def _spread(cpu: float, stretches: Sequence[tuple[_Account, float]]) -> None:
    """Charge CPU seconds to stretches by their wall time; to the last one where the wall clock stood still."""
    whole = sum(wall for _, wall in stretches)
    if whole <= 0.0:
        stretches[-1][0].cpu += cpu
        return
    for account, wall in stretches:
        account.cpu += cpu * wall / whole


def _shares(seconds: Sequence[float]) -> list[float]:
    """Each phase's part of all seconds, in the order of :data:`PHASES`; all of it the harness's if there are none."""
    total = sum(seconds)
    return [each / total for each in seconds] if total > 0 else [float(name == "harness") for name in PHASES]


def _sharp(account: _Account, update_seconds: float) -> bool:
    """Whether a phase's windows lasted long enough for the counter, and were its own to a twentieth."""
    long = account.wall >= MEASURED_PERIODS * update_seconds * account.windows
    return long and account.mixed <= account.wall / MEASURED_PERIODS
