"""The published JSON Schema is today's, and says of records what our own reader says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from samples import make_episode, make_run

from nsctl.record_schema import published, write

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "schema"
GOLDEN = Path(__file__).parent / "records" / "schema-3"


def test_what_is_published_is_what_the_command_writes(tmp_path: Path) -> None:
    """If not: nsctl runs schema --out docs/schema."""
    made = write(tmp_path)
    assert sorted(path.name for path in made) == sorted(path.name for path in PUBLISHED.iterdir())
    for path in made:
        assert path.read_bytes() == (PUBLISHED / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", ["run", "episode"])
def test_it_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(published()[name])


def test_real_records_fit() -> None:
    schemas = published()
    jsonschema.validate(json.loads((GOLDEN / "run.json").read_text()), schemas["run"])
    for line in (GOLDEN / "episodes.jsonl").read_text().splitlines():
        jsonschema.validate(json.loads(line), schemas["episode"])
    jsonschema.validate(json.loads(make_run().model_dump_json()), schemas["run"])


@pytest.mark.parametrize(
    "fields", [{"schema_version": 2}, {"status": "done"}, {"stauts": "x"}, {"grade": "E"}, {"config": {}}]
)
def test_a_run_that_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(make_run().model_dump_json()), **fields}, published()["run"])


@pytest.mark.parametrize(
    "fields", [{"index": -1}, {"steps": "10"}, {"seed": None}, {"joules": {"plan": 3.0}}, {"x": 1}]
)
def test_an_episode_that_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(make_episode().model_dump_json()), **fields}, published()["episode"])
