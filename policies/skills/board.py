"""Shows a training to TensorBoard, where that is installed: ``pip install nsctl[train]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any


class Board:
    """Scalars of each round, written into ``folder``; without the package ``tensorboard`` nothing is."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._writer: Any = None
        else:
            self._writer = SummaryWriter(str(folder))

    def __enter__(self) -> Board:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, name: str, value: float, step: int) -> None:
        """Write one scalar."""
        if self._writer is not None:
            self._writer.add_scalar(name, value, step)

    def show(self, entry: Mapping[str, Any], steps: Sequence[int]) -> None:
        """Write one round; ``steps`` are the batches of each round, the last entry serving all later ones."""
        if self._writer is None:
            return
        number, losses = entry["round"], entry["loss"]
        taken = [steps[min(i, len(steps) - 1)] for i in range(number + 1)]
        for i, loss in enumerate(losses):
            at = sum(taken[:-1]) + (i + 1) * taken[-1] // len(losses)
            self._writer.add_scalar("loss", loss, at)
        for name in ("check", "rollout_success"):
            won, tried = entry[name]
            self._writer.add_scalar(name, won / max(tried, 1), number)
        for name in ("frames", "seconds", "joules"):
            if entry[name] is not None:
                self._writer.add_scalar(name, entry[name], number)
