"""What training an agent has cost, so that a board can tell after how many episodes that has paid off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nsctl.records import LABELS, weakest

UNTRAINED: Mapping[str, Any] = {"joules": 0.0, "label": LABELS[0]}
"""Of an agent in which nothing was trained: an empty sum, which is known exactly."""


def training_joules(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The sum over what parts tell of themselves: ``{joules, label}``, labelled as its weakest part.

    A part with weights tells their ``sha256`` and, under ``training``, ``{joules, label}``; weights that several parts
    share are counted once. A part that tells of no weights was not trained. ``None`` if the cost of a single one is
    unknown: a partial sum misleads.
    """
    trained = {str(part["sha256"]): part.get("training") for part in parts if part.get("sha256")}
    if not trained:
        return dict(UNTRAINED)
    known = [dict(told) for told in trained.values() if isinstance(told, Mapping) and is_known(told)]
    if len(known) < len(trained):
        return None
    return {"joules": sum(told["joules"] for told in known), "label": weakest(told["label"] for told in known)}


def is_known(told: Mapping[str, Any]) -> bool:
    """Whether what a part tells of its training are joules and how they were obtained."""
    joules = told.get("joules")
    return (
        isinstance(joules, float | int) and not isinstance(joules, bool) and joules >= 0 and told.get("label") in LABELS
    )
