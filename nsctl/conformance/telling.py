"""What a part says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nsctl.conformance.report import Failed, require
from nsctl.records import plain


def listed(names: Iterable[str], most: int = 5) -> str:
    """The first of these names, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more if every else "nothing"


def description(made: Any, *keys: str) -> Mapping[str, Any]:
    """What ``made.describe()`` gives, which must be JSON, the same each time, and name these keys."""
    told = made.describe()
    require(isinstance(told, Mapping), f"describe() gave {told!r}; a dictionary is right.")
    try:
        fields: dict[str, Any] = plain(dict(told))
    except (TypeError, ValueError) as error:
        raise Failed(
            f"describe() gave what no record can hold ({error}); texts, numbers, lists of them are right."
        ) from error
    require(fields == plain(dict(made.describe())), "describe() told two things in a row; a record needs one.")
    missing = [key for key in keys if key not in fields]
    require(not missing, f"describe() must name {', '.join(missing)}; it names {', '.join(fields) or 'nothing'}.")
    return fields
