"""How LeRobotDataset v3.0 lays a dataset out: paths, features, tables. Written from its published layout.

::

    meta/info.json                          counts, frames a second, path patterns, features
    meta/stats.json                         min, max, mean, std and count of each feature
    meta/tasks.parquet                      instruction (index) -> task_index
    meta/subtasks.parquet                   text of an operator (index) -> subtask_index
    meta/episodes/chunk-000/file-000.parquet  a row an episode: where its frames are, and its own statistics
    data/chunk-000/file-000.parquet         a row a frame, a row group an episode, files of about 100 MB

A frame is what was seen and the action that followed. Pictures are PNG inside the table (dtype ``image``): exact, and
without a video decoder. What LeRobot has no column for stands under ``nsctl/`` in the episodes' table, the last look of
an episode included, so that nothing is lost on the way there and back.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from nsctl.demos.demonstration import ACTION, Pictures
from nsctl.demos.libraries import need
from nsctl.observation_arrays import POSE, PROPRIO

VERSION = "v3.0"
CHUNK_FILES, DATA_MB = 1000, 100
"""Files in a chunk, and how large a file may grow; the format's defaults."""
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
INFO, STATS, TASKS, SUBTASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet", "meta/subtasks.parquet"
ABOUT = "meta/nsctl.json"
STATE, OBJECTS, PICTURE, ACTIONS = "observation.state", "observation.environment_state", "observation.images.", "action"
OWN = "nsctl/"
COUNTERS = ("frame_index", "episode_index", "index", "task_index", "subtask_index")

Feature = dict[str, Any]


def features(bodies: Sequence[str], pictures: Mapping[str, tuple[int, ...]]) -> dict[str, Feature]:
    """The features of a dataset with these bodies, and cameras with pictures of these shapes."""
    poses = [f"{body}.{part}" for body in bodies for part in POSE]
    return {
        STATE: _feature("float32", (len(PROPRIO),), list(PROPRIO)),
        **({OBJECTS: _feature("float32", (len(poses),), poses)} if poses else {}),
        **{PICTURE + name: _feature("image", s, ["height", "width", "channels"]) for name, s in pictures.items()},
        ACTIONS: _feature("float32", (len(ACTION),), list(ACTION)),
        "next.reward": _feature("float32", (1,), None),
        "next.done": _feature("bool", (1,), None),
        "timestamp": _feature("float32", (1,), None),
        **{name: _feature("int64", (1,), None) for name in COUNTERS},
    }


def _feature(dtype: str, shape: tuple[int, ...], names: list[str] | None) -> Feature:
    return {"dtype": dtype, "shape": list(shape), "names": names}


def column(feature: Feature, values: Any) -> Any:
    """A column of a table: PNG pictures, vectors of fixed length, or single numbers."""
    pa = need("pyarrow")
    if feature["dtype"] == "image":
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        return pa.array([{"bytes": png(picture), "path": None} for picture in values], kind)
    kind = {"float32": pa.float32(), "int64": pa.int64(), "bool": pa.bool_()}[feature["dtype"]]
    size = feature["shape"][0]
    if size == 1:
        return pa.array(np.asarray(values).reshape(-1), kind)
    return pa.FixedSizeListArray.from_arrays(pa.array(np.asarray(values).reshape(-1), kind), size)


def vectors(stored: Any, size: int) -> Any:
    """A column of vectors as float32 [rows, size]."""
    flat = stored.combine_chunks().flatten()
    return np.array(flat.to_numpy(zero_copy_only=False), dtype=np.float32).reshape(-1, size)


def png(picture: Pictures) -> bytes:
    """A picture uint8 [height, width, 3] as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def picture(encoded: bytes) -> Pictures:
    """The picture uint8 [height, width, 3] in a PNG or JPEG."""
    with Image.open(io.BytesIO(encoded)) as image:
        return np.array(image.convert("RGB"), dtype=np.uint8)


def names_table(texts: Sequence[str], name: str) -> Any:
    """Texts and their numbers, with the texts as the index of the pandas frame that LeRobot reads."""
    pa = need("pyarrow")
    table = pa.table({f"{name}_index": pa.array(range(len(texts)), pa.int64()), name: pa.array(texts, pa.string())})
    columns = [_pandas_column(f"{name}_index", "int64", "int64"), _pandas_column(name, "unicode", "object")]
    about = {
        "index_columns": [name],
        "column_indexes": [],
        "columns": columns,
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    return table.replace_schema_metadata({"pandas": json.dumps(about)})


def _pandas_column(name: str, kind: str, numpy_kind: str) -> dict[str, Any]:
    return {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_kind, "metadata": None}


def next_file(chunk: int, file: int) -> tuple[int, int]:
    """Chunk and number of the file after this one."""
    return (chunk + 1, 0) if file + 1 == CHUNK_FILES else (chunk, file + 1)
