"""Where a run comes from: what its record says of agent, machine, meters and code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from energy.board.figures import number, plural
from energy.board.markup import Html, joined, tag
from energy.board.rows import Row


def origin(row: Row) -> Html:
    """Command, parts, machine, versions and hashes of a run, as a list of terms."""
    pairs = [(name, told) for name, told in _facts(row) if told]
    return tag("dl", *(joined([tag("dt", name), tag("dd", told)]) for name, told in pairs))


def _facts(row: Row) -> list[tuple[str, Any]]:
    run, machine = row.run, row.run.hardware
    git = f"{run.git.sha[:12]}{' with changes' if run.git.dirty else ''}" if run.git else ""
    meters = ", ".join(f"{meter.name} ({meter.label})" for meter in run.meters if meter.counts)
    memory = f", {machine.memory_bytes / 2**30:.0f} GiB" if machine.memory_bytes else ""
    return [
        ("command", tag("code", " ".join(run.command)) if run.command else ""),
        ("record", tag("code", run.id)),
        ("started", run.started),
        ("sees", f"{run.privilege} ({row.setting.conditions})"),
        ("agent", _parts(run.agent)),
        ("machine", f"{row.setting.hardware}{memory}; {plural(run.config.workers, 'worker')}"),
        ("meters", meters or "none counts"),
        ("idle", _idle(row)),
        ("carbon", _carbon(run.carbon)),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
        ("code", f"{run.code}{', commit ' + git if git else ''}"),
        ("replay", tag("code", run.replay_sha256) if run.replay_sha256 else ""),
        ("protocol", tag("code", run.config.protocol)),
    ]


def _parts(agent: Mapping[str, Any]) -> str:
    """The agent's parameters and the beginnings of its weights' hashes."""
    skills = agent.get("skills")
    weights = {
        str(skill["sha256"]): skill.get("parameters")
        for skill in (skills.values() if isinstance(skills, dict) else ())
        if isinstance(skill, dict) and "sha256" in skill
    }
    told = str(agent.get("part", ""))
    if weights:
        known = [size for size in weights.values() if isinstance(size, int)]
        told += f"; {sum(known):,} parameters in weights {', '.join(sha[:8] for sha in weights)}"
    return told


def _idle(row: Row) -> str:
    idle = row.run.idle
    if idle is None or not idle.before:
        return ""
    watts = ", ".join(
        f"{name} {number(before)} W before, {number(idle.after.get(name))} W after"
        for name, before in idle.before.items()
    )
    flags = [word for word, raised in (("drifted", idle.drift), ("contended", idle.contended)) if raised]
    watts += f"; the agent's joules net of it: {number(row.net)} an episode"
    return watts + (f" ({', '.join(flags)})" if flags else "")


def _carbon(sessions: Sequence[Mapping[str, Any]]) -> str:
    kilograms = [session.get("emissions") for session in sessions]
    known = [kg for kg in kilograms if isinstance(kg, (int, float))]
    return (
        f"{sum(known):.3g} kg CO2e by codecarbon, for the whole run" if known and len(known) == len(kilograms) else ""
    )
