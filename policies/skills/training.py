"""Trains a skill from nothing: demonstrations, behaviour cloning, then rounds of DAgger, each one checked.

Rounds of one loop: collect episodes (round 0: demonstrations with noise; later: the learner acts, the teacher answers),
train on everything so far, keep an exponential moving average of the weights, check it on fresh episodes. Each round ends
in a checkpoint that is written whole or not at all, so an interrupted training resumes where the round began. The same
seed on the same machine gives the same weights (Ross, Gordon and Bagnell, 2011, for DAgger).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from safetensors.torch import load_file, save_file

from nsctl.contracts import TrainingRequest
from nsctl.errors import InvalidValue
from nsctl.metering import counters
from nsctl.phases import EpisodeClock
from nsctl.provenance import git
from nsctl.statistics import wilson
from policies.skills.card import write_card
from policies.skills.collect import Job, Kind, Trajectory, check, collect
from policies.skills.config import SkillNetworkConfig
from policies.skills.learner import Learner, Recipe

R = TypeVar("R")


@dataclass(frozen=True)
class Schedule:
    """How much of what, round by round. The check of the last round is the figure on the card."""

    demos: int = 300
    dagger: tuple[int, ...] = (200, 200, 200, 200)
    check: int = 100
    final_check: int = 1000
    recipe: Recipe = field(default_factory=Recipe)
    network: SkillNetworkConfig = field(default_factory=SkillNetworkConfig)

    @property
    def rounds(self) -> int:
        return 1 + len(self.dagger)


QUICK = Schedule(demos=4, dagger=(2,), check=2, final_check=4, recipe=Recipe(steps=(4, 4), batch=4))


def train(operator: str, request: TrainingRequest) -> Mapping[str, Any]:
    """Train ``operator`` and write weights, config and card into ``request.out``; returns the card's figures."""
    if request.workers < 1:
        raise InvalidValue(f"workers must be >= 1, got {request.workers}")
    torch.set_num_threads(1)  # or the number of cores would change the sums, and with them the weights
    schedule = QUICK if request.quick else Schedule()
    if not request.resume and (request.out / "model.safetensors").exists():
        raise InvalidValue(
            f"{request.out} holds trained weights already: train into another folder (--out), or move them away"
        )
    request.out.mkdir(parents=True, exist_ok=True)
    journal = _Journal(request.out / "checkpoint", asdict(schedule) | {"operator": operator, "seed": request.seed})
    if not request.resume:
        journal.clear()
    learner = Learner(schedule.network, schedule.recipe, request.seed)
    trainer = _Trainer(operator, request, schedule, learner, journal, _commit())
    with _progress() as progress:
        trainer.run(progress)
    figures = journal.figures()
    learner.export(request.out, operator)
    write_card(request.out, operator, request, schedule, figures)
    return figures


@dataclass
class _Trainer:
    operator: str
    request: TrainingRequest
    schedule: Schedule
    learner: Learner
    journal: _Journal
    commit: str

    def run(self, progress: Progress) -> None:
        """All rounds that the journal does not hold yet."""
        data: list[Trajectory] = []
        for number in range(self.schedule.rounds):
            if self.journal.has(number):
                data += self.journal.load(number, self.learner)
                continue
            data += self._round(number, data, progress)

    def _round(self, number: int, data: list[Trajectory], progress: Progress) -> list[Trajectory]:
        clock = EpisodeClock(counters())
        kind: Kind = "dagger" if number else "demo"
        count = self.schedule.dagger[number - 1] if number else self.schedule.demos
        first = sum((self.schedule.demos, *self.schedule.dagger)[:number])
        asked = self._ask(collect, kind, range(first, first + count), progress, f"round {number}: {kind}")
        fresh = [trajectory for trajectory in asked if trajectory is not None]
        kept = [t for t in fresh if t.success or kind != "demo"]
        steps = self.schedule.recipe.steps[min(number, len(self.schedule.recipe.steps) - 1)]
        bar = progress.add_task(f"round {number}: learn", total=steps)
        losses = self.learner.fit(data + kept, steps, lambda: progress.advance(bar))
        last = number == self.schedule.rounds - 1
        checks = range(self.schedule.final_check if last else self.schedule.check)
        verdicts = list(self._ask(check, "check", checks, progress, f"round {number}: check"))
        won, tried = sum(v.success is True for v in verdicts), sum(v.success is not None for v in verdicts)
        cost = clock.stop()["harness"]
        # With one worker all of it was done in this process, whose clock has it already.
        elsewhere = sum([t.cpu_joules for t in fresh] + [v.cpu_joules for v in verdicts]) * (self.request.workers > 1)
        entry = {
            "round": number,
            "episodes": len(fresh),
            "frames": sum(len(t.ends) for t in data + kept),
            "rollout_success": [sum(t.success for t in fresh), len(fresh)],
            "loss": losses,
            "check": [won, tried],
            "interval": list(wilson(won, tried)),
            "unprepared": len(verdicts) - tried,
            "commit": self.commit,
            "seconds": cost.wall,
            "joules": None if cost.joules.value is None else cost.joules.value + elsewhere,
            "label": cost.joules.label,
        }
        progress.console.print(f"round {number}: {entry['frames']} frames, loss {losses[-1]:.4f}, check {won}/{tried}")
        self.journal.write(number, kept, self.learner, entry)
        return kept

    def _ask(
        self, what: Callable[[Job], R], kind: Kind, episodes: Iterable[int], progress: Progress, title: str
    ) -> Iterator[R]:
        """``what`` of each episode, in order, by as many processes as were asked for."""
        folder = None
        if kind != "demo":
            folder = self.request.out / "checkpoint" / f"learner-{self.learner.fingerprint()}"
            self.learner.export(folder, self.operator)
        jobs = [Job(self.operator, kind, self.request.seed, e, folder) for e in episodes]
        bar = progress.add_task(title, total=len(jobs))
        with _mapper(self.request.workers) as mapper:
            for answer in mapper(what, jobs):
                progress.advance(bar)
                yield answer


