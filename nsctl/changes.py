"""What has changed between two runs that ought to be the same: choices, parts, versions, code, processor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nsctl.records import RunRecord

Changes = Mapping[str, tuple[Any, Any]]
"""By a name for people, such as ``agent skills.pick.kind``: what it was and what it is."""


def changes(before: RunRecord, now: RunRecord) -> Changes:
    """What decides an episode or its joules and is not the same in both, in the order in which people ask for it.

    The processor is part of it: it does not decide what an agent does, short of rounding; it decides seconds and joules.
    """
    old, new = _decisive(before), _decisive(now)
    names = dict.fromkeys((*old, *new))
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _decisive(run: RunRecord) -> dict[str, Any]:
    fields = run.model_dump()
    parts = {name: _flat(fields[name]) for name in ("config", "versions", "agent", "world")}
    named = {f"{name} {key}": value for name, part in parts.items() for key, value in sorted(part.items())}
    return {**named, "code": run.code, "hardware cpu": run.hardware.cpu}


def _flat(fields: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(fields, dict):
        return {prefix.rstrip("."): fields}
    return {key: value for name, part in fields.items() for key, value in _flat(part, f"{prefix}{name}.").items()}
