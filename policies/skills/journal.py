"""What is on disk of a training: one folder, one checkpoint and one entry a round."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.skills.collect import Trajectory


class Learning(Protocol):
    """What a journal keeps of whoever learns: a :class:`~policies.skills.learner.Learner`, or a student of one."""

    def state(self) -> dict[str, Tensor]:
        """Everything that it goes on from, flat."""

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what :meth:`state` gave."""

    def export(self, folder: Path) -> None:
        """Write it as a skill that plays."""

    def fingerprint(self) -> str:
        """Some digits that tell what :meth:`export` writes from anything else."""


class Journal:
    """The rounds of one training with these ``settings``; each is written whole or not at all."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self._folder, self._settings = folder, json.loads(json.dumps(settings))
        folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Forget all rounds."""
        for path in self._folder.glob("round-*"):
            path.unlink()
        for path in self._folder.glob("learner-*"):
            shutil.rmtree(path)

    def learner(self, learner: Learning) -> Path:
        """A folder with these averaged weights, for processes that play them."""
        folder = self._folder / f"learner-{learner.fingerprint()}"
        learner.export(folder)
        return folder

    def entry(self, number: int) -> dict[str, Any] | None:
        """What was noted of this round; ``None`` if it is not complete. Refuses a training with other settings."""
        path = self._folder / f"round-{number}.json"
        if not path.exists():
            return None
        found = json.loads(path.read_text())
        if found["settings"] != self._settings:
            raise InvalidValue(
                f"{self._folder} holds a training with other settings: train into another folder, or without --resume"
            )
        return dict(found["entry"])

    def write(self, number: int, data: list[Trajectory], learner: Learning, entry: Mapping[str, Any]) -> None:
        """The JSON comes last: a round counts only once everything else of it is on disk."""
        arrays = {
            "features": np.concatenate([t.features for t in data]),
            "labels": np.concatenate([t.labels for t in data]),
            "ends": np.concatenate([t.ends for t in data]),
            "lengths": np.array([len(t.ends) for t in data]),
        }
        np.savez(self._folder / f"round-{number}.npz", **arrays)  # type: ignore[arg-type]
        save_file(learner.state(), self._weights(number))
        text = json.dumps({"settings": self._settings, "entry": entry}, indent=1)
        half = self._folder / f"round-{number}.json.part"
        half.write_text(text)
        half.replace(self._folder / f"round-{number}.json")

    def load(self, number: int, learner: Learning) -> list[Trajectory]:
        """The data of a round; ``learner`` goes on from its end."""
        self.restore(number, learner)
        with np.load(self._folder / f"round-{number}.npz", allow_pickle=False) as arrays:
            cuts = np.cumsum(arrays["lengths"])[:-1]
            parts = zip(*(np.split(arrays[name], cuts) for name in ("features", "labels", "ends")), strict=True)
            return [Trajectory(x, y, ends, success=True, cpu_joules=0.0) for x, y, ends in parts]

    def restore(self, number: int, learner: Learning) -> None:
        """Bring ``learner`` to the end of a round."""
        learner.restore(load_file(self._weights(number)))

    def _weights(self, number: int) -> Path:
        return self._folder / f"round-{number}.safetensors"
