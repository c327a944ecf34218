"""Finds tasks by name over all registered suites."""

from __future__ import annotations

import hashlib
import json

from nsctl import registry
from nsctl.contracts import Suite
from nsctl.errors import BrokenPart, UnknownName
from nsctl.task import Task


def names() -> tuple[str, ...]:
    """The tasks of all suites, suite by suite; a suite that cannot be loaded offers none."""
    found: list[str] = []
    for family in registry.parts("envs"):
        try:
            found.extend(registry.load("envs", family)().tasks)
        except BrokenPart:
            continue
    return tuple(found)


def suite_of(name: str) -> Suite:
    """The suite that a task of this name belongs to: the part of the name before the first hyphen."""
    family = name.partition("-")[0]
    if family not in registry.parts("envs"):
        raise UnknownName("task", name, names())
    suite: Suite = registry.load("envs", family)()
    return suite


def find(name: str) -> Task:
    """A fresh task of this name; an unknown one is answered with every suite's tasks and the nearest match."""
    suite = suite_of(name)
    try:
        return suite.task(name)
    except UnknownName as error:
        raise UnknownName("task", name, {*names(), *suite.tasks}) from error


def protocol_hash(task: Task) -> str:
    """SHA-256 over what a fresh task asks for: name, version, horizon, instruction, planning domain and goal.

    Rows with different hashes tell of different tasks, even if these have the same name.
    """
    asked = (task.name, task.version, task.horizon, task.instruction, task.domain_pddl, [str(g) for g in task.goal])
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
