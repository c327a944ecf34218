"""What is on disk of a training: its last checkpoint, what was noted of the rounds that are over, and what was played.

All of it is small enough to be carried to another machine; the pictures are not among it, since they can be drawn anew.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load, save

from nsctl.contracts import Label
from nsctl.errors import InvalidValue
from nsctl.files import write_atomically
from policies.vla.episodes import Job, Script, Verdict
from policies.vla.learner import Learner

CHECKPOINT = "last.checkpoint"
"""A file of its own kind: eight bytes that say how long the JSON is that follows, and then safetensors."""


@dataclass
class Progress:
    """How far a training is: ``step`` of the round ``number``, and what all that has cost."""

    number: int = 0
    step: int = 0
    losses: list[dict[str, float]] = field(default_factory=list)
    """Of the round that is under way: one entry for each stretch between checkpoints."""
    entries: list[dict[str, Any]] = field(default_factory=list)
    """Of the rounds that are over."""
    seconds: float = 0.0
    joules: float | None = 0.0
    labels: list[Label] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)


class Journal:
    """The checkpoints of one training with these ``settings``."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder, self._settings = folder, json.loads(json.dumps(settings))
        self._state = b""
        folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)

    def load(self, learner: Learner) -> Progress | None:
        """The last checkpoint, from which ``learner`` goes on; ``None`` without one. Refuses that of other settings."""
        try:
            content = (self.folder / CHECKPOINT).read_bytes()
        except FileNotFoundError:
            return None
        size = int.from_bytes(content[:8], "little")
        told = json.loads(content[8 : 8 + size])
        if told["settings"] != self._settings:
            raise InvalidValue(
                f"{self.folder} holds a training with other settings: train into another folder, or without --resume"
            )
        self._state = content[8 + size :]
        learner.restore(load(self._state))
        return Progress(**told["progress"])

    def write(self, progress: Progress, learner: Learner) -> None:
        """A checkpoint, in place of the one before: learner and progress in one file, so that they never disagree."""
        self._state = save(learner.state())
        self.amend(progress)

    def amend(self, progress: Progress) -> None:
        """The last checkpoint once more, with what has been spent since."""
        told = json.dumps({"settings": self._settings, "progress": asdict(progress)}).encode()
        write_atomically(self.folder / CHECKPOINT, len(told).to_bytes(8, "little") + told + self._state)

    def scripts(self, number: int) -> list[tuple[str, int, Script]] | None:
        """What was played in a round of DAgger, task and episode first; ``None`` if that is not complete."""
        path = self.folder / f"played-{number}.npz"
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file}
        cuts = np.cumsum(arrays["lengths"])[:-1]
        parts = zip(*(np.split(arrays[name], cuts) for name in ("executed", "led")), strict=True)
        heads = zip(arrays["tasks"].tolist(), arrays["episodes"].tolist(), strict=True)
        return [(task, episode, Script(*part)) for (task, episode), part in zip(heads, parts, strict=True)]

    def keep_scripts(self, number: int, jobs: Sequence[Job], scripts: Sequence[Script]) -> None:
        """Keep what was played in a round, so that it can be played again without the learner that did."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            tasks=np.array([job.task for job in jobs]),
            episodes=np.array([job.episode for job in jobs]),
            lengths=np.array([len(script.led) for script in scripts]),
            executed=np.concatenate([script.executed for script in scripts]),
            led=np.concatenate([script.led for script in scripts]),
        )
        write_atomically(self.folder / f"played-{number}.npz", file.getvalue())

    def verdicts(self, number: int) -> list[Verdict]:
        """How the learner did so far in the check of a round, in the order of its episodes."""
        path = self.folder / f"check-{number}.json"
        return [Verdict(**told) for told in json.loads(path.read_text())] if path.exists() else []

    def keep_verdicts(self, number: int, verdicts: Sequence[Verdict]) -> None:
        """Keep these, all that there are of a round."""
        write_atomically(
            self.folder / f"check-{number}.json", json.dumps([asdict(verdict) for verdict in verdicts]).encode()
        )
