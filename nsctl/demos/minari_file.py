"""Demonstrations in HDF5, laid out as Minari 0.5 reads them offline.

``data/main_data.hdf5`` has a group ``episode_<i>`` for each demonstration::

    observations/proprio        float32 [T + 1, 23]
    observations/objects        float32 [T + 1, n, 7]
    observations/images/<name>  uint8 [T + 1, height, width, 3]
    actions                     float32 [T, 7]
    rewards                     float32 [T], 1 at the last step
    terminations, truncations   bool [T], terminated at the last step
    infos/subgoal               UTF-8 [T + 1], what the step from here serves; empty at the last look

and the attributes ``id``, ``seed``, ``total_steps`` (Minari's), ``episode``, ``instruction``, ``initial_hash``,
``bodies``, ``operators`` and ``disturbances`` (JSON). Pictures are deflated, not JPEG: of plain surfaces that is as
small, exact, and quicker to read. A chunk holds a few steps, so that a part of an episode can be read without the rest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from nsctl.demos.demonstration import Demonstration, Heading
from nsctl.demos.libraries import need
from nsctl.files import put_in_place

CHUNK, NUMBERS_CHUNK = 16, 64
"""Control steps whose pictures are compressed together, and whose numbers are."""
MAIN, METADATA = "main_data.hdf5", "metadata.json"
PART = "part"
_LEVEL = 4  # of 9: a quarter smaller than 1, as quick to read


def part_path(parts: Path, number: int) -> Path:
    """Where the demonstration of this episode waits until the recording is complete."""
    return parts / f"{number:06d}.hdf5"


def write_part(parts: Path, shown: Demonstration) -> None:
    """Put a demonstration into a file of its own; it is there as a whole or not at all."""
    path = part_path(parts, shown.heading.number)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    with need("h5py").File(draft, "w") as file:
        put(file.create_group(PART), shown)
    put_in_place(draft, path)


def put(group: Any, shown: Demonstration, index: int = 0) -> None:
    """Fill a group of an HDF5 file with the demonstration of this place in a dataset."""
    head, steps = shown.heading, len(shown)
    last = np.arange(steps) == steps - 1
    arrays = {
        "observations/proprio": shown.proprio,
        "observations/objects": shown.objects,
        **{f"observations/images/{name}": film for name, film in shown.images.items()},
        "actions": shown.actions,
        "rewards": last.astype(np.float32),
        "terminations": last,
        "truncations": np.zeros(steps, dtype=bool),
    }
    for name, array in arrays.items():
        put_array(group, name, array)
    _put_texts(group, "infos/subgoal", [*shown.subgoals, ""])
    group.attrs.update(
        {
            "id": index,
            "seed": head.seed,
            "episode": head.number,
            "total_steps": steps,
            "instruction": head.instruction,
            "initial_hash": head.initial_hash,
            "bodies": json.dumps(head.bodies),
            "operators": json.dumps([dict(step) for step in head.operators]),
            "disturbances": json.dumps([dict(event) for event in head.disturbances]),
        }
    )


def heading(group: Any) -> Heading:
    """What a group says of its demonstration as a whole."""
    attributes = group.attrs
    return Heading(
        number=int(attributes["episode"]),
        seed=int(attributes["seed"]),
        instruction=str(attributes["instruction"]),
        initial_hash=str(attributes["initial_hash"]),
        bodies=tuple(json.loads(attributes["bodies"])),
        operators=tuple(json.loads(attributes["operators"])),
        disturbances=tuple(json.loads(attributes["disturbances"])),
    )


def get(group: Any) -> Demonstration:
    """The demonstration in a group of an HDF5 file."""
    looks = group["observations"]
    return Demonstration(
        heading(group),
        proprio=looks["proprio"][:],
        objects=looks["objects"][:],
        images={name: film[:] for name, film in looks.get("images", {}).items()},
        actions=group["actions"][:],
        subgoals=texts(group["infos/subgoal"][:-1]),
    )


def texts(stored: Any) -> tuple[str, ...]:
    """Texts from the bytes that HDF5 gives."""
    return tuple(text.decode() for text in stored.tolist())


def gather(target: Path, sources: Iterable[tuple[Path, str]]) -> None:
    """Copy groups of other files, compressed as they are, to ``episode_0``, ``episode_1``, ...

    ``target`` is replaced at the end, so that it may be among the sources.
    """
    h5py = need("h5py")
    draft = target.with_suffix(".tmp")
    with h5py.File(draft, "w") as file:
        for index, (path, name) in enumerate(sources):
            with h5py.File(path, "r") as source:
                source.copy(name, file, f"episode_{index}")
            file[f"episode_{index}"].attrs.modify("id", index)  # in place: old and new parts give the same bytes
    put_in_place(draft, target)


def put_array(group: Any, name: str, array: Any) -> None:
    """Keep an array deflated, a few steps in a chunk."""
    if array.size == 0:  # no bodies are observed: nothing to compress
        group.create_dataset(name, data=array)
        return
    chunks = (min(CHUNK if array.ndim > 3 else NUMBERS_CHUNK, len(array)), *array.shape[1:])
    group.create_dataset(
        name, data=array, chunks=chunks, compression="gzip", compression_opts=_LEVEL, shuffle=array.itemsize > 1
    )


def _put_texts(group: Any, name: str, values: list[str]) -> None:
    """Texts of one length, padded: HDF5 compresses these, and texts of any length it does not."""
    data = np.array([text.encode() for text in values])  # bytes [T + 1]
    chunks = (min(NUMBERS_CHUNK, len(data)),)
    group.create_dataset(name, data=data, chunks=chunks, compression="gzip", compression_opts=_LEVEL)
