"""The JSON Schema of records, as it is published in ``docs/schema``: one file for each of the two files of a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nsctl.files import make_folder, write_atomically
from nsctl.records import SCHEMA_VERSION, json_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLES = {
    "run": f"run.json of an nsctl record, schema {SCHEMA_VERSION}",
    "episode": f"A line of episodes.jsonl of an nsctl record, schema {SCHEMA_VERSION}",
}


def published() -> dict[str, Any]:
    """The schemas ``run`` and ``episode``, each whole in itself."""
    return {name: {"$schema": DIALECT, **schema, "title": TITLES[name]} for name, schema in json_schema().items()}


def write(folder: Path) -> list[Path]:
    """Write ``run.schema.json`` and ``episode.schema.json`` into a folder."""
    make_folder(folder, "schema")
    paths = []
    for name, schema in published().items():
        paths.append(folder / f"{name}.schema.json")
        write_atomically(paths[-1], (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode())
    return paths