class _Journal:
    """What is on disk of a training: one folder, one checkpoint and one entry a round."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._folder, self._settings = folder, json.loads(json.dumps(settings))
        folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        for path in self._folder.glob("round-*"):
            path.unlink()
        for path in self._folder.glob("learner-*"):
            shutil.rmtree(path)

    def has(self, number: int) -> bool:
        path = self._folder / f"round-{number}.json"
        if not path.exists():
            return False
        if json.loads(path.read_text())["settings"] != self._settings:
            raise InvalidValue(
                f"{self._folder} holds a training with other settings: train into another folder, or without --resume"
            )
        return True

    def write(self, number: int, data: list[Trajectory], learner: Learner, entry: Mapping[str, Any]) -> None:
        """The JSON comes last: a round counts only once everything else of it is on disk."""
        arrays = {
            "features": np.concatenate([t.features for t in data]),
            "labels": np.concatenate([t.labels for t in data]),
            "ends": np.concatenate([t.ends for t in data]),
            "lengths": np.array([len(t.ends) for t in data]),
        }
        np.savez(self._folder / f"round-{number}.npz", **arrays)  # type: ignore[arg-type]
        save_file(learner.state(), self._folder / f"round-{number}.safetensors")
        text = json.dumps({"settings": self._settings, "entry": entry}, indent=1)
        half = self._folder / f"round-{number}.json.part"
        half.write_text(text)
        half.replace(self._folder / f"round-{number}.json")

    def load(self, number: int, learner: Learner) -> list[Trajectory]:
        learner.restore(load_file(self._folder / f"round-{number}.safetensors"))
        with np.load(self._folder / f"round-{number}.npz", allow_pickle=False) as arrays:
            cuts = np.cumsum(arrays["lengths"])[:-1]
            parts = zip(*(np.split(arrays[name], cuts) for name in ("features", "labels", "ends")), strict=True)
            return [Trajectory(x, y, ends, success=True, cpu_joules=0.0) for x, y, ends in parts]

    def figures(self) -> dict[str, Any]:
        """All entries, and the sums that a card shows."""
        paths = sorted(self._folder.glob("round-*.json"), key=lambda p: int(p.stem.split("-")[1]))
        rounds = [json.loads(path.read_text())["entry"] for path in paths]
        return {
            "rounds": rounds,
            "success": "{} of {}".format(*rounds[-1]["check"]),
            "low": rounds[-1]["interval"][0],
            "high": rounds[-1]["interval"][1],
            "seconds": sum(r["seconds"] for r in rounds),
            "joules": None if any(r["joules"] is None for r in rounds) else sum(r["joules"] for r in rounds),
            "label": rounds[-1]["label"],
            "commit": ", ".join(dict.fromkeys(r["commit"] for r in rounds)),
        }


@contextmanager
def _mapper(workers: int) -> Iterator[Any]:
    """A map over jobs, in order, in this process or in several."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=4)


def _commit() -> str:
    """The commit that the training begins with, and whether the code differed from it."""
    found = git()
    return "unknown" if found is None else found.sha[:9] + (" with changes" if found.dirty else "")


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns)
