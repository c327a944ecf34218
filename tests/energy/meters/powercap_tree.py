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

    def vanish(self, folder: str) -> None:
        """The device is gone: what is held open answers with nothing."""
        (self.root / folder / "energy_uj").write_text("")


class Socket:
    """Writes one register of a tree as a socket would that draws ``watts``; ``now`` is the time in seconds."""

    def __init__(
        self, tree: Powercap, folder: str, watts: float, range_uj: int = RANGE_UJ, name: str = "package-0"
    ) -> None:
        self.watts, self.now = watts, 0.0
        self._tree, self._folder, self._range_uj, self._drawn_uj = tree, folder, range_uj, 0.0
        tree.add(folder, name, range_uj=range_uj)

    def clock(self) -> float:
        """Seconds, for a meter under test."""
        return self.now

    def run(self, seconds: float) -> None:
        """Time passes; the register goes round at its range."""
        self.now += seconds
        self._drawn_uj += self.watts * seconds * 1e6
        self._tree.set(self._folder, int(self._drawn_uj) % self._range_uj)

    def set_back(self) -> None:
        """The driver is loaded anew."""
        self._drawn_uj = 0.0
        self._tree.set(self._folder, 0)
