"""Checks of boards, on a record that is made up for it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nsctl.conformance.report import Checklist, require, require_members
from nsctl.phases import PHASES
from nsctl.record_folder import RecordWriter
from nsctl.records import (
    ConfigRecord,
    EpisodeRecord,
    FigureRecord,
    HardwareRecord,
    OutcomeRecord,
    PhaseSeconds,
    RunRecord,
)

TITLE = "A board <of one> & only run"


def examine_board(board: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """It writes a page of a record, the same for the same record, and changes nothing but its own folder."""
    checklist.check("writes a page", lambda: _writes(board))


def _writes(board: Any) -> str:
    require_members(board, ("name", "build"), "Board")
    with tempfile.TemporaryDirectory() as place:
        folder = _record(Path(place) / "runs")
        before = _content(folder)
        pages = [Path(board.build([folder], Path(place) / out, title=TITLE)) for out in ("one", "other")]
        for page, out in zip(pages, ("one", "other"), strict=True):
            require(page.is_file(), f"build() must return the file that it wrote, got {page}.")
            require(Path(place, out) in page.parents, f"{page.name} must lie in the folder that was asked for.")
        first, second = (page.read_bytes() for page in pages)
        require(first == second, "The same record must give the same page.")
        require(_content(folder) == before, "build() must leave the record as it is.")
        return f"A page of {len(first):,} bytes, the same twice."


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _record(runs: Path) -> Path:
    """A complete record of two episodes, one of which succeeded."""
    run = RunRecord(
        id="20260101T000000Z-made-up-nobody-0a1b2c",
        status="running",
        command=("nsctl", "run", "made-up"),
        config=ConfigRecord(
            task="made-up", task_version=1, protocol="0", agent="nobody", engine="none", episodes=2, seed=0, disturb=(),
            pose_noise=0.0, workers=1,
        ),
        agent={},
        world={},
        privilege="pixels",
        versions={},
        code="0",
        hardware=HardwareRecord(cpu=None, cores=None, memory_bytes=None, gpu=None),
        meters=(),
        carbon=(),
        git=None,
        started="2026-01-01T00:00:00+00:00",
        ended=None,
        wall_seconds=None,
        episodes_sha256=None,
        replay_sha256=None,
    )  # fmt: skip
    with RecordWriter.create(runs, run) as writer:
        for index in range(2):
            writer.append(_episode(run.id, index))
        writer.complete(ended="2026-01-01T00:01:00+00:00", wall_seconds=60.0)
    return writer.folder


def _episode(run: str, index: int) -> EpisodeRecord:
    joule = FigureRecord(value=1.0, label="modelled", source="modelled")
    return EpisodeRecord(
        run=run,
        task="made-up",
        index=index,
        seed=0,
        initial_hash=None,
        final_hash=None,
        outcome=OutcomeRecord(status="failed" if index else "succeeded", reason="gave up" if index else ""),
        success_once=not index,
        success_at_end=not index,
        steps=7,
        plan_length=None,
        plans=0,
        replans=0,
        retries=0,
        skills=(),
        disturbances=(),
        seconds=dict.fromkeys(PHASES, PhaseSeconds(wall=1.0, cpu=1.0)),
        joules=dict.fromkeys((*PHASES, "agent", "total"), joule),
    )
