"""Where the page's figures come from: commands, seeds, machine, versions, and hashes of weights."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from energy.board.figures import number
from energy.headline.text import code, plain, table
from nsctl.records import IdleRecord
from nsctl.standings import Standing, Standings

SHOWN = 16
"""Hex digits of a hash; the record has all."""


def commands(found: Sequence[Standings]) -> str:
    """The commands that made the records, each once."""
    told = dict.fromkeys(shlex.join(member.stored.run.command) for member in _members(found))
    return "\n".join(f"    {line}" for line in told if line)


def records(found: Sequence[Standings]) -> str:
    """A line a record."""
    lines = []
    for member in _members(found):
        run = member.stored.run
        config, sealed = run.config, (run.episodes_sha256 or "")[:SHOWN]
        noise = f"{1000 * config.pose_noise:g} mm"
        asked = (
            str(config.episodes),
            str(config.seed),
            f"{config.engine} {run.world.get(config.engine, '')}".strip(),
            noise,
        )
        lines.append([config.task, code(member.name), *asked, run.grade or "none", code(run.id), code(sealed)])
    head = (
        "task",
        "agent",
        "episodes#",
        "seed#",
        "engine",
        "tracker's error",
        "grade",
        "record",
        "SHA-256 of its episodes",
    )
    return table(head, lines)


def machines(found: Sequence[Standings]) -> str:
    """Hardware, meters, versions and code, a line for each that differs."""
    told = dict.fromkeys(line for member in _members(found) for line in _facts(member))
    return "\n".join(f"- {line}" for line in told)


def weights(found: Sequence[Standings]) -> str:
    """Every set of weights that an agent told of: its hash, the agents and where they told it; empty if none did."""
    users: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for member in _members(found):
        for part, sha in hashes(member.stored.run.agent):
            agents, parts = users.setdefault(sha, ({}, {}))
            agents[code(member.name)], parts[plain(part)] = None, None
    lines = [[code(sha[:SHOWN]), ", ".join(parts), ", ".join(agents)] for sha, (agents, parts) in users.items()]
    return table(("SHA-256", "part", "agents"), lines) if lines else ""


def hashes(told: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every ``sha256`` in what an agent tells of itself, and where it stands."""
    for key, value in told.items():
        if key == "sha256" and isinstance(value, str):
            yield prefix.rstrip(".") or "agent", value
        elif isinstance(value, Mapping):
            yield from hashes(value, f"{prefix}{key}.")


def _facts(member: Standing) -> list[str]:
    run = member.stored.run
    machine, workers = run.hardware, run.config.workers
    memory = f", {machine.memory_bytes / 2**30:.0f} GiB" if machine.memory_bytes else ""
    hardware = f"{machine.cpu or 'unknown processor'}, {machine.cores or '?'} cores{memory}, {machine.gpu or 'no GPU'}"
    meters = ", ".join(f"{meter.name} ({meter.label})" for meter in run.meters if meter.counts) or "none counts"
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    git = f", commit {run.git.sha[:12]}{' with changes' if run.git.dirty else ''}" if run.git else ""
    return [
        f"machine: {plain(hardware)}; {workers} worker{'' if workers == 1 else 's'}",
        f"meters: {plain(meters)}",
        f"versions: {plain(versions)}",
        f"code: {code(run.code or 'unknown')}{git}",
        *([f"idle power: {_idle(run.idle)}"] if run.idle else []),
    ]


def _idle(idle: IdleRecord) -> str:
    """Watts with nothing to do: of the machine before and after the run, of GPUs before it."""
    looks = [
        f"{name} {number(watts)} W before, {number(idle.after.get(name))} W after"
        for name, watts in idle.before.items()
    ]
    looks += [f"{name} {number(watts)} W" for name, watts in idle.devices.items()]
    return plain(", ".join(looks)) + "; drifted" * idle.drift + "; contended" * idle.contended


def _members(found: Sequence[Standings]) -> Iterator[Standing]:
    return (member for each in found for member in each.members)
