"""A powercap tree made of plain files, with registers that a test sets."""

from __future__ import annotations

from pathlib import Path

RANGE_UJ = 262_143_328_850


class Powercap:
    """A fake of ``/sys/class/powercap``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, folder: str, name: str, energy_uj: int = 0, range_uj: int = RANGE_UJ) -> None:
        """A domain at ``folder``, for example ``intel-rapl:0/intel-rapl:0:1``."""
        path = self.root / folder
        path.mkdir(parents=True)
        (path / "name").write_text(f"{name}\n")
        (path / "max_energy_range_uj").write_text(f"{range_uj}\n")
        self.set(folder, energy_uj)

    def set(self, folder: str, energy_uj: int) -> None:
        """Let the register read this; written in place, as the descriptor is held open."""
        (self.root / folder / "energy_uj").write_text(f"{energy_uj}\n")
