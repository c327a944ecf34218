"""Reads demonstrations from a Minari dataset in HDF5; needs h5py alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nsctl.demos import minari_file
from nsctl.demos.demonstration import Demonstration
from nsctl.demos.libraries import need
from nsctl.demos.source import About, Span, read_json
from nsctl.errors import NsctlError
from nsctl.scene import CONTROL_HZ

REMEMBERED = 256
"""Episodes whose arrays are kept at hand: not their data, which is read when it is asked for."""


class _Part(NamedTuple):
    """The arrays of an episode in the file."""

    instruction: str
    proprio: Any
    objects: Any
    images: dict[str, Any]
    actions: Any
    subgoals: Any


class MinariSource:
    """The dataset whose ``main_data.hdf5`` lies in ``data``. See :class:`nsctl.demos.source.Source`."""

    def __init__(self, data: Path) -> None:
        self._path = data / minari_file.MAIN
        self._file: Any = None
        self._parts: dict[int, _Part] = {}
        fields = read_json(data / minari_file.METADATA)
        if "nsctl" not in fields:
            raise NsctlError(f"{data} is a dataset of somebody else's: only what `nsctl demos` wrote is read")
        count, details = int(fields["total_episodes"]), fields["nsctl"]
        groups = [self._group(index) for index in range(count)]
        if not groups:
            raise NsctlError(f"{self._path} has no episodes: record some with `nsctl demos record`")
        self.lengths: Sequence[int] = [int(group.attrs["total_steps"]) for group in groups]
        first = minari_file.heading(groups[0])
        cameras = tuple(groups[0]["observations"].get("images", {}))
        fps = int(details.get("control_hz", CONTROL_HZ))
        self.about = About("minari", fps, first.bodies, cameras, str(details.get("task", "")), details)

    def episode(self, index: int) -> Demonstration:
        return minari_file.get(self._group(index))

    def span(self, index: int, start: int, stop: int, cameras: Sequence[str], ahead: int = 0) -> Span:
        part = self._part(index)
        return Span(
            part.instruction,
            start,
            part.proprio[start:stop],
            part.objects[start:stop],
            {name: part.images[name][start:stop] for name in cameras},
            part.actions[start : stop + ahead],
            minari_file.texts(part.subgoals[start:stop]),
        )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
        self._parts.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_parts": {}}

    def _part(self, index: int) -> _Part:
        """Where the arrays of an episode are; looked up again only if it was long ago."""
        if index not in self._parts:
            if len(self._parts) >= REMEMBERED:
                del self._parts[next(iter(self._parts))]
            group = self._group(index)
            looks, films = group["observations"], group["observations"].get("images", {})
            arrays = (looks["proprio"], looks["objects"], dict(films.items()), group["actions"], group["infos/subgoal"])
            self._parts[index] = _Part(str(group.attrs["instruction"]), *arrays)
        return self._parts[index]

    def _group(self, index: int) -> Any:
        if self._file is None:
            try:
                self._file = need("h5py").File(self._path, "r")
            except OSError as error:
                raise NsctlError(f"{self._path} cannot be read: {error}") from error
        if (name := f"episode_{index}") not in self._file:
            raise NsctlError(f"{self._path} lacks {name}, which {minari_file.METADATA} counts: it is damaged")
        return self._file[name]
