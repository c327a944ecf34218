"""Trains a skill from nothing: demonstrations, behaviour cloning, then rounds of DAgger until the check is passed.

Rounds of one loop: collect episodes (round 0: demonstrations with noise; later: the learner acts, the teacher answers),
train on everything so far, keep an exponential moving average of the weights, check it on fresh episodes. Each round ends
in a checkpoint that is written whole or not at all, so an interrupted training resumes where the round began. The same
seed on the same machine gives the same weights on a CPU (Ross, Gordon and Bagnell, 2011, for DAgger).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from nsctl.contracts import TrainingRequest
from nsctl.errors import InvalidValue
from nsctl.metering import counters
from nsctl.phases import EpisodeClock, PhaseCost
from nsctl.provenance import git
from nsctl.records import weakest
from nsctl.statistics import wilson
from policies.skills.board import Board
from policies.skills.card import write_card
from policies.skills.collect import Job, Kind, Trajectory, Verdict, check, collect
from policies.skills.config import SkillNetworkConfig
from policies.skills.cost import write_cost
from policies.skills.curves import draw_curves
from policies.skills.journal import Journal
from policies.skills.learner import Learner
from policies.skills.schedule import QUICK, Schedule

R = TypeVar("R")
Mapper = Callable[..., Iterator[Any]]


def train(operators: Sequence[str], request: TrainingRequest) -> Mapping[str, Any]:
    """Train one network for ``operators``; weights, config, card and curves go into ``request.out``.

    Returns the card's figures.
    """
    schedule, network = QUICK if request.quick else Schedule(), _network(operators, request)
    _check_request(request)
    torch.set_num_threads(1)  # or the number of cores would change the sums, and with them the weights
    request.out.mkdir(parents=True, exist_ok=True)
    settings = asdict(schedule) | asdict(network) | {"seed": request.seed, "tasks": request.tasks}
    journal = Journal(request.out / "checkpoint", settings)
    if not request.resume:
        journal.clear()
    learner = Learner(network, schedule.recipe, request.seed, request.device)
    with progress_bars() as progress, _mapper(request.workers) as mapper, Board(request.out / "tensorboard") as board:
        trainer = Trainer(network, request, schedule, learner, journal, mapper, progress, board)
        entries = trainer.run()
    best = max(entries, key=lambda e: (e["interval"][0], e["round"]))
    journal.restore(best["round"], learner)
    learner.export(request.out)
    figures = _figures(entries, best)
    drawn = draw_curves(request.out / "curves.png", entries)
    write_card(request.out, network, request, schedule, figures, curves=drawn)
    write_cost(request.out, request, figures)
    return figures


@dataclass
class Trainer:
    """All that the rounds of one training share."""

    network: SkillNetworkConfig
    request: TrainingRequest
    schedule: Schedule
    learner: Learner
    journal: Journal
    mapper: Mapper
    progress: Progress
    board: Board

    def run(self) -> list[dict[str, Any]]:
        """All rounds, those that the journal holds already and those that it does not; what was noted of each."""
        data: list[Trajectory] = []
        entries: list[dict[str, Any]] = []
        for number in range(self.schedule.rounds):
            entry = self.journal.entry(number)
            if entry is None:
                entry, fresh = self._round(number, data)
            else:
                fresh = self.journal.load(number, self.learner)
            data += fresh
            entries.append(entry)
            self.board.show(entry, self.schedule.recipe.steps)
            if number >= self.schedule.least and self._passed(entry["check"], whole=True):
                break
        return entries

    def _round(self, number: int, data: list[Trajectory]) -> tuple[dict[str, Any], list[Trajectory]]:
        clock = EpisodeClock(counters())
        kind: Kind = "dagger" if number else "demo"
        first = (number > 0) * self.schedule.demos + max(number - 1, 0) * self.schedule.dagger
        count = self.schedule.dagger if number else self.schedule.demos
        title = f"round {number}: {kind}"
        asked = [t for t in self._ask(collect, kind, range(first, first + count), title) if t is not None]
        kept = [t for t in asked if t.success or kind != "demo"]
        losses = self._learn(number, data + kept)
        verdicts = self._check(number)
        # With one worker all of it was done in this process, whose clock has it already.
        elsewhere = sum([t.cpu_joules for t in asked] + [v.cpu_joules for v in verdicts]) * (self.request.workers > 1)
        entry = {
            "round": number,
            "episodes": len(asked),
            "frames": sum(len(t.ends) for t in data + kept),
            "rollout_success": [sum(t.success for t in asked), len(asked)],
            "loss": losses,
            **_judged(verdicts),
            "commit": commit_now(),
            **spent(clock.stop()["harness"], elsewhere),
        }
        won, tried = entry["check"]
        self.progress.console.print(
            f"round {number}: {entry['frames']} frames, loss {losses[-1]:.4f}, check {won}/{tried}"
            + "".join(f"; {reason} x{n}" for reason, n in list(entry["failures"].items())[:3])
        )
        self.journal.write(number, kept, self.learner, entry)
        return entry, kept

    def _learn(self, number: int, data: list[Trajectory]) -> list[float]:
        steps = self.schedule.recipe.steps[min(number, len(self.schedule.recipe.steps) - 1)]
        steps *= min(2, len(self.network.operators))  # several operators have more data and take longer to learn
        bar = self.progress.add_task(f"round {number}: learn", total=steps)
        return self.learner.fit(data, steps, lambda: self.progress.advance(bar))

    def _check(self, number: int) -> list[Verdict]:
        """A few episodes, and many where these succeed and may be the last, or no other round will follow."""
        few, many = self.schedule.check, self.schedule.final_check
        verdicts = list(self._ask(check, "check", range(few), f"round {number}: check"))
        count = [sum(v.success is True for v in verdicts), sum(v.success is not None for v in verdicts)]
        if (number >= self.schedule.least and self._passed(count)) or number == self.schedule.rounds - 1:
            verdicts += self._ask(check, "check", range(few, many), f"round {number}: check more")
        return verdicts

    def _passed(self, count: Sequence[int], *, whole: bool = False) -> bool:
        """Whether all succeeded; of a ``whole`` check there are as many as the schedule asks for."""
        won, tried = count
        few = len(self.network.operators) * self.schedule.check
        return 0 < tried == won and not (whole and tried <= few < self.schedule.final_check)

    def _ask(self, what: Callable[[Job], R], kind: Kind, episodes: range, title: str) -> Iterator[R]:
        """``what`` of each operator's episodes, in order, by as many processes as were asked for."""
        weights = None if kind == "demo" else self.journal.learner(self.learner)
        jobs = [
            Job(operator, kind, self.request.seed, episode, weights, self.network, self.request.tasks)
            for operator in self.network.operators
            for episode in episodes
        ]
        bar = self.progress.add_task(title, total=len(jobs))
        for answer in self.mapper(what, jobs):
            self.progress.advance(bar)
            yield answer


