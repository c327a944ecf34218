"""The bridge to unified-planning (UP): our planner as one of its engines, and its engines as planners of ours.

Needs the extra ``nsctl[up]``. Importing this package imports none of unified-planning; the two functions do.
"""

from __future__ import annotations

from typing import Any

from nsctl.errors import BrokenPart

__all__ = ["ENGINES", "planner", "register"]

ENGINES = {
    "nsctl": ("planners.unified.engine", "NsctlPlanner"),
    "nsctl-opt": ("planners.unified.engine", "NsctlOptimalPlanner"),
    "nsctl-val": ("planners.unified.validator", "NsctlValidator"),
}
"""What our engines are called in UP, and the module and the class of each."""


def register(factory: Any = None) -> None:
    """Add our engines to a factory of UP's, that of the global environment if none is given; twice does no harm.

    UP appends them to its preference list: when it chooses by the kind of a problem, engines that were there before
    come first. Raises ``ImportError`` without unified-planning.
    """
    if factory is None:
        from unified_planning.environment import get_environment

        factory = get_environment().factory
    for name, (module, class_name) in ENGINES.items():
        if name not in factory.engines:
            factory.add_engine(name, module, class_name)


def planner(engine: str = "") -> Any:
    """The planner ``up:ENGINE``; an unknown or missing name is answered with those of the engines installed."""
    try:
        from planners.unified.unified_planner import UnifiedPlanner
    except ImportError as error:
        raise BrokenPart(
            f"the planner up:{engine} needs unified-planning ({error}): pip install 'nsctl[up]' and an engine, "
            "for example up-fast-downward"
        ) from error
    return UnifiedPlanner(engine)
