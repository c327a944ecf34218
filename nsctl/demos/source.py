"""Demonstrations that lie on a disk, whatever their format: how many, how long, and any part of any of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from nsctl.demos.demonstration import Demonstration, Pictures
from nsctl.errors import NsctlError
from nsctl.observation_arrays import Floats

Format = Literal["minari", "lerobot"]


@dataclass(frozen=True)
class About:
    """What holds for all demonstrations of a dataset. ``task`` and ``details`` are empty where nobody wrote them."""

    format: Format
    fps: int
    bodies: tuple[str, ...]
    cameras: tuple[str, ...]
    task: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Span:
    """The steps ``start`` to ``start + k`` of a demonstration, each with what was seen before its action."""

    instruction: str
    start: int
    proprio: Floats
    """float32 [k, 23]."""
    objects: Floats
    """float32 [k, n, 7]."""
    images: Mapping[str, Pictures]
    """Camera -> uint8 [k, height, width, 3]."""
    actions: Floats
    """float32 [k + ahead, 7]: of these steps and of those that follow, as far as the episode goes."""
    subgoals: tuple[str, ...]


class Source(Protocol):
    """A dataset that is open for reading. It may be pickled for another process, which opens the files for itself.

    A process that was forked must open a source of its own.
    """

    about: About
    lengths: Sequence[int]
    """Control steps of each demonstration."""

    def episode(self, index: int) -> Demonstration:
        """The whole demonstration of this place in the dataset."""

    def span(self, index: int, start: int, stop: int, cameras: Sequence[str], ahead: int = 0) -> Span:
        """A part of it, with the actions of the ``ahead`` steps that follow; nothing else of it is kept in memory."""

    def close(self) -> None: ...


def open_source(folder: Path | str) -> Source:
    """The dataset in ``folder``: a recording of ours, a dataset of Minari, or one of LeRobot v3."""
    folder = Path(folder)
    if (folder / "meta" / "info.json").exists():
        from nsctl.demos.lerobot_source import LeRobotSource

        return LeRobotSource(folder)
    for data in (folder / "data", folder):
        if (data / "metadata.json").exists():
            from nsctl.demos.minari_source import MinariSource

            return MinariSource(data)
    if (folder / "recording.json").exists():
        raise NsctlError(f"the recording in {folder} is not complete: give its `nsctl demos record` command again")
    raise NsctlError(
        f"{folder} has no demonstrations: neither data/metadata.json (Minari) nor meta/info.json (LeRobot)"
    )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; what is damaged is refused with the file's name."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NsctlError(f"{path} is damaged: {error}") from None
    if not isinstance(found, dict):
        raise NsctlError(f"{path} must hold a JSON object, got {type(found).__name__}")
    return found
