"""Which records go onto a board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nsctl.errors import InvalidValue, RecordError
from nsctl.record_folder import RUN, StoredRun, read_record


def gather(places: Sequence[Path]) -> tuple[list[StoredRun], dict[str, str]]:
    """Complete records at ``places``, each a record or a folder of records, and why others there are left out.

    A record that is named itself is refused if it is not complete; so are places without a single complete record.
    """
    found: dict[Path, StoredRun] = {}
    skipped: dict[str, str] = {}
    for place in places:
        if (place / RUN).is_file():
            found[place.resolve()] = _complete(place)
            continue
        if not place.is_dir():
            raise InvalidValue(
                f"there is no record and no folder of records at {place}: `nsctl run hanoi-3` makes one in runs"
            )
        for path in sorted(path.parent for path in place.glob(f"*/{RUN}")):
            try:
                found[path.resolve()] = _complete(path)
            except RecordError as error:
                skipped[str(path)] = str(error)
    if not found:
        where = ", ".join(map(str, places))
        why = f"; of {len(skipped)} left out, the first: {next(iter(skipped.values()))}" if skipped else ""
        raise InvalidValue(f"there is no complete record in {where}{why or ': `nsctl run hanoi-3` makes one'}")
    return list(found.values()), skipped


def _complete(path: Path) -> StoredRun:
    stored = read_record(path)
    if stored.run.status != "complete":
        raise RecordError(
            f"{path} is {stored.run.status}, with {len(stored.episodes)} of {stored.run.config.episodes} episodes, and a "
            "board shows complete runs alone: `nsctl run --resume` goes on with it"
        )
    return stored