def _judged(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """How many of the episodes that could be set succeeded, and why the others did not."""
    tried = [v for v in verdicts if v.success is not None]
    won = sum(v.success is True for v in tried)
    failures: dict[str, int] = {}
    for verdict in tried:
        if not verdict.success:
            what = f"{verdict.task}: {verdict.reason}"
            failures[what] = failures.get(what, 0) + 1
    return {
        "check": [won, len(tried)],
        "interval": list(wilson(won, len(tried))),
        "unprepared": len(verdicts) - len(tried),
        "failures": dict(sorted(failures.items(), key=lambda pair: -pair[1])),
    }


def spent(cost: PhaseCost, elsewhere: float = 0.0) -> dict[str, Any]:
    """What a round took: ``seconds``, ``joules`` with those spent ``elsewhere``, and their ``label``."""
    joules = None if cost.joules.value is None else cost.joules.value + elsewhere
    return {"seconds": cost.wall, "joules": joules, "label": cost.joules.label}


def _figures(entries: Sequence[Mapping[str, Any]], best: Mapping[str, Any]) -> dict[str, Any]:
    """All entries, and what a card says of the round whose weights are kept."""
    return {
        "rounds": list(entries),
        "kept": best["round"],
        "success": "{} of {}".format(*best["check"]),
        "low": best["interval"][0],
        "high": best["interval"][1],
        "seconds": sum(e["seconds"] for e in entries),
        "joules": None if any(e["joules"] is None for e in entries) else sum(e["joules"] for e in entries),
        "label": weakest(e["label"] for e in entries),
        "commit": ", ".join(dict.fromkeys(e["commit"] for e in entries)),
    }


def _network(operators: Sequence[str], request: TrainingRequest) -> SkillNetworkConfig:
    return SkillNetworkConfig(tuple(operators), request.backbone or "mamba3")  # type: ignore[arg-type]


def _check_request(request: TrainingRequest) -> None:
    """Refuse what cannot be done before anything is."""
    if request.workers < 1:
        raise InvalidValue(f"workers must be >= 1, got {request.workers}")
    check_device(request.device)
    if not request.resume and (request.out / "model.safetensors").exists():
        raise InvalidValue(
            f"{request.out} holds trained weights already: train into another folder (--out), or move them away"
        )


def check_device(device: str) -> None:
    """Refuse a device that a network cannot learn on here."""
    kind = device.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise InvalidValue(f"device must be cpu, cuda, cuda:N or mps, got {device!r}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InvalidValue("no CUDA device is here, or this build of PyTorch knows none: train with --device cpu")


@contextmanager
def _mapper(workers: int) -> Iterator[Mapper]:
    """A map over jobs, in order, in this process or in several that stay for the whole training."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=4)


def commit_now() -> str:
    """The commit that the round begins with, and whether the code differed from it."""
    found = git()
    return "unknown" if found is None else found.sha[:9] + (" with changes" if found.dirty else "")


def progress_bars() -> Progress:
    """Bars for the console: what is done, how much of it, how long it has taken."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns)
