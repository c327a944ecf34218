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
        self._file = (folder / ATTEMPTS).open("a", encoding="utf-8")
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
        """Make one file of these episodes; nothing is done twice."""
        main, stored = self.folder / DATA / minari_file.MAIN, self.stored()
        if set(stored) != set(numbers):
            main.parent.mkdir(exist_ok=True)
            parts = {number: minari_file.part_path(self.parts, number) for number in numbers}
            minari_file.gather(
                main, [(main, stored[n]) if n in stored else (path, minari_file.PART) for n, path in parts.items()]
            )

    def tidy(self) -> None:
        """Once the dataset is complete: remove the single files, and put the attempts in order."""
        shutil.rmtree(self.parts, ignore_errors=True)
        lines = [json.dumps(asdict(self.attempts[number])) + "\n" for number in sorted(self.attempts)]
        write_atomically(self.folder / ATTEMPTS, "".join(lines).encode())  # last, for the new file is not locked

    def _read_attempts(self) -> dict[int, Attempt]:
        """What was played before. A torn last line is cut off; a success whose file is missing is played again."""
        path, known = self.folder / ATTEMPTS, self.stored()
        lines = whole_lines(path.read_bytes())
        found = [_attempt(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]
        cut_torn_line(self._file, lines)
        return {a.episode: a for a in found if not a.success or a.episode in known or self._waits(a.episode)}

    def _waits(self, number: int) -> bool:
        return minari_file.part_path(self.parts, number).exists()


def _attempt(line: bytes, where: str) -> Attempt:
    try:
        return Attempt(**json.loads(line))
    except (TypeError, ValueError) as error:
        raise NsctlError(f"{where} is damaged ({error}): name a new folder with --out") from error


def _prepare(folder: Path) -> None:
    begun = (folder / SETTINGS).exists() or not folder.is_dir()
    if not begun and any(path.name not in (PARTS, ATTEMPTS) for path in folder.iterdir()):
        raise NsctlError(f"{folder} has something else in it: name a new folder with --out")
    make_folder(folder / PARTS, "demonstration")


def _agree(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write the settings down, or refuse others than those that the folder began with."""
    path = folder / SETTINGS
    now = json.loads(json.dumps(settings))
    if not path.exists():
        write_atomically(path, (json.dumps(now, indent=2) + "\n").encode())
        return
    before = read_json(path)
    if changed := [key for key in {**before, **now} if before.get(key) != now.get(key)]:
        key = changed[0]
        raise NsctlError(
            f"{folder} was recorded with another {key} ({_short(before.get(key))}, now {_short(now.get(key))}): "
            f"name a new folder with --out"
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
