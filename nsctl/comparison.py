"""Two runs against each other, start by start: who succeeds more often, who pays less, and how sure that is.

Episodes that began in the same initial state are a pair: the same task and the same hash. Joules are the agent's
(perceive, plan, policy), as the records have them: the machine's idle power, where its counter has it, included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from nsctl.bootstrap import UNKNOWN, Estimate, per_success, ratio_of_joules, ratio_per_success, ratio_unpaired
from nsctl.comparability import Differences, differences, require_comparable
from nsctl.errors import Unfit
from nsctl.idle import mean_net
from nsctl.phases import PHASES
from nsctl.record_folder import StoredRun
from nsctl.records import EpisodeRecord, FigureRecord, RunRecord
from nsctl.statistics import PROVISIONAL, Interval, break_even, clopper_pearson, fisher, mcnemar
from nsctl.training_joules import is_known

Pair = tuple[EpisodeRecord, EpisodeRecord]


@dataclass(frozen=True)
class Side:
    """One of the two runs over the episodes that are compared."""

    agent: str
    """With the skills that it was lent."""
    record: str
    episodes: int
    left_out: int
    """Episodes of the record that have no partner."""
    successes: int
    interval: Interval
    """Clopper-Pearson, 95 %, of the rate of success at the end."""
    joules: Mapping[str, FigureRecord]
    """Mean joules an episode by phase, and ``agent`` and ``total``."""
    net: FigureRecord
    """Mean of the agent's joules an episode beyond the machine's idle power (:mod:`nsctl.idle`)."""
    seconds: Mapping[str, float]
    """Mean wall seconds an episode by phase, and ``total``."""
    per_success: Estimate
    """The agent's joules per success."""
    training: FigureRecord | None
    """Joules that the agent's training took; ``None`` where nobody knows."""


@dataclass(frozen=True)
class BreakEven:
    """When the agent whose training took more joules (0 the first, 1 the second) has made up for it."""

    side: int
    successes: float | None
    """After how many of its successes; ``None`` for never."""


@dataclass(frozen=True)
class Comparison:
    """The figures of two runs side by side."""

    task: str
    paired: bool
    sides: tuple[Side, Side]
    p: float
    """Of equal success, two-sided: exact McNemar over pairs, Fisher's exact test otherwise."""
    only: tuple[tuple[int, ...], tuple[int, ...]]
    """Pairs in which one succeeded alone, the first and then the second, by the index in the first record."""
    ratio_per_success: Estimate
    """Joules per success of the first over those of the second."""
    ratio_of_joules: Estimate
    """Geometric mean of the pairs' ratios of joules; unknown where there are no pairs."""
    break_even: BreakEven | None
    """``None`` where a training's joules are not known, both took as many, or joules cannot be ranked."""
    differences: Differences

    @property
    def provisional(self) -> bool:
        """Whether there are too few episodes for a claim."""
        return min(side.episodes for side in self.sides) < PROVISIONAL


def compare(one: StoredRun, other: StoredRun, *, paired: bool = True) -> Comparison:
    """Compare two records; refuses runs of different tasks, protocols or engines, or without a common start.

    Unpaired, those of one task whose protocols, engines or starts differ are compared as independent samples.
    """
    require_comparable(one.run, other.run, paired=paired)
    ours, theirs = _paired(one, other) if paired else _all(one, other)
    sides, apart = (_side(one, ours), _side(other, theirs)), differences(one, other)
    only = _alone(ours, theirs) if paired else ((), ())
    counts = [count for side in sides for count in (side.successes, side.episodes)]
    columns = _joules(ours), _won(ours), _joules(theirs), _won(theirs)
    return Comparison(
        task=one.run.config.task,
        paired=paired,
        sides=sides,
        p=mcnemar(len(only[0]), len(only[1])) if paired else fisher(*counts),
        only=only,
        ratio_per_success=ratio_per_success(*columns) if paired else ratio_unpaired(*columns),
        ratio_of_joules=ratio_of_joules(columns[0], columns[2]) if paired else UNKNOWN,
        break_even=None if apart.unranked else _break_even(*sides),
        differences=apart,
    )


