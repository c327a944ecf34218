"""The experiment that ours is held against: "The Price Is Not Right", arXiv 2602.19260 (ICRA 2026).

Figures as published. Neural: pi0 fine-tuned with LoRA on 300 demonstrations, end to end or guided by a planner.
Neuro-symbolic: a learned PDDL domain, a planner that is called once, four diffusion skills from 50 single moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SOURCE = "arXiv 2602.19260"
TITLES: Mapping[str, str] = {"move": "a single move", "hanoi-3": "3 blocks", "hanoi-4": "4 blocks, never trained"}
"""Our task, and what the paper calls its own."""
CAVEATS = (
    "joules there are those of another machine (one RTX 4090): ratios may be compared, joules may not",
    "there, a GPU's power was sampled every 0.5 s and a processor's averaged over one package; idle power was not looked at",
    "there, the planning state and the ends of skills read the simulator's truth, and the plan was made once",
    "there, initial states were not paired, failed episodes stopped early, which flatters joules per episode, and no "
    "interval was given",
    "there, the simulator was robosuite; cubes, pegs and control rate are the same here, arm model and cameras are ours",
)
IDLE_CHARGED = 4.2
"""Joules an episode on 3 blocks, end-to-end over neuro-symbolic, with the idle GPU charged to both; 9.6 as published."""


@dataclass(frozen=True)
class Published:
    """One agent of the paper. Megajoules of training; for each task the rate of success and kilojoules an episode."""

    name: str
    training: float
    tasks: Mapping[str, tuple[float, float]]

    def per_success(self, task: str) -> float | None:
        """Kilojoules per success; ``None`` where nothing succeeded."""
        rate, spent = self.tasks[task]
        return spent / rate if rate else None


NEUROSYMBOLIC = Published(
    "neuro-symbolic", 0.85, {"move": (0.99, 0.12), "hanoi-3": (0.95, 0.83), "hanoi-4": (0.78, 1.44)}
)
END_TO_END = Published("end-to-end VLA", 68.5, {"move": (0.87, 1.59), "hanoi-3": (0.34, 7.96), "hanoi-4": (0.0, 5.77)})
GUIDED = Published("planner-guided VLA", 64.9, {"move": (0.596, 1.41), "hanoi-3": (0.0, 6.94), "hanoi-4": (0.0, 4.96)})
PUBLISHED = (NEUROSYMBOLIC, END_TO_END, GUIDED)
COUNTERPARTS: Mapping[str, Published] = {"vla": END_TO_END, "vla-planned": GUIDED}
"""Which of our agents does the work of which of the paper's."""


def training_ratio(other: Published) -> float:
    """Joules of training: ``other``'s over the neuro-symbolic agent's; 81 for the end-to-end one."""
    return other.training / NEUROSYMBOLIC.training


def ratio_per_success(other: Published, task: str) -> float | None:
    """Joules per success likewise; 27 for the end-to-end one on 3 blocks."""
    mine, theirs = NEUROSYMBOLIC.per_success(task), other.per_success(task)
    return theirs / mine if mine and theirs else None
