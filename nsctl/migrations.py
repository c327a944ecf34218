"""Brings records of older schemas to today's, in memory: the files stay as they were written.

What an older record does not know is ``None`` or left out, never guessed. A step takes the fields of one schema and
gives those of the next; what it does not understand it passes on, for the model to refuse.

===== ==================================================================================================================
from  what the next schema changed
===== ==================================================================================================================
1     ``config.disturb`` was true or false; true meant a hand of strength 1. Events had no strength. The first records
      of schema 1 had neither ``code`` nor ``replay_sha256``
2     ``robot``, ``seconds.*.children``, ``grade`` and ``idle`` did not exist. The first records of schema 2 had neither
      ``looks`` nor ``config.skills``: there was nothing of the kind, so 0 and none are right
===== ==================================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nsctl.errors import RecordError
from nsctl.records import SCHEMA_VERSION

Fields = dict[str, Any]


def schema_of(fields: Any, where: str) -> int:
    """The schema of what is said to be a run; refuses what is no record, or of a schema that we do not know."""
    if not isinstance(fields, dict) or "schema_version" not in fields:
        raise RecordError(f"{where} is no run record: it has no schema_version")
    schema = fields["schema_version"]
    if type(schema) is not int or schema < 1:
        raise RecordError(f"{where} has schema_version {schema!r}; this nsctl reads 1 to {SCHEMA_VERSION}")
    if schema > SCHEMA_VERSION:
        raise RecordError(
            f"{where} has schema_version {schema}, and this nsctl reads 1 to {SCHEMA_VERSION}: "
            "read it with the nsctl that wrote it, or a newer one"
        )
    return schema


def migrate_run(fields: Fields, schema: int) -> Fields:
    """The fields of a ``run.json`` of an older schema, as today's has them; ``fields`` itself is left alone."""
    for step in RUN_STEPS[schema - 1 :]:
        fields = step(fields)
    return fields


def migrate_episode(fields: Fields, schema: int) -> Fields:
    """The same for a line of ``episodes.jsonl``, which takes its schema from the ``run.json`` beside it.

    So far no field of an episode was renamed or changed its meaning, and those that came later have a default that is
    true of older episodes: the steps change nothing.
    """
    for step in EPISODE_STEPS[schema - 1 :]:
        fields = step(fields)
    return fields


def _run_of_1(fields: Fields) -> Fields:
    config = fields.get("config")
    if isinstance(config, dict) and isinstance(config.get("disturb"), bool):
        hand = [{"kind": "hand", "strength": 1.0}]
        config = {**config, "disturb": hand if config["disturb"] else []}
    return {"code": None, "replay_sha256": None, **fields, "config": config, "schema_version": 2}


def _run_of_2(fields: Fields) -> Fields:
    return {**fields, "schema_version": 3}


def _unchanged(fields: Fields) -> Fields:
    return fields


RUN_STEPS: tuple[Callable[[Fields], Fields], ...] = (_run_of_1, _run_of_2)
"""The step from schema 1 first."""
EPISODE_STEPS: tuple[Callable[[Fields], Fields], ...] = (_unchanged, _unchanged)
