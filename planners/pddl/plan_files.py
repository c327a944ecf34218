"""Plans as the text files that planners have exchanged since 1998: a step on each line, ``(pick a b)``.

What follows a ``;`` is a comment; the last line may say ``; cost = 3``. Times and durations (``0.00: (pick a b) [1]``),
which some planners write for plain plans too, are read over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from nsctl.errors import NsctlError
from nsctl.symbolic import (
    And,
    Atom,
    Condition,
    Literal,
    Not,
    Operator,
    Or,
    Plan,
    PlanStep,
    Problem,
    SymbolicState,
    When,
)
from planners.grounding.normal_form import AUXILIARY, NormalForms
from planners.pddl.sexpressions import PddlError
from planners.plans.validation import Execution, Named, Refused, Validator

_STEP = re.compile(r"(?:\d+(?:\.\d*)?\s*:)?\s*\(([^()]*)\)\s*(?:\[\s*\d+(?:\.\d*)?\s*\])?")


def plan_to_text(plan: Plan) -> str:
    """The plan as a file's text, its cost in a comment at the end."""
    lines = [f"({' '.join((step.operator, *step.arguments))})" for step in plan]
    cost = plan.cost if isinstance(plan.cost, int) else float(plan.cost)
    return "\n".join([*lines, f"; cost = {cost}", ""])


def steps_from_text(text: str, problem: Problem, source: str = "") -> tuple[Named, ...]:
    """The steps that ``text`` names, for :func:`planners.plans.validation.validate`; names may be in any case.

    Refuses, with its line, what is no step at all and an operator or object that does not exist; whether the steps can
    be taken is another question. ``source`` is the name of the file, for messages.
    """
    return tuple(step for _, step in _steps(text, problem, source))


def plan_from_text(text: str, problem: Problem, init: SymbolicState | None = None, source: str = "") -> Plan:
    """The plan that ``text`` states; it is carried out from ``init`` (the problem's, if not given) on the way.

    Refuses, with its line, a step that cannot be taken; whether the goal holds in the end is not asked.
    """
    validator, forms = Validator(problem, init), NormalForms(problem)
    steps = []
    for line, named in _steps(text, problem, source):
        try:
            done = validator.take(named)
        except Refused as refusal:
            raise PddlError(line, f"({' '.join((named[0], *named[1]))}) cannot be taken: {refusal}", source) from None
        steps.append(_plan_step(problem.domain.operator(named[0]), done, forms))
    return Plan(tuple(steps))


def _steps(text: str, problem: Problem, source: str) -> Iterator[tuple[int, Named]]:
    operators = {operator.name.lower(): operator.name for operator in problem.domain.operators}
    objects = {thing.name.lower(): thing.name for thing in problem.things}
    for line, content in enumerate(text.splitlines(), start=1):
        said = content.partition(";")[0].strip()
        if not said:
            continue
        match = _STEP.fullmatch(said)
        if match is None or not match[1].split():
            raise PddlError(line, f"found {said!r}, expected a step such as (pick a b)", source)
        name, *arguments = match[1].lower().split()
        try:
            operator = problem.domain.operator(operators.get(name, name))
            found = tuple(problem.object(objects.get(word, word)).name for word in arguments)
            operator.bind(found)
        except (NsctlError, LookupError) as misfit:
            raise PddlError(line, str(misfit), source) from None
        yield line, (operator.name, found)


def _plan_step(operator: Operator, done: Execution, forms: NormalForms) -> PlanStep:
    """The step with everything that it may do, so that it can be applied in other states, too."""
    binding = operator.bind(done.step[1])
    always: list[Literal] = []
    conditional: list[When] = []
    for effect in operator.effects:
        when = When((effect,)) if isinstance(effect, Literal) else effect
        for each in forms.bindings(when.variables, binding):
            effects = tuple(e.substitute(each) for e in when.effects)
            for conditions in _alternatives(forms, when.conditions, each):
                if conditions:
                    conditional.append(When(effects, conditions))
                else:
                    always += effects
    return PlanStep(operator.name, done.step[1], done.needs, tuple(always), done.cost, tuple(conditional))


def _alternatives(
    forms: NormalForms, conditions: Iterable[Condition], binding: Mapping[str, str]
) -> Iterator[tuple[Condition, ...]]:
    for alternative in forms.alternatives(conditions, binding):
        yield tuple(_spelled(forms, atom, sign) for atom, sign in alternative.items())


def _spelled(forms: NormalForms, atom: Atom, positive: bool) -> Condition:
    """A literal; for an auxiliary atom what it stands for."""
    if atom.predicate != AUXILIARY:
        return Literal(atom, positive)
    ways = [alternative for head, alternative in forms.axioms if head == atom]
    either = Or(tuple(And(tuple(_spelled(forms, a, sign) for a, sign in way.items())) for way in ways))
    return either if positive else Not(either)
