"""Attestations: a list that only grows, about these very files, and the tier that it comes to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from samples import make_episode, make_run

from nsctl import verification
from nsctl.errors import RecordError
from nsctl.files import hold
from nsctl.record_folder import RecordWriter
from nsctl.records import HardwareRecord
from nsctl.verification import (
    Attestation,
    ChangeRecord,
    CheckRecord,
    ReplayRecord,
    Verification,
    attest,
    hashes,
    read_verification,
    tier,
    tier_of,
)

CHANGED = (ChangeRecord(what="code", was="'a'", here="'b'"),)


def replays(agreeing: int, differing: int = 0) -> tuple[ReplayRecord, ...]:
    return tuple(
        ReplayRecord(index=i, start=True, success=True, end=i < agreeing, agrees=i < agreeing, difference="")
        for i in range(agreeing + differing)
    )


def found(episodes: int = 20, **fields: Any) -> Attestation:
    given = {
        "when": "2026-01-01T00:00:00+00:00",
        "by": "",
        "nsctl": "0.1.0",
        "code": "c0de",
        "hardware": HardwareRecord(cpu=None, cores=1, memory_bytes=None, gpu=None),
        "run_sha256": "r",
        "episodes_sha256": "e",
        "episodes": episodes,
        "checks": (CheckRecord(name="complete", ok=True, sentence="all there"),),
        "seed": 0,
        "replays": (),
        "changes": (),
    }
    return Attestation(**{**given, **fields})


BROKEN = found(checks=(CheckRecord(name="complete", ok=False, sentence="2 are missing"),), replays=replays(10))
CONTRADICTED = found(replays=replays(9, 1))
CHECKED = found(replays=replays(3))
RERUN = found(replays=replays(10))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with RecordWriter.create(tmp_path, make_run()) as writer:
        for index in range(3):
            writer.append(make_episode(index))
        writer.complete()
    return tmp_path / "r"


@pytest.mark.parametrize(
    ("attestation", "expected"),
    [
        (found(), "checked"),
        (found(replays=replays(9)), "checked"),
        (RERUN, "re-run"),
        (found(episodes=3, replays=replays(3)), "re-run"),
        (found(episodes=3, replays=replays(2)), "checked"),
        (found(episodes=0), "checked"),
        (found(replays=(*replays(9), *replays(1))), "checked"),
        (found(replays=replays(10), changes=CHANGED), "re-run"),
        (found(replays=replays(9, 1), changes=CHANGED), "checked"),
        (CONTRADICTED, "self-reported"),
        (BROKEN, "self-reported"),
    ],
)
def test_what_one_verification_makes_of_a_record(attestation: Attestation, expected: str) -> None:
    assert attestation.tier == expected


@pytest.mark.parametrize(
    ("attestations", "expected"),
    [
        ([], "self-reported"),
        ([CHECKED, RERUN, CHECKED], "re-run"),
        ([BROKEN, CHECKED], "checked"),
        ([RERUN, BROKEN], "self-reported"),
        ([CONTRADICTED, RERUN, RERUN], "self-reported"),
        ([RERUN.model_copy(update={"episodes_sha256": "other"}), CHECKED], "checked"),
        ([RERUN.model_copy(update={"run_sha256": "other"})], "self-reported"),
        ([CONTRADICTED.model_copy(update={"run_sha256": "other"}), RERUN], "re-run"),
    ],
)
def test_the_tier_of_several(attestations: Sequence[Attestation], expected: str) -> None:
    assert tier_of(Verification(attestations=tuple(attestations)), "r", "e") == expected


def test_the_list_only_grows(folder: Path) -> None:
    assert tier(folder) == "self-reported"
    own = dict(zip(("run_sha256", "episodes_sha256"), hashes(folder), strict=True))
    attest(folder, CHECKED.model_copy(update=own))
    assert tier(folder) == "checked"
    before = (folder / "verification.json").read_text()
    attest(folder, found(episodes=3, replays=replays(3), **own))
    assert tier(folder) == "re-run"
    assert (folder / "verification.json").read_text().startswith(before.rstrip().removesuffix("]\n}").rstrip())


@pytest.mark.parametrize("name", ["run.json", "episodes.jsonl"])
def test_a_record_that_was_changed_afterwards_is_self_reported_again(folder: Path, name: str) -> None:
    own = dict(zip(("run_sha256", "episodes_sha256"), hashes(folder), strict=True))
    attest(folder, found(episodes=3, replays=replays(3), **own))
    assert tier(folder) == "re-run"
    with (folder / name).open("a") as file:
        file.write("\n")
    assert tier(folder) == "self-reported"


def test_verifications_at_once_are_all_kept(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: attest(folder, found(seed=seed)), range(16)))
    assert sorted(a.seed for a in read_verification(folder).attestations) == list(range(16))


def test_a_verification_waits_for_another_but_not_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "PATIENCE", 0.1)
    with (folder / "run.json").open("rb") as other:
        assert hold(other)
        with pytest.raises(RecordError, match="r is being verified by another nsctl"):
            attest(folder, found())
    assert not (folder / "verification.json").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"verification\.json is not a valid Verification: the whole: Invalid JSON.*: set it aside"),
        ('{"attestations": [{}]}', r"is not a valid Verification: attestations\.0\.when: Field required"),
        ('{"schema_version": 2}', r"is not a valid Verification: schema_version: Input should be 1"),
        ('{"tier": "re-run"}', r"is not a valid Verification: tier: Extra inputs are not permitted"),
        ('{"attestations": []}' + " " * 5_000_000, r"has 5000020 bytes, more than the 4000000 that are read"),
    ],
)
def test_a_file_that_is_no_verification_is_refused_and_left_alone(folder: Path, text: str, message: str) -> None:
    (folder / "verification.json").write_text(text)
    with pytest.raises(RecordError, match=message):
        tier(folder)
    with pytest.raises(RecordError, match=message):
        attest(folder, found())
    assert (folder / "verification.json").read_text() == text


def test_what_is_no_record_has_no_tier(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"is no whole record: .*run\.json cannot be read"):
        tier(tmp_path)


def test_no_host_is_named() -> None:
    assert not {"host", "hostname", "user"} & set(json.loads(found().model_dump_json()))
