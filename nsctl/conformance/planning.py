"""Checks of planners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nsctl.conformance import stage
from nsctl.conformance.report import Checklist, require, require_members
from nsctl.conformance.telling import description, listed
from nsctl.outcomes import Solved
from nsctl.symbolic import Plan


def examine(planner: Any, checklist: Checklist, count: int, on: Sequence[str]) -> None:
    """It reads a domain, finds a plan that works, and finds it again."""
    if not checklist.check("contract", lambda: _contract(planner)):
        return
    checklist.check("describes itself", lambda: f"It tells of {listed(description(planner))}.")
    with stage.world(on) as place:
        look = stage.first_look(place)
    plans: list[Plan] = []
    if checklist.check("plans", lambda: _plans(planner, look, plans)):
        checklist.check("repeats itself", lambda: _plans(planner, look, plans) and _repeats(plans))


def _contract(planner: Any) -> str:
    require_members(planner, ("name", "domain", "problem", "session", "describe"), "Planner")
    return "It has name, domain(pddl), problem(pddl, domain), session(problem) and describe()."


def _plans(planner: Any, look: stage.FirstLook, plans: list[Plan]) -> str:
    outcome = planner.session(look.problem).plan(look.state)
    require(isinstance(outcome, Solved), f"It found no plan: {outcome}.")
    plan = outcome.plan
    require(plan.reaches(look.problem, look.state), f"Its plan does not lead to the goal: {'; '.join(map(str, plan))}.")
    plans.append(plan)
    return f"{len(plan)} steps that lead to the goal{', proven the cheapest' if outcome.optimal else ''}."


def _repeats(plans: Sequence[Plan]) -> str:
    require(plans[0] == plans[1], "Two sessions over one problem gave two plans: fix every seed.")
    return "Two sessions over one problem give the same plan."
