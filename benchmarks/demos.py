"""Demonstrations in two formats, read on one core: bytes, seconds an epoch, imports; and pictures kept in four ways.

    nsctl demos record hanoi-3 --episodes 100 --out demos/low-v1
    nsctl demos record hanoi-3 --episodes 20 --cameras front,wrist --out demos/cameras-v1
    python benchmarks/demos.py demos/low-v1 demos/cameras-v1

Figures are CPU seconds of this process, the smallest of three epochs; files come from the page cache.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nsctl.demos import minari_file
from nsctl.demos.exporting import export
from nsctl.demos.source import Source, open_source
from nsctl.demos.stream import Steps, batches

BATCH, BUFFER, EPOCHS = 64, 1024, 3
LIBRARIES = ("h5py", "pyarrow.parquet", "minari", "av")


def main(folders: list[Path]) -> None:
    for library in LIBRARIES:
        print(f"import {library:<16} {import_seconds(library)}")
    with tempfile.TemporaryDirectory() as scratch:
        for folder in folders:
            source = open_source(folder)
            steps, cameras = sum(source.lengths), len(source.about.cameras)
            print(f"\n{folder}: {len(source.lengths)} episodes, {steps} steps, {cameras} cameras")
            report("minari", folder / "data", source)
            begun = time.process_time()
            exported = export(folder, "lerobot", Path(scratch) / folder.name)
            print(f"export to lerobot {time.process_time() - begun:.1f} s")
            report("lerobot", Path(scratch) / folder.name, exported)
            minari_itself(folder)
            for camera in source.about.cameras:
                pictures(source, camera)


def report(name: str, folder: Path, source: Source) -> None:
    """Bytes on disk, and how long an epoch of batches takes, in order and shuffled."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    ordered = quickest(lambda: run(Steps(source)))
    shuffled = quickest(lambda: run(Steps(source, buffer=BUFFER)))
    steps = sum(source.lengths)
    print(
        f"{name:<8} {size / 1e6:8.2f} MB {size / steps:7.0f} B/step   in order {ordered:6.2f} s "
        f"({steps / ordered:7.0f} steps/s)   shuffled {shuffled:6.2f} s ({steps / shuffled:7.0f} steps/s)"
    )


def run(steps: Steps) -> None:
    seen = sum(len(batch["step"]) for batch in batches(steps, BATCH))
    assert seen == len(steps)


def quickest(work: Callable[[], object]) -> float:
    """CPU seconds of the quickest of three."""
    found = []
    for _ in range(EPOCHS):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)


def import_seconds(library: str) -> str:
    """CPU seconds to import it in a fresh process, numpy there already; the smallest of three."""
    code = f"import numpy, time; t = time.process_time(); import {library}; print(time.process_time() - t)"
    command = [sys.executable, "-c", code]
    found = [subprocess.run(command, capture_output=True, text=True, check=False) for _ in range(3)]
    return "not installed" if found[0].returncode else f"{min(float(f.stdout) for f in found):.2f} s"


def minari_itself(folder: Path) -> None:
    """Minari's own reader over the same files: whole episodes."""
    try:
        import minari
    except ImportError:
        return
    dataset = minari.MinariDataset(folder / "data")
    print(f"minari's own reader, whole episodes in order {quickest(lambda: list(map(len, dataset))):.2f} s")


def pictures(source: Source, camera: str) -> None:
    """What the pictures of one camera come to, kept in four ways: bytes, ms to write and to read, error."""
    film = source.episode(0).images[camera]  # uint8 [T + 1, height, width, 3]
    for name, write, read in (
        ("HDF5", in_hdf5, from_hdf5),
        ("PNG", partial(in_files, form="PNG"), from_files),
        ("JPEG", partial(in_files, form="JPEG"), from_files),
        ("AV1", in_video, partial(decode, start=0, count=len(film))),
    ):
        begun = time.process_time()
        try:
            kept = write(film)
        except ImportError:
            continue
        written, seen, size = time.process_time() - begun, read(kept), stored(kept)
        reading = quickest(partial(read, kept))
        error = np.abs(seen.astype(int) - film)
        print(
            f"{camera:<6} {name:<5} {size / len(film):6.0f} B/picture   writing {1e3 * written / len(film):.2f} ms   "
            f"reading {1e3 * reading / len(film):.2f} ms   error mean {error.mean():.1f}, "
            f"largest {error.max()} of 255"
        )


def stored(kept: Any) -> int:
    return sum(map(len, kept)) if isinstance(kept, list) else len(kept.getvalue())


def in_hdf5(film: Any) -> io.BytesIO:
    import h5py

    kept = io.BytesIO()
    with h5py.File(kept, "w") as file:
        minari_file.put_array(file, "film", film)
    return kept


def from_hdf5(kept: io.BytesIO) -> Any:
    import h5py

    with h5py.File(kept, "r") as file:
        return file["film"][:]


def in_files(film: Any, form: str) -> list[bytes]:
    found = []
    for picture in film:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, form)
        found.append(buffer.getvalue())
    return found


def from_files(kept: list[bytes]) -> Any:
    return np.stack([np.asarray(Image.open(io.BytesIO(encoded))) for encoded in kept])


def in_video(film: Any) -> io.BytesIO:
    """AV1 with LeRobot's settings: every second picture a key frame, crf 30."""
    import av

    kept = io.BytesIO()
    with av.open(kept, "w", format="mp4") as target:
        stream: Any = target.add_stream("libsvtav1", rate=20, options={"g": "2", "crf": "30", "svtav1-params": "lp=1"})
        stream.height, stream.width, stream.pix_fmt = *film.shape[1:3], "yuv420p"
        for picture in film:
            target.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        target.mux(stream.encode())
    return kept


def decode(file: io.BytesIO, start: int, count: int) -> Any:
    """``count`` pictures from the one numbered ``start`` on."""
    import av

    file.seek(0)
    found: list[Any] = []
    with av.open(file) as source:
        stream = source.streams.video[0]
        source.seek(round(start / 20 / float(stream.time_base or 1)), stream=stream)
        for frame in source.decode(stream):
            if round(float(frame.time or 0) * 20) >= start:
                found.append(frame.to_ndarray(format="rgb24"))
            if len(found) == count:
                break
    return np.stack(found)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
