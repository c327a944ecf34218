"""Finds tasks by name over all registered suites."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from dataclasses import asdict
from pathlib import Path

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
    """SHA-256 over what a fresh task asks for and how it judges.

    That is name, version, horizon, phrasings, planning domain, goal, the bodies and all that they are, and the source
    of the modules that its class and their bases stand in. Rows with different hashes tell of different tasks, even if
    these have the same name.
    """
    asked = (task.name, task.version, task.horizon, task.phrasings, task.domain_pddl, [str(g) for g in task.goal])
    bodies = [asdict(body) for body in task.bodies]
    return hashlib.sha256(json.dumps((asked, bodies, _judges(type(task)))).encode()).hexdigest()


def _judges(kind: type) -> dict[str, str]:
    """SHA-256 of each module that a class of tasks and its bases stand in, but for nsctl's and Python's own."""
    modules = {base.__module__ for base in inspect.getmro(kind)}
    theirs = {name for name in modules if name.partition(".")[0] not in {"nsctl", *sys.stdlib_module_names}}
    return {name: _file_hash(name) for name in sorted(theirs)}


def _file_hash(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else "no file"
