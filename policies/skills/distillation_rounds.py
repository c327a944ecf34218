"""The rounds of a skill's distillation: what is collected, who learns from it, and how far they act from their teacher.

Round 0 learns from demonstrations; before each later one the student plays, and what it saw joins the data. At all of these
moments the teacher *network* is asked what it would do. Beside that student another one learns by the same loop, for as
many steps, from what the scripted expert would do in the demonstrations: quantisation-aware training, to compare with.
Both are judged on episodes that the teacher plays and nobody learns from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress
from safetensors.torch import save
from torch import Tensor, nn

from nsctl.errors import NsctlError
from nsctl.metering import counters
from nsctl.phases import EpisodeClock
from nsctl.precision import DistillationRequest
from policies.nvfp4.distil import Answer, Batch, Recipe, Student, answer, spread_of
from policies.nvfp4.policy import quantise_policy
from policies.nvfp4.scales import Rule
from policies.nvfp4.sensitivity import action_error, exclusions, scan
from policies.skills.board import Board
from policies.skills.collect import Job, Kind, Trajectory, collect
from policies.skills.config import network_values
from policies.skills.journal import Journal
from policies.skills.learner import Frames
from policies.skills.network import SkillNetwork
from policies.skills.quantisation import CONFIG, MODEL, first_actions, network_in, recorded, sha256_of
from policies.skills.training import commit_now, spent

RULE: Rule = "search"
STUDENTS = ("qat", "qad")
"""Who learns from the expert's labels, and who from the teacher."""


@dataclass(frozen=True)
class Plan:
    """For each operator ``episodes`` demonstrations, and as many of the student's own before each later round.

    ``held`` are those that the teacher plays of each for the action errors.
    """

    episodes: int = 240
    rounds: int = 4
    held: int = 120
    recipe: Recipe = field(default_factory=Recipe)


