"""Trains a vision-language-action network: demonstrations, behaviour cloning, then rounds of DAgger.

Everything is cut into pieces between which it may stop: an episode that is played, a stretch of training steps, an episode
of the check. ``minutes`` is the time for one sitting; the next goes on with ``resume`` and comes to the same weights, be it
on a machine that has nothing but the folder ``checkpoint``. Pictures are drawn anew where they are not.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress as Bars

from nsctl.contracts import AgentTrainingRequest
from nsctl.errors import InvalidValue
from nsctl.metering import counters
from nsctl.phases import EpisodeClock
from nsctl.records import weakest
from nsctl.statistics import wilson
from policies.skills.board import Board
from policies.skills.cost import write_cost
from policies.skills.curves import draw_curves
from policies.skills.training import check_device, commit_now, progress_bars, spent
from policies.vla.card import write_card
from policies.vla.config import VLAConfig, config_values
from policies.vla.dataset import Frames
from policies.vla.episodes import EVERY, Job, Kind, Verdict
from policies.vla.journal import Journal, Progress
from policies.vla.learner import Learner
from policies.vla.libraries import triton_first
from policies.vla.pilot import executed
from policies.vla.recording import check
from policies.vla.schedule import QUICK, Schedule, task_of_moves
from policies.vla.takes import Filed, Filing, read, script
from policies.vla.variants import network_of
from policies.vla.workers import Crew, crew


class OutOfTime(Exception):
    """The sitting is over; what was done is on disk."""


def train(variant: str, request: AgentTrainingRequest) -> Mapping[str, Any]:
    """Train a network for the agent ``variant`` into ``request.out``; returns the card's figures.

    A sitting that ends before the training does leaves its checkpoint, and weights as good as they are by then.
    """
    triton_first()
    network = network_of(variant, request.head, tiny=request.quick)
    if executed(network) % EVERY:
        raise InvalidValue(
            f"a network in training decides every {EVERY} steps or a multiple of it, got {executed(network)}"
        )
    schedule = (QUICK if request.quick else Schedule()).with_budget(request.budget)
    _check(request)
    torch.set_num_threads(1 if request.device == "cpu" else 4)  # on a CPU the sums, and so the weights, depend on it
    request.out.mkdir(parents=True, exist_ok=True)
    settings = {"variant": variant, "network": config_values(network), "seed": request.seed, **asdict(schedule)}
    journal = Journal(request.out / "checkpoint", settings)
    if not request.resume:
        journal.clear()
        shutil.rmtree(request.out / "data", ignore_errors=True)
    learner = Learner(network, schedule.recipe, request.seed, request.device, compiled=request.compiled)
    known = journal.load(learner)
    with ExitStack() as stack:
        bars, team = stack.enter_context(progress_bars()), stack.enter_context(crew(request.workers))
        board = stack.enter_context(Board(request.out / "tensorboard"))
        trainer = Trainer(variant, network, request, schedule, learner, journal, team, bars, board)
        with suppress(OutOfTime):
            trainer.run(known)
    return trainer.finish()


@dataclass
class Trainer:
    """All that the rounds of one training share."""

    variant: str
    network: VLAConfig
    request: AgentTrainingRequest
    schedule: Schedule
    learner: Learner
    journal: Journal
    crew: Crew
    bars: Bars
    board: Board
    progress: Progress = field(default_factory=Progress)
    begun: float = field(default_factory=time.monotonic)
    clock: EpisodeClock = field(default_factory=lambda: EpisodeClock(counters()))
    elsewhere: float = 0.0
    """Joules of other processes since the last checkpoint."""

    def run(self, known: Progress | None) -> None:
        """What is left of the rounds, after a checkpoint that is ``known`` if there is one."""
        if known is None:
            self._checkpoint()
        else:
            self.progress = known
        while self.progress.number <= self.schedule.rounds:
            self._round(self.progress.number)

    def finish(self) -> dict[str, Any]:
        """Write weights, card, curves and cost of what there is by now, and return the card's figures."""
        self._charge()
        self.journal.amend(self.progress)
        self.learner.export(self.request.out)
        figures = _figures(self.progress, self.schedule)
        entries = self.progress.entries
        drawn = bool(entries) and draw_curves(self.request.out / "curves.png", entries)
        write_card(self.request.out, self.variant, self.request, self.schedule, figures, curves=drawn)
        write_cost(self.request.out, self.request, figures)
        return figures

    def _round(self, number: int) -> None:
        rounds = [self._demonstrations(), *(self._dagger(k) for k in range(1, number + 1))]
        filed = [each for one in rounds for each in one]
        if self.progress.step < self.schedule.recipe.steps[number]:
            self._learn(number, filed)
        verdicts = self._check(number)
        entry = _judged(verdicts) | {
            "round": number,
            "episodes": len(rounds[-1]),
            "frames": sum(each.steps for each in filed),
            "loss": [stretch["actions"] for stretch in self.progress.losses],
            "losses": self.progress.losses[-1],
            "rollout_success": [sum(each.success for each in rounds[-1]), len(rounds[-1])],
        }
        entry |= {name: getattr(self.progress, name) for name in ("seconds", "joules")}
        told = ", ".join(f"{task} {won}/{tried}" for task, (won, tried) in entry["tasks"].items())
        self.bars.console.print(f"round {number}: {entry['frames']} frames, loss {entry['loss'][-1]:.4f}, check {told}")
        self.board.show(entry, self.schedule.recipe.steps)
        self.progress.entries.append(entry)
        self.progress.number, self.progress.step, self.progress.losses = number + 1, 0, []
        self._checkpoint()

    def _demonstrations(self) -> list[Filed]:
        """As many as are wanted that succeed, of towers and of moves; whoever fails is made up for by the next number."""
        schedule = self.schedule
        towers = self._successes(schedule.towers, lambda n: self._job("demo", schedule.tower, n), "towers")
        walks = self._successes(
            schedule.moves, lambda n: self._job("demo", task_of_moves(n), n, walk=schedule.walk), "moves"
        )
        return towers + walks

    def _successes(self, wanted: int, job: Callable[[int], Job], title: str) -> list[Filed]:
        if not wanted:
            return []
        kept: list[Filed] = []
        bar = self.bars.add_task(f"demonstrations: {title}", total=wanted)
        for filed in self._filed(map(job, count())):
            if filed.success:
                kept.append(filed)
                self.bars.advance(bar)
            if len(kept) == wanted:
                return kept
        raise AssertionError("there are always more numbers")

    def _dagger(self, number: int) -> list[Filed]:
        """The episodes of a round: played by the learner as it was then, or again from what it did."""
        known = self.journal.scripts(number)
        title, queries = f"round {number}: play", self.schedule.queries
        bar = self.bars.add_task(title, total=queries)
        if known is not None:
            jobs = [self._job("dagger", task, episode, round=number, script=s) for task, episode, s in known]
            return [self._told(filed, bar) for filed in self._filed(jobs)]
        if number != self.progress.number or self.progress.step:
            raise InvalidValue(f"{self.journal.folder} lacks what was played in round {number}: copy the folder anew")
        weights = self._exported()
        played: list[Filed] = []
        jobs = []
        for n in count():
            # Every other episode is a tower, as in the demonstrations.
            task = self.schedule.tower if n % 2 == 0 else task_of_moves(n // 2)
            jobs.append(self._job("dagger", task, n, round=number, weights=weights))
            if len(jobs) >= queries:  # a step for each episode: no more are ever needed
                break
        for filed in self._filed(jobs):
            played.append(self._told(filed, bar))
            if sum(each.steps for each in played) >= queries:
                break
        self.journal.keep_scripts(number, jobs[: len(played)], [script(each.path) for each in played])
        return played

    def _told(self, filed: Filed, bar: Any) -> Filed:
        self.bars.advance(bar, filed.steps)
        return filed

    def _learn(self, number: int, filed: Sequence[Filed]) -> None:
        """The steps of a round that are left, with a checkpoint after each stretch."""
        frames = Frames((read(each.path) for each in filed), self.network, self.request.device)
        recipe, progress = self.schedule.recipe, self.progress
        if number == 0 and progress.step == 0:
            self.learner.standardise(frames)
        total = recipe.steps[number]
        bar = self.bars.add_task(f"round {number}: learn", total=total, completed=progress.step)
        took = 0.0
        while progress.step < total:
            self._go_on(took)
            began, last = time.monotonic(), min(total, progress.step + recipe.checkpoint)
            losses = self.learner.fit(frames, number, progress.step, last, lambda: self.bars.advance(bar))
            progress.step = last
            progress.losses.append(losses)
            self._checkpoint()
            took = time.monotonic() - began
            done = sum(recipe.steps[:number]) + last
            for name, loss in losses.items():
                self.board.add(f"loss/{name}", loss, done)

    def _check(self, number: int) -> list[Verdict]:
        """How the learner does alone, in episodes that nothing is learnt from."""
        verdicts = self.journal.verdicts(number)
        weights = self._exported()
        jobs = [
            self._job("check", task, episode, weights=weights)
            for task, episodes in self.schedule.check.items()
            for episode in range(episodes)
        ]
        bar = self.bars.add_task(f"round {number}: check", total=len(jobs), completed=len(verdicts))
        for verdict in self.crew(check, jobs[len(verdicts) :]):
            self.elsewhere += verdict.cpu_joules * (self.request.workers > 1)
            verdicts.append(verdict)
            self.journal.keep_verdicts(number, verdicts)
            self.bars.advance(bar)
            self._go_on(0.0 if len(verdicts) < len(jobs) else -math.inf)
        return verdicts

    def _exported(self) -> Path:
        """A folder with the averaged weights of now, for processes that play them; it is named for what it holds."""
        draft = self.request.out / "data" / "learner"
        folder = draft.with_name(f"learner-{self.learner.export(draft)[:12]}")
        shutil.rmtree(folder, ignore_errors=True)
        return draft.rename(folder)

    def _job(self, kind: Kind, task: str, episode: int, **more: Any) -> Job:
        cameras = self.network.cameras if self.network.inputs == "pixels" else ()
        return Job(kind, task, self.request.seed, episode, cameras, **more)

    def _filed(self, jobs: Iterable[Job]) -> Iterator[Filed]:
        """The jobs' episodes on disk, played where they are not there yet."""
        for filed in self.crew(Filing(self.request.out / "data"), jobs):
            self.elsewhere += filed.cpu_joules * (self.request.workers > 1)
            yield filed
            self._go_on(0.0 if filed.fresh else -math.inf)

    def _go_on(self, expected: float) -> None:
        """Refuse to begin what is ``expected`` to take longer than the sitting lasts [s]."""
        limit = self.request.minutes
        if limit is not None and time.monotonic() - self.begun + expected > 60.0 * limit:
            raise OutOfTime

    def _checkpoint(self) -> None:
        """Put on disk how far it is, and what it has cost."""
        self._charge()
        self.journal.write(self.progress, self.learner)

    def _charge(self) -> None:
        """Note what was spent since the last time."""
        cost, progress = spent(self.clock.stop()["harness"], self.elsewhere), self.progress
        self.clock, self.elsewhere = EpisodeClock(counters()), 0.0
        progress.seconds += cost["seconds"]
        progress.joules = None if None in (progress.joules, cost["joules"]) else progress.joules + cost["joules"]
        progress.labels = sorted({*progress.labels, cost["label"]})
        progress.commits = list(dict.fromkeys([*progress.commits, commit_now()]))


def _judged(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """How many succeeded, in all and of each task, and why the others did not."""
    won = sum(v.success for v in verdicts)
    names = dict.fromkeys(v.task for v in verdicts)
    told = {n: [sum(v.success for v in verdicts if v.task == n), sum(v.task == n for v in verdicts)] for n in names}
    failures: dict[str, int] = {}
    for verdict in verdicts:
        if not verdict.success:
            what = f"{verdict.task}: {verdict.reason}"
            failures[what] = failures.get(what, 0) + 1
    interval = list(wilson(won, len(verdicts)))
    return {"check": [won, len(verdicts)], "interval": interval, "tasks": told, "failures": failures}


def _figures(progress: Progress, schedule: Schedule) -> dict[str, Any]:
    """What a card says: all rounds that are over, and how far the one under way is."""
    last = progress.entries[-1] if progress.entries else None
    steps, done = schedule.recipe.steps, progress.number > schedule.rounds
    figures: dict[str, Any] = {"rounds": progress.entries}
    if last is not None:
        figures |= {task: f"{won} of {tried}" for task, (won, tried) in last["tasks"].items()}
    figures |= {
        "steps": sum(steps[: progress.number]) + progress.step,
        "seconds": progress.seconds,
        "joules": progress.joules,
        "label": weakest(progress.labels) if progress.labels else "unavailable",
        "commit": ", ".join(progress.commits),
    }
    note = f"stopped in round {progress.number} after {figures['steps']} of {sum(steps)} steps: go on with --resume"
    return figures if done else figures | {"note": note}


def _check(request: AgentTrainingRequest) -> None:
    """Refuse what cannot be done before anything is."""
    if request.workers < 1:
        raise InvalidValue(f"workers must be >= 1, got {request.workers}")
    if not request.budget > 0:
        raise InvalidValue(f"budget must be > 0, got {request.budget}")
    check_device(request.device)
    if not request.resume and (request.out / "config.json").exists():
        raise InvalidValue(
            f"{request.out} holds trained weights already: train into another folder (--out), go on with them "
            "(--resume), or move them away"
        )
