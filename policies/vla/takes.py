"""Episodes on disk: each is one file, which is there as a whole or not at all, so that collecting can be cut short."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nsctl.files import write_atomically
from policies.vla.episodes import Job, Piece, Script, Take
from policies.vla.instructions import Work
from policies.vla.recording import record

ARRAYS = ("proprio", "objects", "truth", "atoms", "stages", "labels", "executed", "led")


@dataclass(frozen=True)
class Filed:
    """Where an episode lies, and what there is to know of it before it is read. ``cpu_joules`` is 0 if it lay there."""

    path: Path
    success: bool
    steps: int
    cpu_joules: float
    fresh: bool = True
    """Whether it was played now."""


@dataclass(frozen=True)
class Filing:
    """Plays jobs into a folder; what lies there already is not played again."""

    folder: Path

    def __call__(self, job: Job) -> Filed:
        walk = f"-walk{job.walk}" if job.walk else ""
        path = self.folder / f"{job.kind}-{job.seed}-{job.round}-{job.task}{walk}-{job.episode:05d}.npz"
        if path.exists():
            head = _head(path)
            return Filed(path, head["success"], head["steps"], 0.0, fresh=False)
        take = record(job)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, packed(take))
        return Filed(path, take.success, len(take.led), take.cpu_joules)


def packed(take: Take) -> bytes:
    """An episode as the bytes of an npz file."""
    pieces = [asdict(piece) for piece in take.pieces]
    head = {"instruction": take.instruction, "success": take.success, "steps": len(take.led), "pieces": pieces}
    arrays = {name: getattr(take, name) for name in ARRAYS}
    if take.images is not None:
        arrays["images"] = take.images
    file = io.BytesIO()
    np.savez(file, head=np.frombuffer(json.dumps(head).encode(), np.uint8), **arrays)
    return file.getvalue()


def read(path: Path) -> Take:
    """The episode in this file; nothing is unpickled."""
    head = _head(path)
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in ARRAYS}
        images = file.get("images")
    pieces = tuple(Piece(p["start"], p["end"], Work(**p["work"]), p["done"]) for p in head["pieces"])
    return Take(head["instruction"], pieces=pieces, images=images, success=head["success"], cpu_joules=0.0, **arrays)


def script(path: Path) -> Script:
    """What was done in the episode in this file."""
    with np.load(path, allow_pickle=False) as file:
        return Script(file["executed"], file["led"])


def _head(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        head: dict[str, Any] = json.loads(file["head"].tobytes())
    return head
