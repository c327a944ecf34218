"""The neuro-symbolic agent without its eyes on the plan: an ablation that shows what checking and replanning are worth.

It plans once, from its first look, and lets the skills of that plan act one after the other, whatever came of the one
before. The skills themselves see where things are and correct their movements; nobody asks whether a step had its effect.
"""

from __future__ import annotations

from nsctl.agents.neurosymbolic import OPERATORS, SETTLE, NeuroSymbolicAgent, compose, plan_of, why
from nsctl.contracts import Execution
from nsctl.scene import SceneEstimate


class OpenLoopAgent(NeuroSymbolicAgent):
    """Perceives, grounds and plans at the start of an episode, then acts through skills: no retry, no new plan."""

    def _begin_next(self, scene: SceneEstimate) -> Execution | None:
        episode, clock = self._now()
        if not episode.plans:
            self._plan_once(scene)
        if episode.position == len(episode.plan):
            episode.step = None
            return None
        with clock.phase("plan"):
            step = episode.plan.steps[episode.position]
            episode.position += 1
        return self._begin(step, scene)

    def _plan_once(self, scene: SceneEstimate) -> None:
        episode, clock = self._now()
        with clock.phase("perceive"):
            state = self._grounder(scene, episode.problem)
        episode.plans = 1
        if episode.problem.reached(state):
            return
        with clock.phase("plan"):
            outcome = self._plan(state)
        plan = plan_of(outcome)
        if plan is None or not plan.steps:
            episode.reason = why(outcome, state)
            return
        episode.plan, episode.first_length = plan, len(plan)

    def _end(self, execution: Execution) -> None:
        """Note how the skill ended; what comes next is the next step, also after a failure."""
        episode, _ = self._now()
        self._log[-1] |= {"status": execution.status, "reason": execution.reason}
        episode.execution, episode.waiting = None, SETTLE


def nesy_open_loop() -> OpenLoopAgent:
    """Neural skills along a plan that is made once and never looked back at: ``nesy`` minus replanning."""
    return compose(OpenLoopAgent, "nesy-open-loop", *OPERATORS)
