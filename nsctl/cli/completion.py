"""What the shell offers after TAB."""

from __future__ import annotations

import typer


def complete_task(incomplete: str) -> list[str]:
    """Names of tasks; imports the suites, but no simulator."""
    from nsctl import tasks

    return [name for name in tasks.names() if name.startswith(incomplete)]


def complete_agent(incomplete: str) -> list[str]:
    """Names of agents, from metadata alone."""
    return _parts("agents", incomplete)


def complete_engine(incomplete: str) -> list[str]:
    """Names of engines, from metadata alone."""
    return _parts("engines", incomplete)


def complete_disturbance(incomplete: str) -> list[str]:
    """Kinds of disturbances."""
    from nsctl.disturbance import KINDS

    return [kind for kind in KINDS if kind.startswith(incomplete)]


def complete_planner(incomplete: str) -> list[str]:
    """Names of planners, from metadata alone."""
    return _parts("planners", incomplete)


def complete_skill(incomplete: str) -> list[str]:
    """Names of skills, from metadata alone."""
    return _parts("skills", incomplete)


def complete_log(incomplete: str) -> list[str]:
    """Names of tools that show runs; imports none of them."""
    from nsctl.log_tools import LOGS

    return [name for name in LOGS if name.startswith(incomplete)]


def complete_record(context: typer.Context, incomplete: str) -> list[str]:
    """Ids of the records in ``runs``, or where ``--runs`` says, from the names of folders alone."""
    from nsctl.cli.folders import RUNS

    runs = context.params.get("runs") or RUNS
    return [path.parent.name for path in sorted(runs.glob("*/run.json")) if path.parent.name.startswith(incomplete)]


def complete_task_or_record(context: typer.Context, incomplete: str) -> list[str]:
    """Names of tasks, and ids of records."""
    return [*complete_task(incomplete), *complete_record(context, incomplete)]


def complete_format(incomplete: str) -> list[str]:
    """Formats that episodes can be exported to."""
    return [name for name in ("csv", "jsonl", "parquet") if name.startswith(incomplete)]


def complete_kind(incomplete: str) -> list[str]:
    """Kinds of parts that can be begun."""
    return [kind for kind in ("skill", "task", "agent", "meter") if kind.startswith(incomplete)]


def complete_group(incomplete: str) -> list[str]:
    """Names of the groups of parts."""
    from nsctl.registry import GROUPS

    return [group for group in GROUPS if group.startswith(incomplete)]


def complete_part(incomplete: str) -> list[str]:
    """Names of all parts, from metadata alone."""
    from nsctl import registry

    return sorted({part.name for part in registry.every_part() if part.name.startswith(incomplete)})


def _parts(group: str, incomplete: str) -> list[str]:
    from nsctl import registry

    return [name for name in registry.parts(group) if name.startswith(incomplete)]