class Pair:
    """Both students, for a journal: it exports the one that is distilled."""

    def __init__(self, teacher: SkillNetwork, plan: Plan, excluded: Mapping[str, str]) -> None:
        total = plan.rounds * plan.recipe.steps
        self.students = {name: Student(teacher, plan.recipe, total, RULE, tuple(excluded)) for name in STUDENTS}
        self._config = teacher.config

    def state(self) -> dict[str, Tensor]:
        """Everything that both go on from."""
        return {f"{name}.{key}": v for name, student in self.students.items() for key, v in student.state().items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what :meth:`state` gave."""
        for name, student in self.students.items():
            own = {key: v for key, v in tensors.items() if key.startswith(f"{name}.")}
            student.restore({key.removeprefix(f"{name}."): v for key, v in own.items()})

    def export(self, folder: Path) -> None:
        """Write the distilled student, rounded, as a float32 skill: it plays what its NVFP4 will."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL).write_bytes(self._rounded())
        (folder / CONFIG).write_text(json.dumps({"network": network_values(self._config)}, indent=1) + "\n")

    def fingerprint(self) -> str:
        """Twelve digits that tell the distilled student from any other."""
        return hashlib.sha256(self._rounded()).hexdigest()[:12]

    def _rounded(self) -> bytes:
        return save({name: tensor.cpu() for name, tensor in self.students["qad"].rounded().state_dict().items()})


@dataclass
class Study:
    """All that the rounds of one distillation of the policy in ``folder`` share."""

    folder: Path
    request: DistillationRequest
    plan: Plan
    progress: Progress
    board: Board

    def __post_init__(self) -> None:
        self.teacher = network_in(self.folder)
        bar = self.progress.add_task("the teacher plays", total=None)
        self.held = recorded(self.folder, self.teacher.config, self.plan.held, self.request.seed)
        self.wanted = self._act(self.teacher)
        self.alone = scan(self.teacher, self._act, RULE)
        self.excluded = exclusions(self.alone)
        self.progress.update(bar, total=len(self.held), completed=len(self.held))
        self.pair = Pair(self.teacher.to(self.request.device), self.plan, self.excluded)
        settings = {"plan": asdict(self.plan), "teacher": sha256_of(self.folder / MODEL), "seed": self.request.seed}
        self._journal = Journal(self.request.out / "checkpoint", settings)
        if not self.request.resume:
            self._journal.clear()
        self._data: list[list[Trajectory]] = []

    def untrained(self) -> float:
        """The action error of the teacher quantised without any training (PTQ)."""
        network = network_in(self.folder)
        quantise_policy(network, sha256_of(self.folder / MODEL), RULE, self.excluded)
        return self._error(network)

    def run(self) -> list[dict[str, Any]]:
        """All rounds, those that the journal holds already and those that it does not; what was noted of each."""
        entries: list[dict[str, Any]] = []
        for number in range(self.plan.rounds):
            entry = self._journal.entry(number)
            if entry is None:
                entry = self._round(number)
            else:
                self._data.append(self._journal.load(number, self.pair))
            entries.append(entry)
            self._show(entry)
        return entries

    def _round(self, number: int) -> dict[str, Any]:
        clock = EpisodeClock(counters())
        self._data.append(self._collected(number))
        losses = {name: self._learn(name, number) for name in STUDENTS}
        entry: dict[str, Any] = {
            "round": number,
            "episodes": len(self._data[-1]),
            "frames": sum(len(t.ends) for t in self._seen("qad")),
            "loss": losses,
            "action_error": {n: self._error(student.rounded().cpu()) for n, student in self.pair.students.items()},
            "commit": commit_now(),
            **spent(clock.stop()["harness"]),
        }
        told = ", ".join(f"{name} {error:.4f}" for name, error in entry["action_error"].items())
        self.progress.console.print(f"round {number}: {entry['frames']} frames, action error {told}")
        self._journal.write(number, self._data[-1], self.pair, entry)
        return entry

    def _collected(self, number: int) -> list[Trajectory]:
        """Demonstrations, or episodes that the distilled student plays, rounded."""
        kind: Kind = "dagger" if number else "demo"
        first = max(number - 1, 0) * self.plan.episodes
        weights, config = self._journal.learner(self.pair) if number else None, self.teacher.config
        jobs = [
            Job(operator, kind, self.request.seed, episode, weights, config)
            for operator in config.operators
            for episode in range(first, first + self.plan.episodes)
        ]
        bar = self.progress.add_task(f"round {number}: {'roll out' if number else 'demonstrate'}", total=len(jobs))
        found = []
        for job in jobs:
            found.append(collect(job))
            self.progress.advance(bar)
        played = [each for each in found if each is not None]
        if not played:
            names = ", ".join(config.operators)
            raise NsctlError(f"none of {len(jobs)} episodes of {names} in round {number} could be set: ask for more")
        return played

    def _learn(self, name: str, number: int) -> list[dict[str, float]]:
        steps = self.plan.recipe.steps
        bar = self.progress.add_task(f"round {number}: {name}", total=steps)
        return self.pair.students[name].fit(
            self._batches(name), steps, self._spread, lambda: self.progress.advance(bar)
        )

    def _seen(self, name: str) -> Sequence[Trajectory]:
        """What a student learns from: labels are the expert's, so that one keeps to the demonstrations."""
        return self._data[0] if name == "qat" else [t for fresh in self._data for t in fresh]

    def _batches(self, name: str) -> Iterator[Batch]:
        """Endless batches from the starts of random episodes, which the number of the student's steps decides."""
        student, recipe, config = self.pair.students[name], self.plan.recipe, self.teacher.config
        frames = Frames(self._seen(name), recipe.unroll, config.chunk, self.request.device)
        draw = torch.Generator().manual_seed(self.request.seed + student.steps)
        weights = {key: p.detach() for key, p in self.teacher.named_parameters()}
        while True:
            features, chunks, ends, mask = frames.batch(recipe.batch, draw)
            wanted = Answer(chunks, ends)
            if name == "qad":
                with torch.no_grad():
                    told = answer(self.teacher, features, student.roles, weights)
                wanted = Answer(told.actions, told.ends.sigmoid(), told.features)
            yield Batch(features, wanted, mask)

    @cached_property
    def _spread(self) -> Tensor:
        """[5]: by how much the teacher's actions vary in the demonstrations."""
        network = network_in(self.folder)
        return spread_of([first_actions(network, [t.features for t in self._data[0]])]).to(self.request.device)

    def _act(self, network: nn.Module) -> Tensor:
        return first_actions(network, self.held)

    def _error(self, network: nn.Module) -> float:
        return action_error(self._act(network), self.wanted)

    def _show(self, entry: Mapping[str, Any]) -> None:
        """Write one round to the board."""
        number, steps = entry["round"], self.plan.recipe.steps
        for name in STUDENTS:
            losses = entry["loss"][name]
            for i, parts in enumerate(losses):
                for part, value in parts.items():
                    self.board.add(f"{name}/loss/{part}", value, number * steps + (i + 1) * steps // len(losses))
            self.board.add(f"{name}/action_error", entry["action_error"][name], number)
