"""Many agents side by side on the same episodes: what each came to by itself, and against the first of them.

Nobody is ranked here: the order is that in which they were named. Classes of privilege are kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nsctl.comparison import Comparison, Side, alone, compare
from nsctl.errors import InvalidValue, Unfit
from nsctl.failures import Failure, body_types, failures
from nsctl.ledger import Ledger, ledger
from nsctl.record_folder import StoredRun
from nsctl.statistics import PROVISIONAL, Interval, paired_difference


@dataclass(frozen=True)
class Standing:
    """One agent: its own figures over all its episodes, and how it differs from the first."""

    name: str
    stored: StoredRun
    side: Side
    net_per_success: float | None
    """The agent's joules beyond the machine's idle power over its successes."""
    failures: tuple[Failure, ...]
    ledger: Ledger
    against: Comparison | None
    """The first agent (A) against this one (B), over their pairs; ``None`` for the first, and where there are no pairs."""
    why_not: str
    """Why there is no comparison, if so."""

    @property
    def privilege(self) -> str:
        return self.stored.run.privilege

    @property
    def label(self) -> str:
        """How the agent's joules are known."""
        return str(self.side.joules["agent"].label)

    @property
    def difference(self) -> tuple[float, Interval] | None:
        """Its rate of success less the first's, over pairs, with the 95 % interval; ``None`` where nothing is paired."""
        if self.against is None:
            return None
        first, this = self.against.only
        return paired_difference(len(this), len(first), self.pairs)

    @property
    def pairs(self) -> int:
        """Episodes that have a partner of the first agent's."""
        return self.against.sides[1].episodes if self.against else 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What stands against holding it against the first, in sentences."""
        if self.against is None:
            return (self.why_not,) if self.why_not else ()
        partial = any(side.left_out for side in self.against.sides)
        told = f"the difference is over {self.pairs} pairs of one start, rates and joules over all episodes"
        return (*self.against.differences.warnings, *([told] if partial else []))

    @property
    def unranked(self) -> tuple[str, ...]:
        """What differs from the first besides the class, so that joules are not ranked."""
        differ = self.against.differences.unranked if self.against else ()
        return tuple(name for name in differ if name != "privilege class")


@dataclass(frozen=True)
class Standings:
    """All agents on one task, class by class."""

    task: str
    members: tuple[Standing, ...]

    @property
    def classes(self) -> Mapping[str, tuple[Standing, ...]]:
        """The members by privilege class, in the order in which the classes come."""
        found: dict[str, tuple[Standing, ...]] = {}
        for member in self.members:
            found[member.privilege] = (*found.get(member.privilege, ()), member)
        return found

    @property
    def provisional(self) -> bool:
        """Whether there are too few episodes, or pairs with the first agent, for a claim."""
        pairs = [member.pairs for member in self.members if member.against]
        return min(*pairs, *(member.side.episodes for member in self.members), PROVISIONAL) < PROVISIONAL

    @property
    def same_starts(self) -> bool:
        """Whether every episode of each has a partner of the first agent's, and the other way round."""
        others = [member.against for member in self.members[1:]]
        return all(each and not any(side.left_out for side in each.sides) for each in others)


def standings(records: Sequence[StoredRun], names: Sequence[str] = ()) -> Standings:
    """The standings of these records of one task; ``names`` are what their agents are called, if not by their parts."""
    tasks = sorted({stored.run.config.task for stored in records})
    if len(tasks) != 1:
        raise InvalidValue(f"standings are of one task, got records of {', '.join(tasks) or 'none'}")
    called = names or _names(records)
    members = (_standing(name, stored, records[0]) for name, stored in zip(called, records, strict=True))
    return Standings(tasks[0], tuple(members))


def _standing(name: str, stored: StoredRun, first: StoredRun) -> Standing:
    side = alone(stored)
    net = side.net.value
    against, why_not = None, ""
    if stored is not first:
        try:
            against = compare(first, stored)
        except Unfit as error:
            why_not = str(error)
    return Standing(
        name=name,
        stored=stored,
        side=side,
        net_per_success=net * side.episodes / side.successes if net is not None and side.successes else None,
        failures=failures(stored.episodes, body_types(stored.run.config.task)),
        ledger=ledger(stored.run),
        against=against,
        why_not=why_not,
    )


def _names(records: Sequence[StoredRun]) -> list[str]:
    """Agent and lent skills, ``@truth`` where true poses were shown, and the id's tail where that leaves two alike."""
    plain = [_name(stored) for stored in records]
    tails = [stored.run.id.rpartition("-")[2] for stored in records]
    return [f"{name} {tail}" if plain.count(name) > 1 else name for name, tail in zip(plain, tails, strict=True)]


def _name(stored: StoredRun) -> str:
    config = stored.run.config
    return "+".join((config.agent, *config.skills)) + "@truth" * (stored.run.privilege == "sim_truth")
