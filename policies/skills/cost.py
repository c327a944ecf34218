"""What a skill's training has cost, beside its weights: the card's figure once more, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nsctl.contracts import TrainingRequest
from nsctl.precision import DistillationRequest

TRAINING = "training.json"
"""The file's name: ``joules`` and their ``label``, wall ``seconds``, ``device``, ``commit``, a ``note`` if need be, and what
the teacher did: ``demonstrations`` and ``expert_queries`` in episodes, the latter those of DAgger, ``labels`` in control
steps of both (``null`` where nobody knows)."""


def write_cost(folder: Path, request: TrainingRequest | DistillationRequest, figures: Mapping[str, Any]) -> None:
    """Write the file into ``folder``: all rounds that ended, those of sessions before included."""
    told = {key: figures[key] for key in ("joules", "label", "seconds", "note") if key in figures}
    taught = figures["lessons"] if "lessons" in figures else lessons(figures.get("rounds", ()))
    told |= {"device": request.device, "commit": figures["commit"], **taught}
    (folder / TRAINING).write_text(json.dumps(told, indent=1) + "\n")


def lessons(rounds: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What the teacher did in these rounds of a training: episodes shown and corrected, and control steps of both."""
    if not rounds:
        return {}
    episodes = [int(each["episodes"]) for each in rounds]
    return {"demonstrations": episodes[0], "expert_queries": sum(episodes[1:]), "labels": int(rounds[-1]["frames"])}


def read_cost(folder: Path) -> dict[str, Any] | None:
    """What lies in ``folder``; ``None`` if nothing does: weights from elsewhere."""
    try:
        told: dict[str, Any] = json.loads((folder / TRAINING).read_text())
    except FileNotFoundError:
        return None
    return told
