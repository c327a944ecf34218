"""Writes demonstrations as a LeRobotDataset v3.0; needs pyarrow. See :mod:`nsctl.demos.lerobot_layout`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from nsctl.demos import lerobot_layout as layout
from nsctl.demos.demonstration import Demonstration
from nsctl.demos.lerobot_stats import Stats, episode_stats, plain, together
from nsctl.demos.libraries import need
from nsctl.demos.source import About

ROBOT = "franka_panda"


class LeRobotWriter:
    """Takes demonstrations one after the other; :meth:`close` writes what is known only then."""

    def __init__(self, folder: Path, about: About, *, data_mb: float = layout.DATA_MB) -> None:
        self._folder, self._about, self._data_mb = folder, about, data_mb
        self._features: dict[str, layout.Feature] = {}
        self._tasks: dict[str, int] = {}
        self._subtasks: dict[str, int] = {}
        self._rows: list[dict[str, Any]] = []
        self._stats: list[Stats] = []
        self._frames = 0
        self._place = (0, 0)
        self._writer: Any = None

    def add(self, shown: Demonstration) -> None:
        """Append an episode: a row group of frames, and a row of the episodes' table."""
        if not self._features:
            pictures = {name: film.shape[1:] for name, film in shown.images.items()}
            self._features = layout.features(shown.heading.bodies, pictures)
        columns = self._columns(shown)
        self._write(columns)
        stats = episode_stats(columns)
        self._stats.append(stats)
        self._rows.append(self._row(shown, plain(stats)))
        self._frames += len(shown)

    def close(self) -> None:
        """Write the tables of episodes, tasks and subtasks, the statistics and, last, ``info.json``."""
        self._close_file()
        meta = {
            layout.EPISODES_PATH.format(chunk_index=0, file_index=0): need("pyarrow").Table.from_pylist(self._rows),
            layout.TASKS: layout.names_table(list(self._tasks), "task"),
            layout.SUBTASKS: layout.names_table(list(self._subtasks), "subtask"),
        }
        for name, table in meta.items():
            (self._folder / name).parent.mkdir(parents=True, exist_ok=True)
            need("pyarrow.parquet").write_table(table, self._folder / name)
        self._write_json(layout.STATS, plain(together(self._stats)))
        self._write_json(layout.ABOUT, {**self._about.details, "bodies": list(self._about.bodies)})
        self._write_json(layout.INFO, self._info())

    def _columns(self, shown: Demonstration) -> dict[str, Any]:
        steps, episode = len(shown), len(self._rows)
        last = np.arange(steps) == steps - 1
        task = self._tasks.setdefault(shown.heading.instruction, len(self._tasks))
        return {
            layout.STATE: shown.proprio[:-1],
            **({layout.OBJECTS: shown.objects[:-1].reshape(steps, -1)} if shown.heading.bodies else {}),
            **{layout.PICTURE + name: film[:-1] for name, film in shown.images.items()},
            layout.ACTIONS: shown.actions,
            "next.reward": last.astype(np.float32),
            "next.done": last,
            "timestamp": (np.arange(steps) / self._about.fps).astype(np.float32),
            "frame_index": np.arange(steps),
            "episode_index": np.full(steps, episode),
            "index": np.arange(self._frames, self._frames + steps),
            "task_index": np.full(steps, task),
            "subtask_index": np.array([self._subtasks.setdefault(s, len(self._subtasks)) for s in shown.subgoals]),
        }

    def _row(self, shown: Demonstration, stats: dict[str, dict[str, Any]]) -> dict[str, Any]:
        head = shown.heading
        flat = {f"stats/{name}/{what}": value for name, found in stats.items() for what, value in found.items()}
        own = {
            "episode": head.number,
            "seed": head.seed,
            "initial_hash": head.initial_hash,
            "operators": json.dumps([dict(step) for step in head.operators]),
            "disturbances": json.dumps([dict(event) for event in head.disturbances]),
            f"last/{layout.STATE}": shown.proprio[-1].tolist(),
            f"last/{layout.OBJECTS}": shown.objects[-1].reshape(-1).tolist(),
            **{f"last/{layout.PICTURE}{name}": layout.png(film[-1]) for name, film in shown.images.items()},
        }
        return {
            "episode_index": len(self._rows),
            "tasks": [head.instruction],
            "length": len(shown),
            "data/chunk_index": self._place[0],
            "data/file_index": self._place[1],
            "dataset_from_index": self._frames,
            "dataset_to_index": self._frames + len(shown),
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            **flat,
            **{layout.OWN + name: value for name, value in own.items()},
        }

    def _write(self, columns: dict[str, Any]) -> None:
        """Write a row group, into a new file if this one is full."""
        table = need("pyarrow").table({n: layout.column(self._features[n], c) for n, c in columns.items()})
        path = self._data_path()
        if self._writer is not None and path.stat().st_size + table.nbytes > self._data_mb * 1e6:
            self._close_file()
            self._place = layout.next_file(*self._place)
            path = self._data_path()
        if self._writer is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = need("pyarrow.parquet").ParquetWriter(path, table.schema)
        self._writer.write_table(table, row_group_size=max(1, len(table)))

    def _data_path(self) -> Path:
        return self._folder / layout.DATA_PATH.format(chunk_index=self._place[0], file_index=self._place[1])

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _info(self) -> dict[str, Any]:
        return {
            "codebase_version": layout.VERSION,
            "robot_type": ROBOT,
            "total_episodes": len(self._rows),
            "total_frames": self._frames,
            "total_tasks": len(self._tasks),
            "chunks_size": layout.CHUNK_FILES,
            "data_files_size_in_mb": layout.DATA_MB,
            "video_files_size_in_mb": 2 * layout.DATA_MB,
            "fps": self._about.fps,
            "splits": {"train": f"0:{len(self._rows)}"},
            "data_path": layout.DATA_PATH,
            "video_path": None,
            "features": self._features,
        }

    def _write_json(self, name: str, value: Any) -> None:
        (self._folder / name).write_text(json.dumps(value, indent=4) + "\n", encoding="utf-8")
