"""``metadata.json`` of a Minari dataset: what Minari asks for, and under ``nsctl`` what it has no word for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nsctl.demos.libraries import need
from nsctl.demos.minari_file import MAIN, METADATA
from nsctl.scene import ACTION_SIZE

Space = dict[str, Any]


def dataset_id(folder: Path, otherwise: str) -> str:
    """The folder's name if it can be an id of Minari's, which looks a dataset up by its folder; else ``otherwise``."""
    return folder.name if re.fullmatch(r"[\w-]+-v\d+", folder.name) else otherwise


def write_metadata(data: Path, name: str, about: Mapping[str, Any]) -> None:
    """Write the metadata beside ``main_data.hdf5``; ``name`` is the dataset's id, ``about`` our own part of them."""
    with need("h5py").File(data / MAIN, "r") as file:
        groups = list(file.values())
        looks = groups[0]["observations"]
        fields: dict[str, Any] = {
            "total_episodes": len(groups),
            "total_steps": sum(int(group.attrs["total_steps"]) for group in groups),
            "data_format": "hdf5",
            "jpeg_encoding": False,
            "observation_space": json.dumps(_observation_space(looks)),
            "action_space": json.dumps(_box("float32", (ACTION_SIZE,), -1.0, 1.0)),
            "dataset_id": name,
            "minari_version": "0.5.4" if "images" in looks else "0.5.0",  # before 0.5.4, pictures were read as JPEG
            "algorithm_name": str(about.get("agent", "")),
            "dataset_size": round((data / MAIN).stat().st_size / 1e6, 1),
            "nsctl": dict(about),
        }
    (data / METADATA).write_text(json.dumps(fields), encoding="utf-8")


def _observation_space(looks: Any) -> Space:
    limit = float("inf")
    spaces = {name: _box("float32", looks[name].shape[1:], -limit, limit) for name in ("proprio", "objects")}
    films = {name: _box("uint8", film.shape[1:], 0, 255) for name, film in looks.get("images", {}).items()}
    return _dict({**spaces, "images": _dict(films)} if films else spaces)


def _dict(spaces: Mapping[str, Space]) -> Space:
    return {"type": "Dict", "subspaces": dict(spaces)}


def _box(dtype: str, shape: tuple[int, ...], low: float, high: float) -> Space:
    return {"type": "Box", "dtype": dtype, "shape": list(shape), "low": _full(shape, low), "high": _full(shape, high)}


def _full(shape: tuple[int, ...], value: float) -> Any:
    """Nested lists of one value: Minari reads no other form of a bound."""
    return value if not shape else [_full(shape[1:], value) for _ in range(shape[0])]
