"""Charges wall time, CPU time and joules to the phase that is open.

An episode is cut into phases: ``perceive``, ``plan``, ``policy`` (the agent's), ``simulate``, ``render`` and, for
whatever is left, ``harness``. At each boundary the clock reads the phase counter once and charges the difference to the
phase that ends there. So phases sum to the episode by construction, and nesting charges the inner phase alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from nsctl.contracts import Label, Meter
from nsctl.errors import EpisodeError

AGENT_PHASES = ("perceive", "plan", "policy")
WORLD_PHASES = ("simulate", "render", "harness")
PHASES = AGENT_PHASES + WORLD_PHASES
MEASURED_PERIODS = 20
"""A phase whose windows are on average shorter than this many update periods of their source is attributed.

Each window may be off by one update; the time that a measured figure covers is then right to a twentieth at worst.
"""


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


@dataclass
class _Account:
    wall: float = 0.0
    cpu: float = 0.0
    joules: float = 0.0
    windows: int = 0
    """How often the phase was cut out of the counter."""


class EpisodeClock:
    """A stack of phases over one episode, fed by the first counter in ``meters`` that can be read.

    ``meters`` come in order of trust. An *episode* counter (too slow for phases) is read at the ends only and its
    joules are shared out by wall time, which makes them attributed. One that stands still over the whole episode, such
    as that of a GPU which nobody uses, has no part in the figures: neither in their label nor in their source.
    """

    def __init__(self, meters: Sequence[Meter] = ()) -> None:
        counters = [m for m in meters if m.granularity != "run" and m.read() is not None]
        self._phase_meter = next((m for m in counters if m.granularity == "phase"), None)
        self._episode_meters = [m for m in counters if m.granularity == "episode"]
        self._accounts = {name: _Account() for name in PHASES}
        self._stack = ["harness"]
        self._mark = self._now()
        self._episode_marks = [m.read() for m in self._episode_meters]
        self._lost = False

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Charge what happens inside to the phase ``name``; an inner phase is charged to itself alone."""
        if name not in self._accounts:
            raise EpisodeError(f"no phase is called {name!r}; there is: {', '.join(PHASES)}")
        self._charge()
        self._stack.append(name)
        try:
            yield
        finally:
            self._charge()
            self._stack.pop()

    def stop(self) -> Mapping[str, PhaseCost]:
        """Close the episode and give every phase its cost."""
        if len(self._stack) != 1:
            raise EpisodeError(f"the phase {self._stack[-1]!r} is still open")
        self._charge()
        extra = self._episode_joules()
        self._lost = self._lost or any(joules is None for _, joules in extra)
        spent = [(name, joules) for name, joules in extra if joules]
        wall = sum(account.wall for account in self._accounts.values())
        return {
            name: PhaseCost(
                account.wall, account.cpu, self._figure(account, spent, account.wall / wall if wall else 0.0)
            )
            for name, account in self._accounts.items()
        }

    def _figure(self, account: _Account, spent: Sequence[tuple[str, float]], share: float) -> Figure:
        meter = self._phase_meter
        sources = [*([meter.name] if meter else []), *(name for name, _ in spent)]
        if not sources or self._lost:
            return Figure(None, "unavailable", "none")
        label: Label = meter.label if meter else "attributed"
        if spent:
            # Joules of several sources, or shared out by wall time: no better than attributed, nor than the weakest.
            label = "modelled" if label == "modelled" else "attributed"
        elif meter and label == "measured" and account.wall < MEASURED_PERIODS * meter.update_seconds * account.windows:
            label = "attributed"
        value = account.joules + sum(joules for _, joules in spent) * share
        return Figure(value, label, "+".join(sources))

    def _episode_joules(self) -> list[tuple[str, float | None]]:
        """What each episode counter moved by; ``None`` where it could not be read."""
        moved: list[tuple[str, float | None]] = []
        for meter, before in zip(self._episode_meters, self._episode_marks, strict=True):
            after = meter.read()
            moved.append((meter.name, None if after is None or before is None else after - before))
        return moved

    def _charge(self) -> None:
        now = self._now()
        account = self._accounts[self._stack[-1]]
        account.wall += now[0] - self._mark[0]
        account.cpu += now[1] - self._mark[1]
        account.windows += 1
        if now[2] is None or self._mark[2] is None:
            self._lost = self._phase_meter is not None
        else:
            account.joules += now[2] - self._mark[2]
        self._mark = now

    def _now(self) -> tuple[float, float, float | None]:
        joules = self._phase_meter.read() if self._phase_meter else None
        return time.perf_counter(), time.process_time(), joules
