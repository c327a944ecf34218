"""What others have found out about a record: attestations, kept beside it, and the tier that they add up to.

``verification.json`` in the record's folder is a list that only grows. Each entry holds the hashes of the files that it
is about, so that it says nothing of a record that was changed afterwards. It is as trustworthy as whoever wrote it: who
keeps a board writes his own.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError

from nsctl.errors import RecordError
from nsctl.files import hold, write_atomically
from nsctl.record_folder import EPISODES, RUN
from nsctl.records import HardwareRecord, Record, complaint

VERIFICATION = "verification.json"
Tier = Literal["self-reported", "checked", "re-run"]
TIERS: tuple[Tier, ...] = ("self-reported", "checked", "re-run")
"""From the least to the most that is known of a record."""
RERUN_EPISODES: Final = 10
"""Episodes that must be re-run for the tier of that name, or all if there are fewer."""
MAX_BYTES: Final = 4_000_000
PATIENCE = 5.0
"""Seconds to wait for another verification of the same record that is just being written."""


class CheckRecord(Record):
    """Something that must be true of a record, and whether it is."""

    name: str
    ok: bool
    sentence: str
    """What was found; where it is not ok, where and what would be right."""


class ReplayRecord(Record):
    """An episode that was played again: what of it is the same, to the last bit."""

    index: int = Field(ge=0)
    start: bool
    """The settled initial state."""
    success: bool
    """Whether it succeeded, once and at the end."""
    end: bool
    """The final state."""
    agrees: bool
    """Every field that repeats (:meth:`nsctl.records.EpisodeRecord.replayable`), the three above among them."""
    difference: str
    """The first difference in the order of events; empty where there is none."""


class ChangeRecord(Record):
    """Something that decides an episode and was not the same at the verification as in the record."""

    what: str
    was: str
    here: str


class Attestation(Record):
    """What one verification found."""

    when: str
    """ISO 8601, UTC."""
    by: str
    """Who answers for it; empty where nobody was named. No host is named."""
    nsctl: str
    """Version; ``code`` is :func:`nsctl.provenance.code`."""
    code: str
    hardware: HardwareRecord
    run_sha256: str
    episodes_sha256: str
    """SHA-256 of the two files that were verified, as they lay there."""
    episodes: int = Field(ge=0)
    """Episodes that the record holds."""
    checks: tuple[CheckRecord, ...]
    seed: int
    """Decides which episodes were taken."""
    replays: tuple[ReplayRecord, ...]
    changes: tuple[ChangeRecord, ...]

    @property
    def consistent(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    @property
    def agrees(self) -> bool:
        """Whether every episode that was re-run agrees (also where none was)."""
        return all(replay.agrees for replay in self.replays)

    @property
    def contradicts(self) -> bool:
        """Whether an episode differs although nothing that decides it has changed."""
        return not self.agrees and not self.changes

    @property
    def tier(self) -> Tier:
        """What this verification by itself makes of the record."""
        if not self.consistent or self.contradicts:
            return "self-reported"
        enough = 0 < min(RERUN_EPISODES, self.episodes) <= len({replay.index for replay in self.replays})
        return "re-run" if enough and self.agrees else "checked"


class Verification(Record):
    """``verification.json``."""

    schema_version: Literal[1] = 1
    attestations: tuple[Attestation, ...] = ()


def tier(folder: Path | str) -> Tier:
    """The tier of the record in ``folder``: the best that an attestation of these very files comes to.

    It is ``self-reported`` if there is none, if the latest found an inconsistency, or if any found an episode to differ
    that ought not to: whoever has contradicted a record is not outvoted by luckier samples.
    """
    folder = Path(folder)
    return tier_of(read_verification(folder), *hashes(folder))


def tier_of(verification: Verification, run_sha256: str, episodes_sha256: str) -> Tier:
    """The same for files of these hashes."""
    wanted = (run_sha256, episodes_sha256)
    found = [each for each in verification.attestations if (each.run_sha256, each.episodes_sha256) == wanted]
    if not found or not found[-1].consistent or any(each.contradicts for each in found):
        return "self-reported"
    return max((each.tier for each in found), key=TIERS.index)


def hashes(folder: Path) -> tuple[str, str]:
    """SHA-256 of ``run.json`` and of ``episodes.jsonl``, as they lie there."""
    try:
        found = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (RUN, EPISODES)]
    except OSError as error:
        raise RecordError(f"{folder} is no whole record: {error.filename} cannot be read") from error
    return found[0], found[1]


def read_verification(folder: Path) -> Verification:
    """The attestations in ``folder``; none where there is no file."""
    path = folder / VERIFICATION
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise RecordError(f"{path} has {size} bytes, more than the {MAX_BYTES} that are read: set it aside")
        return Verification.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Verification()
    except ValidationError as error:
        raise RecordError(f"{path} is not a valid Verification: {complaint(error)}: set it aside") from None


def attest(folder: Path, attestation: Attestation) -> Verification:
    """Put one more attestation beside the record; those before stay as they are."""
    with _alone(folder):
        before = read_verification(folder)
        after = before.model_copy(update={"attestations": (*before.attestations, attestation)})
        write_atomically(folder / VERIFICATION, (after.model_dump_json(indent=2) + "\n").encode())
    return after


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the record's ``run.json``, so that of two verifications none is lost."""
    with (folder / RUN).open("rb") as file:
        deadline = time.monotonic() + PATIENCE
        while not hold(file):
            if time.monotonic() > deadline:
                raise RecordError(f"{folder} is being verified by another nsctl")
            time.sleep(0.05)
        yield
