"""What every suite of tasks on the table does: it finds a task by its name, and puts one into a world."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from envs.world import TableWorld
from nsctl.contracts import SuiteOptions
from nsctl.errors import InvalidValue, UnknownName
from nsctl.task import Task


@dataclass(frozen=True)
class Variant:
    """A task of a family; or, with ``counts``, one for each number of ``things``: ``stack-N`` for 3 to 6 blocks."""

    name: str
    make: Callable[..., Task]
    """Makes the task: from the number, if there is one."""
    counts: range | None = None
    things: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks that there are of it."""
        return tuple(self.name.replace("N", str(n)) for n in self.counts) if self.counts else (self.name,)

    def task(self, name: str) -> Task | None:
        """The task of this name; ``None`` if it is none of these. A number out of range is refused."""
        if not self.counts:
            return self.make() if name == self.name else None
        before, _, after = self.name.partition("N")
        match = re.fullmatch(rf"{re.escape(before)}(0|[1-9][0-9]*){re.escape(after)}", name)
        if not match:
            return None
        count = int(match[1])
        if count not in self.counts:
            raise InvalidValue(f"{self.name} takes {self.counts[0]} to {self.counts[-1]} {self.things}, got {count}")
        return self.make(count)


class TableSuite:
    """A family of tasks on the table, which are all ``variants``. See :class:`nsctl.contracts.Suite`."""

    variants: tuple[Variant, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(name for variant in self.variants for name in variant.names)

    def task(self, name: str) -> Task:
        """A fresh task of this name; an unknown one is answered with the nearest."""
        for variant in self.variants:
            if task := variant.task(name):
                return task
        raise UnknownName("task", name, self.tasks)

    def world(self, task: Task, options: SuiteOptions) -> TableWorld:
        return TableWorld(task, options)