def alone(stored: StoredRun) -> Side:
    """The figures of a record by itself, over all its episodes; refuses one that has none yet."""
    _require_episodes(stored)
    return _side(stored, stored.episodes)


def pairs(ours: Iterable[EpisodeRecord], theirs: Iterable[EpisodeRecord]) -> list[Pair]:
    """Episodes of the same task and initial state, in the order of ``ours``; a state that recurs pairs as it comes."""
    waiting: dict[tuple[str, str | None], list[EpisodeRecord]] = {}
    for episode in theirs:
        if episode.initial_hash is not None:
            waiting.setdefault((episode.task, episode.initial_hash), []).append(episode)
    found = []
    for episode in ours:
        partners = waiting.get((episode.task, episode.initial_hash))
        if partners:
            found.append((episode, partners.pop(0)))
    return found


def training(run: RunRecord) -> FigureRecord | None:
    """The joules that training the agent's parts took, as the agent tells them under ``training``."""
    told = run.agent.get("training")
    if not isinstance(told, dict) or not is_known(told):  # the agent may say anything
        return None
    return FigureRecord.model_validate({"value": told["joules"], "label": told["label"], "source": "training"})


Episodes = tuple[EpisodeRecord, ...]


def _paired(one: StoredRun, other: StoredRun) -> tuple[Episodes, Episodes]:
    found = pairs(one.episodes, other.episodes)
    if not found:
        raise Unfit(
            f"no episode of {one.run.id} starts where one of {other.run.id} does (their seeds are "
            f"{one.run.config.seed} and {other.run.config.seed}); --unpaired compares them as independent samples"
        )
    return tuple(a for a, _ in found), tuple(b for _, b in found)


def _all(one: StoredRun, other: StoredRun) -> tuple[Episodes, Episodes]:
    for stored in (one, other):
        _require_episodes(stored)
    return one.episodes, other.episodes


def _require_episodes(stored: StoredRun) -> None:
    if not stored.episodes:
        raise Unfit(f"{stored.folder} has no episode yet: there is nothing to compare")


def _alone(ours: Episodes, theirs: Episodes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    split = [
        (a.index, a.success_at_end) for a, b in zip(ours, theirs, strict=True) if a.success_at_end != b.success_at_end
    ]
    return tuple(index for index, won in split if won), tuple(index for index, won in split if not won)


def _side(stored: StoredRun, episodes: Episodes) -> Side:
    won, n = sum(_won(episodes)), len(episodes)
    seconds = {phase: fmean(e.seconds[phase].wall for e in episodes) for phase in PHASES}
    return Side(
        agent=" + ".join((stored.run.config.agent, *stored.run.config.skills)),
        record=str(stored.folder),
        episodes=n,
        left_out=len(stored.episodes) - n,
        successes=won,
        interval=clopper_pearson(won, n),
        joules={name: FigureRecord.mean(e.joules[name] for e in episodes) for name in (*PHASES, "agent", "total")},
        net=mean_net(episodes, stored.run)["agent"],
        seconds={**seconds, "total": sum(seconds.values())},
        per_success=per_success(_joules(episodes), _won(episodes)),
        training=training(stored.run),
    )


def _break_even(one: Side, other: Side) -> BreakEven | None:
    spent = [(side.training, side.per_success.value) for side in (one, other)]
    known = [(t.value, each) for t, each in spent if t is not None and t.value is not None and each is not None]
    if len(known) < 2 or known[0][0] == known[1][0]:
        return None
    dearer = int(known[1][0] > known[0][0])
    return BreakEven(dearer, break_even(*known[dearer], *known[1 - dearer]))


def _joules(episodes: Sequence[EpisodeRecord]) -> list[float | None]:
    return [episode.joules["agent"].value for episode in episodes]


def _won(episodes: Sequence[EpisodeRecord]) -> list[bool]:
    return [episode.success_at_end for episode in episodes]
