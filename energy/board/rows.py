"""A run as a row of the board: its setting, its headline figures and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nsctl import idle
from nsctl.bootstrap import Estimate, per_success
from nsctl.comparability import joules_label
from nsctl.comparison import training
from nsctl.errors import RecordError
from nsctl.record_folder import StoredRun
from nsctl.records import FigureRecord, RunRecord
from nsctl.statistics import Interval, clopper_pearson
from nsctl.summary import Summary, summarise
from nsctl.verification import Tier, tier


@dataclass(frozen=True, order=True)
class Setting:
    """What two runs must share before they are ranked against each other."""

    task: str
    task_version: int
    engine: str
    """With the version of the simulator."""
    privilege: str
    conditions: str
    """Disturbances and the tracker's noise."""
    hardware: str
    grade: str
    """``none`` where no counter worked, or the record is older than grades."""
    joules: str
    """Label and sources of the agent's joules."""
    workers: int
    protocol: str

    @classmethod
    def of(cls, stored: StoredRun) -> Setting:
        """The setting of a record."""
        run, config, machine = stored.run, stored.run.config, stored.run.hardware
        disturbed = ", ".join(f"{d.kind} {d.strength:g}" for d in config.disturb) or "undisturbed"
        cpu = f"{machine.cpu or 'unknown processor'}, {machine.cores or '?'} cores"
        sources = ", ".join(sorted({episode.joules["agent"].source for episode in stored.episodes}))
        label = joules_label(stored.episodes)
        simulator = run.world.get(config.engine, run.versions.get(config.engine, "of unknown version"))
        return cls(
            task=config.task,
            task_version=config.task_version,
            engine=f"{config.engine} {simulator}",
            privilege=run.privilege,
            conditions=f"{disturbed}, pose noise {1000 * config.pose_noise:g} mm",
            hardware=f"{cpu}, {machine.gpu}" if machine.gpu else cpu,
            grade=run.grade or "none",
            joules=label if label == sources else f"{label} by {sources}",
            workers=config.workers,
            protocol=config.protocol,
        )


@dataclass(frozen=True)
class Row:
    """One run. ``rank`` is its Pareto rank within its setting, ``None`` where it has no rival there."""

    stored: StoredRun
    tier: str
    rank: int | None = None
    tied: bool = False
    """Whether another row of the setting has the same rank."""

    @property
    def run(self) -> RunRecord:
        return self.stored.run

    @cached_property
    def summary(self) -> Summary:
        return summarise(self.stored.episodes)

    @cached_property
    def setting(self) -> Setting:
        return Setting.of(self.stored)

    @cached_property
    def label(self) -> str:
        """How the agent's joules were obtained."""
        return str(self.summary.joules["agent"].label)

    @property
    def hollow(self) -> bool:
        """Whether its joules are a model's, so that it is drawn hollow."""
        return self.label == "modelled"

    @property
    def name(self) -> str:
        """Agent and lent skills."""
        return " + ".join((self.run.config.agent, *self.run.config.skills))

    @property
    def key(self) -> str:
        """What tells it from other runs of the same name: the random tail of its id."""
        return self.run.id.rpartition("-")[2]

    @property
    def rate(self) -> float:
        """The share of episodes that succeeded at their end."""
        return self.summary.success_at_end / self.summary.episodes

    @cached_property
    def exact(self) -> Interval:
        """The Clopper-Pearson interval of :attr:`rate`."""
        return clopper_pearson(self.summary.success_at_end, self.summary.episodes)

    @cached_property
    def cost(self) -> Estimate:
        """The agent's joules per success and their bootstrap interval."""
        episodes = self.stored.episodes
        return per_success([e.joules["agent"].value for e in episodes], [e.success_at_end for e in episodes])

    @cached_property
    def net(self) -> float | None:
        """The agent's mean joules an episode beyond the machine's idle power (:mod:`nsctl.idle`)."""
        return idle.mean_net(self.stored.episodes, self.run)["agent"].value

    @cached_property
    def training(self) -> FigureRecord:
        """Joules that training the agent has cost, as it tells itself; 0 if nothing in it was trained."""
        return training(self.run) or FigureRecord(value=None, label="unavailable", source="none")

    @property
    def robot(self) -> float | None:
        """Mean joules an episode that the arm's motors put in (simulated), or ``None``."""
        works = [episode.robot for episode in self.stored.episodes]
        known = [work.positive for work in works if work is not None]
        return sum(known) / len(known) if known and len(known) == len(works) else None


def read_tier(folder: Path) -> Tier:
    """The tier that the attestations of a record have earned it; self-reported where they cannot be read."""
    try:
        return tier(folder)
    except RecordError:
        return "self-reported"


def by_setting(rows: Sequence[Row]) -> dict[Setting, list[Row]]:
    """Rows of each setting, settings in order."""
    grouped: dict[Setting, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.setting, row.run.id)):
        grouped.setdefault(row.setting, []).append(row)
    return grouped
