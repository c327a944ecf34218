"""The records that ``nsctl runs list`` is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nsctl.errors import UnknownName
from nsctl.run_index import IndexedRun


def filtered(rows: Sequence[IndexedRun], task: str, agent: str, runs: Path) -> list[IndexedRun]:
    """The rows of this task and agent, where they are asked for; refuses a name that nothing has, there or elsewhere."""
    known = [row for row in rows if not row.trouble]
    for kind, name, names in (
        ("task", task, {row.task for row in known}),
        ("agent", agent, {row.agent for row in known}),
    ):
        if name and names and name not in names and not _exists(kind, name):
            raise UnknownName(f"{kind} with a record in {runs}", name, names)
    return [row for row in rows if (not task or row.task == task) and (not agent or row.agent == agent)]


def none_found(rows: Sequence[IndexedRun], task: str, agent: str, runs: Path) -> str:
    """Why there is nothing to list, and what there is instead."""
    if not rows:
        return f"no record in {runs}: `nsctl run hanoi-3{'' if runs == Path('runs') else f' --runs {runs}'}` makes one"
    asked = " and ".join(f"{kind} {name}" for kind, name in (("task", task), ("agent", agent)) if name)
    there = ", ".join(sorted({f"{row.task} by {row.agent}" for row in rows if not row.trouble}))
    return f"no record in {runs} is of {asked}; there is: {there or 'none that can be read'}"


def _exists(kind: str, name: str) -> bool:
    from nsctl import registry, tasks

    return name in (tasks.names() if kind == "task" else registry.parts("agents"))
