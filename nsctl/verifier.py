"""Verifies a record: checks it as it stands, and plays some of its episodes again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nsctl import provenance
from nsctl.changes import changes
from nsctl.errors import InvalidValue, NsctlError
from nsctl.evaluation import config_of, new_run
from nsctl.plausibility import check
from nsctl.player import Player
from nsctl.record_folder import StoredRun, read_record
from nsctl.records import EpisodeRecord, RunRecord, privilege
from nsctl.verification import Attestation, ChangeRecord, CheckRecord, ReplayRecord, hashes

Told = Callable[[int, int], None]
"""Is told how many of how many episodes have been re-run."""
ORDER = ("initial_hash", "plan_length", "disturbances", "skills", "steps", "outcome", "final_hash")
"""Fields in the order of events, in which a difference is looked for; the others follow."""
ABSENT = object()


def verify(
    folder: Path, sample: int, seed: int, by: str = "", told: Told = lambda done, of: None
) -> tuple[StoredRun, Attestation]:
    """Check the record in ``folder`` and re-run ``sample`` of its episodes, which ``seed`` picks. Writes nothing.

    Raises :class:`nsctl.errors.RecordError` for what is no whole record, and :class:`nsctl.errors.NsctlError` where a
    part that the episodes need is not installed.
    """
    if sample < 0:
        raise InvalidValue(f"sample must be >= 0, got {sample}")
    run_sha256, episodes_sha256 = hashes(folder)
    stored = read_record(folder)
    checks = check(stored)
    picked = pick(stored.episodes, sample, seed)
    played, here, replays = _replay(stored.run, picked, told)
    return stored, Attestation(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        by=by,
        nsctl=provenance.versions()["nsctl"],
        code=provenance.code(),
        hardware=provenance.hardware(),
        run_sha256=run_sha256,
        episodes_sha256=episodes_sha256,
        episodes=len(stored.episodes),
        checks=(*checks, *played),
        seed=seed,
        replays=replays,
        changes=here,
    )


def pick(episodes: Sequence[EpisodeRecord], sample: int, seed: int) -> list[EpisodeRecord]:
    """``sample`` of the episodes, or all if there are fewer, in the order of their index."""
    drawn = random.Random(seed).sample(episodes, min(sample, len(episodes)))
    return sorted(drawn, key=lambda episode: episode.index)


def compare(recorded: EpisodeRecord, played: EpisodeRecord) -> ReplayRecord:
    """What of an episode was the same when it was played again."""
    why = difference(recorded, played)
    return ReplayRecord(
        index=recorded.index,
        start=recorded.initial_hash == played.initial_hash,
        success=(recorded.success_once, recorded.success_at_end) == (played.success_once, played.success_at_end),
        end=recorded.final_hash == played.final_hash,
        agrees=not why,
        difference=why,
    )


def difference(recorded: EpisodeRecord, played: EpisodeRecord) -> str:
    """Where two episodes that ought to be the same first differ; empty where they do not.

    A field that the record does not know, because it is older than the field, is not compared.
    """
    known, now = recorded.replayable(), played.replayable()
    for name in dict.fromkeys((*ORDER, *known)):
        if name in recorded.model_fields_set and not (name == "robot" and recorded.robot is None):
            for place, was, is_now in _differences(known[name], now[name], name):
                return f"{place}: {_short(was)}, now {_short(is_now)}"
    return ""


def _differences(was: Any, now: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Leaves that differ: where, what was recorded and what was played."""
    if isinstance(was, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*was, *now)):
            yield from _differences(was.get(name, ABSENT), now.get(name, ABSENT), f"{place}.{name}")
    elif isinstance(was, list) and isinstance(now, list):
        for number in range(max(len(was), len(now))):
            one, other = (side[number] if number < len(side) else ABSENT for side in (was, now))
            yield from _differences(one, other, f"{place}.{number}")
    elif was != now:
        yield place, was, now


def _short(value: Any) -> str:
    text = "absent" if value is ABSENT else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _replay(
    run: RunRecord, picked: Sequence[EpisodeRecord], told: Told
) -> tuple[tuple[CheckRecord, ...], tuple[ChangeRecord, ...], tuple[ReplayRecord, ...]]:
    """What the world says against the record, what is not here as it was there, and how each of the episodes goes here."""
    if not picked:
        return (), (), ()
    try:
        player = Player(config_of(run))
    except NsctlError as error:
        raise NsctlError(f"nothing can be re-run: {error}; --sample 0 checks the record without") from error
    try:
        here, seen = _changed(run, player), privilege(player.channels)
        replays = []
        for done, recorded in enumerate(picked, start=1):
            replays.append(compare(recorded, player(recorded.index)))
            told(done, len(picked))
    finally:
        player.close()
    right = f"the world that was played in makes it {seen}"
    wrong = f"the record says {run.privilege}, the world that was played in makes it {seen}"
    ok = run.privilege == seen
    return (CheckRecord(name="class", ok=ok, sentence=right if ok else wrong),), here, tuple(replays)


def _changed(run: RunRecord, player: Player) -> tuple[ChangeRecord, ...]:
    found = changes(run, new_run(config_of(run), player))
    return tuple(ChangeRecord(what=what, was=_short(was), here=_short(now)) for what, (was, now) in found.items())
