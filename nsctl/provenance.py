"""Where a record comes from: versions, code, machine and commit."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nsctl.guard import NAMES
from nsctl.records import GitRecord, HardwareRecord

PACKAGES = (
    "nsctl",
    "numpy",
    "clingo",
    "mujoco",
    "pybullet",
    "torch",
    "gymnasium",
    "codecarbon",
    "pydantic",
    "safetensors",
)
"""The distributions that can change an episode, or what is told of it."""
SOURCES = (".py", ".lp", ".pddl")
"""What code is written in: Python, answer-set programs, planning domains."""
_HOME = Path(__file__).resolve().parent.parent
_GPUS = Path("/proc/driver/nvidia/gpus")


def versions() -> dict[str, str]:
    """Versions of Python and of :data:`PACKAGES`; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def code() -> str:
    """SHA-256 (16 hex digits) of the sources of our five packages, wherever they lie.

    It tells two checkouts apart that have the same version. Hashed are each source's path and content, in the order of
    the paths.
    """
    digest = hashlib.sha256()
    for name in sorted(("nsctl", *NAMES)):
        found = (path for path in (_HOME / name).rglob("*") if path.suffix in SOURCES and path.is_file())
        for place, path in sorted((path.relative_to(_HOME).as_posix(), path) for path in found):
            digest.update(f"{place}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def hardware() -> HardwareRecord:
    """This machine."""
    return HardwareRecord(
        cpu=_field(Path("/proc/cpuinfo"), "model name") or platform.processor() or None,
        cores=os.cpu_count(),
        memory_bytes=_memory(),
        gpu=next((name for path in sorted(_GPUS.glob("*/information")) if (name := _field(path, "Model"))), None),
    )


def git() -> GitRecord | None:
    """The commit that nsctl runs from; ``None`` if it was installed from a package."""
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != _HOME:
        return None
    sha, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return GitRecord(sha=sha, dirty=bool(changes)) if sha else None


def _git(*arguments: str) -> str | None:
    try:
        asked = subprocess.run(("git", "-C", str(_HOME), *arguments), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()


def _field(path: Path, name: str) -> str | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
