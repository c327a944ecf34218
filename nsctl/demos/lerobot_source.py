"""Reads demonstrations from a LeRobotDataset v3.0 by its own files; needs pyarrow, and LeRobot itself not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nsctl.demos import lerobot_layout as layout
from nsctl.demos.demonstration import ACTION, Demonstration, Heading, Pictures
from nsctl.demos.libraries import need
from nsctl.demos.source import About, Span, read_json
from nsctl.errors import NsctlError
from nsctl.observation_arrays import POSE, PROPRIO, Floats


class LeRobotSource:
    """The dataset in ``folder``. See :class:`nsctl.demos.source.Source`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._info = read_json(folder / layout.INFO)
        _check(self._info, folder)
        self._features: dict[str, layout.Feature] = self._info["features"]
        self._episodes = self._read_episodes()
        self._first_of_file: dict[tuple[int, int], int] = {}
        for row in self._episodes:
            self._first_of_file.setdefault(_place(row), row["dataset_from_index"])
        self._tasks, self._subtasks = (self._texts(name) for name in (layout.TASKS, layout.SUBTASKS))
        self._open: tuple[tuple[int, int], Any] | None = None
        self.lengths: Sequence[int] = [int(row["length"]) for row in self._episodes]
        self.about = self._about()

    def episode(self, index: int) -> Demonstration:
        row, span = self._episodes[index], self.span(index, 0, self.lengths[index], self.about.cameras)
        last = {name.removeprefix(f"{layout.OWN}last/"): value for name, value in row.items() if "/last/" in name}
        films = {c: np.stack([*film, layout.picture(last[layout.PICTURE + c])]) for c, film in span.images.items()}
        return Demonstration(
            self._heading(row, span.instruction),
            np.append(span.proprio, np.array([last[layout.STATE]], dtype=np.float32), axis=0),
            np.append(span.objects, _poses(np.array(last[layout.OBJECTS], dtype=np.float32), 1), axis=0),
            films,
            span.actions,
            span.subgoals,
        )

    def span(self, index: int, start: int, stop: int, cameras: Sequence[str], ahead: int = 0) -> Span:
        row = self._episodes[index]
        end = min(stop + ahead, row["length"])
        numbers = [layout.STATE, layout.ACTIONS, "task_index", "subtask_index"]
        poses = [layout.OBJECTS] if layout.OBJECTS in self._features else []
        table = self._rows(row, start, end, [*numbers, *poses, *(layout.PICTURE + name for name in cameras)])
        looks = table.slice(0, stop - start)
        objects = (
            layout.vectors(looks[layout.OBJECTS], self._size(layout.OBJECTS)) if poses else np.zeros((stop - start, 0))
        )
        return Span(
            self._tasks[looks["task_index"][0].as_py()],
            start,
            layout.vectors(looks[layout.STATE], len(PROPRIO)),
            _poses(objects, stop - start),
            {name: _film(looks[layout.PICTURE + name]) for name in cameras},
            layout.vectors(table[layout.ACTIONS], len(ACTION)),
            tuple(self._subtasks[number] for number in looks["subtask_index"].to_pylist()),
        )

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
        self._open = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": None}

    def _about(self) -> About:
        names = self._features.get(layout.OBJECTS, {}).get("names") or []
        bodies = tuple(dict.fromkeys(str(name).rpartition(".")[0] for name in names))
        cameras = tuple(n.removeprefix(layout.PICTURE) for n, f in self._features.items() if f["dtype"] == "image")
        path = self._folder / layout.ABOUT
        details = read_json(path) if path.exists() else {}
        return About("lerobot", int(self._info["fps"]), bodies, cameras, str(details.get("task", "")), details)

    def _heading(self, row: dict[str, Any], instruction: str) -> Heading:
        own = {name.removeprefix(layout.OWN): value for name, value in row.items() if name.startswith(layout.OWN)}
        return Heading(
            int(own["episode"]),
            int(own["seed"]),
            instruction,
            str(own["initial_hash"]),
            self.about.bodies,
            tuple(json.loads(own["operators"])),
            tuple(json.loads(own["disturbances"])),
        )

    def _rows(self, row: dict[str, Any], start: int, stop: int, columns: list[str]) -> Any:
        """Rows ``start`` to ``stop`` of an episode; only the row groups that they lie in are read."""
        file = self._file(_place(row))
        first = row["dataset_from_index"] - self._first_of_file[_place(row)] + start
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        ends = np.cumsum(sizes)
        low, high = np.searchsorted(ends, [first, first + stop - start - 1], side="right")
        table = file.read_row_groups(range(int(low), int(high) + 1), columns=columns)
        return table.slice(first - int(ends[low] - sizes[low]), stop - start)

    def _file(self, place: tuple[int, int]) -> Any:
        if self._open is None or self._open[0] != place:
            self.close()
            path = self._folder / self._info["data_path"].format(chunk_index=place[0], file_index=place[1])
            self._open = place, need("pyarrow.parquet").ParquetFile(path)
        return self._open[1]

    def _read_episodes(self) -> list[dict[str, Any]]:
        """The episodes' table without statistics, in order."""
        rows: list[dict[str, Any]] = []
        for path in sorted((self._folder / "meta" / "episodes").glob("*/*.parquet")):
            with need("pyarrow.parquet").ParquetFile(path) as file:
                wanted = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
                rows.extend(file.read(columns=wanted).to_pylist())
        return sorted(rows, key=lambda row: int(row["episode_index"]))

    def _texts(self, name: str) -> dict[int, str]:
        table, word = need("pyarrow.parquet").read_table(self._folder / name), Path(name).stem.removesuffix("s")
        return dict(zip(table[f"{word}_index"].to_pylist(), table[word].to_pylist(), strict=True))

    def _size(self, feature: str) -> int:
        return int(self._features[feature]["shape"][0])


def _check(info: dict[str, Any], folder: Path) -> None:
    """Refuse what is no v3.0, or not a dataset of ours."""
    if (version := info.get("codebase_version")) != layout.VERSION:
        raise NsctlError(f"{folder} is a LeRobot dataset {version}, and only {layout.VERSION} is read")
    features = info["features"]
    if videos := [name for name, feature in features.items() if feature["dtype"] == "video"]:
        raise NsctlError(f"{folder} keeps {', '.join(videos)} as video, which is not read: export it with pictures")
    if lacking := [name for name in (layout.STATE, layout.ACTIONS, "subtask_index") if name not in features]:
        raise NsctlError(f"{folder} lacks {', '.join(lacking)}: only what `nsctl demos export` wrote is read")


def _place(row: dict[str, Any]) -> tuple[int, int]:
    return int(row["data/chunk_index"]), int(row["data/file_index"])


def _poses(numbers: Any, rows: int) -> Floats:
    return np.asarray(numbers, dtype=np.float32).reshape(rows, -1, len(POSE))


def _film(stored: Any) -> Pictures:
    return np.stack([layout.picture(cell["bytes"]) for cell in stored.to_pylist()])
