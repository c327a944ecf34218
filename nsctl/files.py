"""What must outlive a power cut: files that are replaced as a whole, lines that are on the disk at once, one writer."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from nsctl.errors import InvalidValue


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole, or as it was before."""
    draft = path.with_name(path.name + ".tmp")
    draft.write_bytes(content)
    put_in_place(draft, path)


def put_in_place(draft: Path, path: Path) -> None:
    """Give a finished file its name; its content is on the disk before."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)


def append_line(file: IO[str], line: str) -> None:
    """Put a line on the disk."""
    file.write(line + "\n")
    file.flush()
    os.fsync(file.fileno())


def whole_lines(content: bytes) -> list[bytes]:
    """The lines that end in a line feed; what follows the last one was torn off."""
    return content.split(b"\n")[:-1]


def cut_torn_line(file: IO[str], lines: list[bytes]) -> None:
    """Leave nothing in a file but these lines, the whole ones with which it begins."""
    file.truncate(sum(len(line) + 1 for line in lines))


def hold(file: IO[Any]) -> bool:
    """Lock a file until it is closed or this process ends, however it ends; false if another process holds it."""
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_folder(folder: Path, what: str) -> None:
    """Make a folder, or refuse one that no ``what`` (a film, say) can be written to, before any work is done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise InvalidValue(f"no {what} can be written to {folder}: {error.strerror or error}") from error
