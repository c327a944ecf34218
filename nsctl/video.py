"""A video of an episode: an animated WebP at the world's own pace, and its last picture as PNG.

Frames wait on the disk, compressed, until the episode is over: an hour of them needs no more memory than one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image
from PIL.TiffImagePlugin import AppendingTiffWriter

from nsctl.contracts import World
from nsctl.scene import CONTROL_HZ

EVERY = 2
"""Control steps from one frame to the next: 10 frames a second."""
QUALITY = 70
"""Of the WebP, of 100; about 10 kB a frame."""


class Film:
    """Collects the frames of one episode and writes ``<stem>.webp`` and ``<stem>.png``."""

    def __init__(self, stem: Path) -> None:
        self._stem = stem
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self._frames = AppendingTiffWriter(self._file, new=True)
        self._last: Image.Image | None = None

    def look(self, world: World, steps: int) -> None:
        """Take a frame if one is due after this many control steps; the last one of an episode always is."""
        if steps % EVERY and not world.over:
            return
        self._last = Image.fromarray(world.render())  # uint8 [height, width, 3]
        self._last.save(self._frames, "TIFF", compression="jpeg", quality=95)
        self._frames.newFrame()

    def close(self) -> None:
        """Write both files; an episode without a single step leaves none."""
        try:
            if self._last is not None:
                self._write(self._last)
        finally:
            self._file.close()

    def _write(self, last: Image.Image) -> None:
        self._stem.parent.mkdir(parents=True, exist_ok=True)
        last.save(self._stem.with_suffix(".png"))
        self._frames.finalize()
        self._file.seek(0)
        with Image.open(self._file) as frames:
            pause = 1000 * EVERY // CONTROL_HZ  # ms
            frames.save(
                self._stem.with_suffix(".webp"), save_all=True, duration=pause, loop=0, quality=QUALITY, method=0
            )
