"""A video of an episode: an animated WebP at the world's own pace, and its last picture as PNG.

Frames wait on the disk, compressed, until the episode is over: an hour of them needs no more memory than one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
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
            self.discard()

    def discard(self) -> None:
        """Give the frames up."""
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


class CarefulFilm:
    """A film that never raises: its failure (a full disk, a picture that cannot be drawn) is told, and it ends there."""

    def __init__(self, stem: Path, tell: Callable[[str], None]) -> None:
        self._stem, self._tell = stem, tell
        self._film: Film | None = None
        self._try(self._open)

    def look(self, world: World, steps: int) -> None:
        """As :meth:`Film.look`."""
        if film := self._film:
            self._try(lambda: film.look(world, steps))

    def close(self) -> None:
        """As :meth:`Film.close`."""
        if film := self._film:
            self._try(film.close)

    def _open(self) -> None:
        self._film = Film(self._stem)

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # whatever a disk, a driver or a library of pictures raises
            film, self._film = self._film, None
            if film is not None:
                film.discard()
            self._tell(f"the film {self._stem} failed: {type(error).__name__}: {error}")
