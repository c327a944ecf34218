"""A recording on disk: what was asked for, what was played, and the demonstrations.

``recording.json`` says what decides the episodes, ``attempts.jsonl`` has a line for each that was played, and each
demonstration waits in ``parts`` until the recording is complete. Then they make the one file of a Minari dataset under
``data``. Whatever is killed loses the episodes that were being played; they are played again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nsctl.demos import minari_file
from nsctl.demos.libraries import need
from nsctl.demos.recorder import Attempt
from nsctl.demos.source import read_json
from nsctl.errors import NsctlError
from nsctl.files import append_line, cut_torn_line, hold, make_folder, whole_lines, write_atomically

SETTINGS, ATTEMPTS, PARTS, DATA = "recording.json", "attempts.jsonl", "parts", "data"


class DemoFolder:
    """The one writer of a recording. Use it as a context manager; a second writer is refused."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.parts = folder / PARTS
        _prepare(folder)
        self._file = (folder / ATTEMPTS).open("a+", encoding="utf-8")
        try:
            if not hold(self._file):
                raise NsctlError(f"{folder} is being recorded by another nsctl")
            _agree(folder, settings)
            self.attempts = self._read_attempts()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, attempt: Attempt) -> None:
        """Note an episode that was played; its demonstration, if it succeeded, is on the disk already."""
        append_line(self._file, json.dumps(asdict(attempt)))
        self.attempts[attempt.episode] = attempt

    def successes(self) -> list[int]:
        """Numbers of the episodes that succeeded, in order."""
        return sorted(number for number, attempt in self.attempts.items() if attempt.success)

    def stored(self) -> dict[int, str]:
        """Episodes that the finished dataset has already, and the groups that hold them."""
        main = self.folder / DATA / minari_file.MAIN
        if not main.exists():
            return {}
        with need("h5py").File(main, "r") as file:
            return {int(group.attrs["episode"]): name for name, group in file.items()}

    def finish(self, numbers: list[int]) -> None:
        """Make one file of these episodes and put the attempts in order; nothing is done twice."""
        main, stored = self.folder / DATA / minari_file.MAIN, self.stored()
        if set(stored) != set(numbers):
            main.parent.mkdir(exist_ok=True)
            parts = {number: minari_file.part_path(self.parts, number) for number in numbers}
            minari_file.gather(
                main, [(main, stored[n]) if n in stored else (path, minari_file.PART) for n, path in parts.items()]
            )
        if list(self.attempts) != sorted(self.attempts):
            # In place, under the lock: a file put in its place would not be locked. What is torn is played again.
            self._file.seek(0)
            self._file.truncate()
            self.attempts = dict(sorted(self.attempts.items()))
            for attempt in self.attempts.values():
                append_line(self._file, json.dumps(asdict(attempt)))

    def tidy(self) -> None:
        """Remove the single files once the dataset is complete."""
        shutil.rmtree(self.parts, ignore_errors=True)

    def _read_attempts(self) -> dict[int, Attempt]:
        """What was played before. A torn last line is cut off; a success whose file is missing is played again."""
        self._file.seek(0)
        lines = self._file.read().split("\n")[:-1]
        self._file.truncate(sum(len(line.encode()) + 1 for line in lines))
        known = self.stored()
        found = {attempt.episode: attempt for attempt in (Attempt(**json.loads(line)) for line in lines)}
        return {n: a for n, a in found.items() if not a.success or n in known or self._waits(n)}

    def _waits(self, number: int) -> bool:
        return minari_file.part_path(self.parts, number).exists()


def _prepare(folder: Path) -> None:
    if folder.exists() and not (folder / SETTINGS).exists() and any(folder.iterdir()):
        raise NsctlError(f"{folder} has something else in it: name a new folder with --out")
    try:
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NsctlError(f"nothing can be recorded in {folder}: {error.strerror or error}") from error


def _agree(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings down, or refuse others than those that the folder began with."""
    path = folder / SETTINGS
    now = json.loads(json.dumps(settings))
    if not path.exists():
        _write_atomically(path, json.dumps(now, indent=2) + "\n")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    if changed := [key for key in {**before, **now} if before.get(key) != now.get(key)]:
        key = changed[0]
        raise NsctlError(
            f"{folder} was recorded with another {key} ({_short(before.get(key))}, now {_short(now.get(key))}): "
            f"name a new folder with --out"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
