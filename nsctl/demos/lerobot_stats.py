"""Statistics as LeRobot keeps them: of each feature, for an episode and for the whole dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

SAMPLED = 100
"""Pictures of an episode that its statistics look at, evenly spread."""

Stats = dict[str, dict[str, Any]]


def episode_stats(columns: Mapping[str, Any]) -> Stats:
    """Statistics of the columns of an episode: arrays [T], [T, size] or pictures uint8 [T, height, width, 3]."""
    return {
        name: _picture_stats(values) if values.dtype == np.uint8 else _stats(values) for name, values in columns.items()
    }


def together(parts: Iterable[Stats]) -> Stats:
    """The statistics of all episodes from those of each."""
    every = list(parts)
    return {name: _pooled([part[name] for part in every]) for name in every[0]}


def plain(stats: Stats) -> dict[str, dict[str, Any]]:
    """Lists instead of arrays."""
    return {name: {what: np.asarray(value).tolist() for what, value in found.items()} for name, found in stats.items()}


def _stats(values: Any) -> dict[str, Any]:
    rows = values.astype(np.float64).reshape(len(values), -1)  # [T, size]
    return {
        "min": rows.min(axis=0),
        "max": rows.max(axis=0),
        "mean": rows.mean(axis=0),
        "std": rows.std(axis=0),
        "count": np.array([len(rows)]),
    }


def _picture_stats(film: Any) -> dict[str, Any]:
    """Of each colour, in [0, 1], as [3, 1, 1]."""
    chosen = np.unique(np.linspace(0, len(film) - 1, min(SAMPLED, len(film))).astype(int))
    found = _stats(film[chosen].reshape(-1, 3) / 255.0)
    shaped = {what: value.reshape(3, 1, 1) for what, value in found.items() if what != "count"}
    return {**shaped, "count": np.array([len(chosen)])}


def _pooled(parts: list[dict[str, Any]]) -> dict[str, Any]:
    counts = np.array([part["count"][0] for part in parts], dtype=np.float64)
    means = np.stack([part["mean"] for part in parts])
    weights = (counts / counts.sum()).reshape(-1, *[1] * (means.ndim - 1))
    mean = (weights * means).sum(axis=0)
    within = np.stack([part["std"] ** 2 for part in parts])
    return {
        "min": np.min([part["min"] for part in parts], axis=0),
        "max": np.max([part["max"] for part in parts], axis=0),
        "mean": mean,
        "std": np.sqrt((weights * (within + (means - mean) ** 2)).sum(axis=0)),
        "count": np.array([int(counts.sum())]),
    }
