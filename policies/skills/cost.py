"""What a skill's training has cost, beside its weights: the card's figure once more, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nsctl.contracts import TrainingRequest

TRAINING = "training.json"
"""The file's name: ``joules`` and their ``label``, wall ``seconds``, ``device``, ``commit``, and a ``note`` if need be."""


def write_cost(folder: Path, request: TrainingRequest, figures: Mapping[str, Any]) -> None:
    """Write the file into ``folder``: all rounds that ended, those of sessions before included."""
    told = {key: figures[key] for key in ("joules", "label", "seconds")}
    told |= {"device": request.device, "commit": figures["commit"]}
    (folder / TRAINING).write_text(json.dumps(told, indent=1) + "\n")


def read_cost(folder: Path) -> dict[str, Any] | None:
    """What lies in ``folder``; ``None`` if nothing does: weights from elsewhere."""
    try:
        told: dict[str, Any] = json.loads((folder / TRAINING).read_text())
    except FileNotFoundError:
        return None
    return told
