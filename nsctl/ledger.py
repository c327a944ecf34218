"""The ledger of prior knowledge: what an agent is given beyond the episodes that it plays.

Two agents that succeed equally often have not done the same if one was given the rules of the task and the other a
sentence. So every agent says of itself, under ``knowledge`` of :meth:`nsctl.contracts.Agent.describe`, what it was given; it
is part of each record, and made from the agent's parts where it can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nsctl.records import RunRecord

Ledger = Mapping[str, str]
"""Each of :data:`ITEMS` in words; an empty string where the agent does not say."""
NONE = "none"
ITEMS: Mapping[str, str] = {
    "goal": "how it learns what is wanted",
    "domain": "the operators and their conditions",
    "predicates": "what makes an atom true",
    "bodies": "sizes, types and static facts of the things there are",
    "poses": "where things are",
    "cameras": "pictures that it looks at",
    "instruction": "words that it reads",
    "control": "where its movements come from",
    "demonstrations": "episodes of a teacher that it was shown",
    "expert_queries": "episodes of its own that a teacher corrected",
}
"""What is asked of every agent."""
NOTHING: Ledger = dict.fromkeys(ITEMS, NONE)
"""Of an agent that is given nothing at all."""


def ledger(run: RunRecord) -> Ledger:
    """What the agent of this record was given, in its own words, and the class of its poses."""
    told = entries(run.agent)
    poses = told["poses"]
    return {**told, "poses": f"{poses} ({run.privilege})"} if poses not in ("", NONE) else told


def entries(agent: Mapping[str, Any]) -> dict[str, str]:
    """Each item as the description of an agent tells it."""
    told = agent.get("knowledge")
    known = told if isinstance(told, Mapping) else {}
    return {item: _words(known.get(item)) for item in ITEMS}


def of_planner(reads: Iterable[str], grounder: str, skills: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What an agent is given that plans over the task's domain with these skills, each as it describes itself."""
    channels, learnt = set(reads), _learnt(skills.values())
    return {
        "goal": "atoms",
        "domain": "PDDL, given with the task",
        "predicates": f"geometry by hand: {grounder.rpartition(':')[2]}",
        "bodies": "all",
        "poses": "channel objects" if "objects" in channels else NONE,
        "cameras": "channel images" if "images" in channels else NONE,
        "instruction": NONE,
        "control": _control(skills),
        "demonstrations": _sum(learnt, "demonstrations"),
        "expert_queries": _sum(learnt, "expert_queries"),
    }


def _learnt(skills: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """How each set of weights was trained, those that several skills share once."""
    trained = {str(skill["sha256"]): skill.get("training") for skill in skills if skill.get("sha256")}
    return [told if isinstance(told, Mapping) else {} for told in trained.values()]


def _sum(trained: Iterable[Mapping[str, Any]], name: str) -> int | None:
    """The sum over all trainings; ``None`` if a single one does not say."""
    counts = [told.get(name) for told in trained]
    known = [count for count in counts if isinstance(count, int) and not isinstance(count, bool)]
    return sum(known) if len(known) == len(counts) else None


def _control(skills: Mapping[str, Mapping[str, Any]]) -> str:
    """Which operators are learnt, and which are written by hand."""
    learnt = [name for name, skill in skills.items() if skill.get("sha256")]
    by_hand = [name for name in skills if name not in learnt]
    kinds = (("learnt", learnt), ("by hand", by_hand))
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds if names)


def _words(value: Any) -> str:
    return "" if value is None else NONE if value == 0 else str(value)
