"""The types, fluents and objects of unified-planning that stand for those of a problem of ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from unified_planning.environment import Environment
from unified_planning.model import Fluent, Parameter
from unified_planning.model import Object as UnifiedObject
from unified_planning.model import Problem as UnifiedProblem
from unified_planning.model import Type as UnifiedType

from nsctl.errors import UnsupportedFeature
from nsctl.symbolic import (
    OBJECT,
    And,
    Atom,
    Condition,
    Exists,
    Forall,
    Not,
    Object,
    Or,
    Predicate,
    Problem,
    Type,
    When,
)
from planners.unified.names import Names


class Nouns:
    """Makes the nouns of ``problem`` in ``target``. There all names must differ, whatever they name."""

    def __init__(self, problem: Problem, environment: Environment) -> None:
        self.problem, self.environment = problem, environment
        self.target = UnifiedProblem(problem.name, environment)
        self.names = Names()
        self._types: dict[str, UnifiedType] = {}
        # The root is left out where nothing is of it, because not every engine knows hierarchies of types.
        self._rooted = OBJECT in set(_kinds(problem))
        if self._rooted:
            self.type(OBJECT)
        self.fluents = {predicate.name: self.fluent(predicate) for predicate in problem.domain.predicates}
        self.things: dict[str, UnifiedObject] = {}
        for thing in problem.things:
            self.things[thing.name] = UnifiedObject(self.names.new(thing.name), self.type(thing.type), environment)
            self.target.add_object(self.things[thing.name])

    def type(self, kind: Type) -> UnifiedType:
        """UP's type; raises :class:`UnsupportedFeature` for a choice between types."""
        if kind.members:
            raise UnsupportedFeature("either", f"unified-planning has no type such as {kind}")
        if kind.name not in self._types:
            parent = kind.parent
            if parent is not None and parent.name == OBJECT.name and not self._rooted:
                parent = None
            father = None if parent is None else self.type(parent)
            self._types[kind.name] = self.environment.type_manager.UserType(self.names.new(kind.name), father)
        return self._types[kind.name]

    def fluent(self, predicate: Predicate, numeric: bool = False) -> Fluent:
        """A new fluent of the problem, boolean or of whole numbers; false or 0 at first."""
        manager = self.environment.type_manager
        kind = manager.IntType() if numeric else manager.BoolType()
        signature = [Parameter(f"x{i}", self.type(t), self.environment) for i, t in enumerate(predicate.types)]
        fluent = Fluent(self.names.new(predicate.name), kind, signature, self.environment)
        self.target.add_fluent(fluent, default_initial_value=0 if numeric else False)
        return fluent

    def signature(self, predicate: str) -> tuple[Type, ...]:
        """Our types of a predicate's arguments."""
        return self.problem.domain.predicate(predicate).types

    def set(self, fluent: Fluent, atom: Atom, value: bool | int) -> None:
        """The initial value of ``fluent`` for the objects of a ground atom."""
        self.target.set_initial_value(fluent(*(self.things[argument] for argument in atom.arguments)), value)


def _kinds(problem: Problem) -> Iterator[Type]:
    """The type of everything that has one."""
    domain = problem.domain
    yield from (kind for each in (*domain.predicates, *domain.functions) for kind in each.types)
    yield from (thing.type for thing in problem.things)
    for operator in domain.operators:
        yield from (parameter.type for parameter in operator.parameters)
        whens = [effect for effect in operator.effects if isinstance(effect, When)]
        yield from (variable.type for when in whens for variable in when.variables)
        yield from (v.type for v in _bound((*operator.preconditions, *(c for when in whens for c in when.conditions))))
    yield from (variable.type for variable in _bound(problem.goal))


def _bound(conditions: Iterable[Condition]) -> Iterator[Object]:
    """The variables of all quantifiers."""
    for condition in conditions:
        match condition:
            case And(parts=parts) | Or(parts=parts):
                yield from _bound(parts)
            case Not(part=part):
                yield from _bound((part,))
            case Forall(variables=variables, body=body) | Exists(variables=variables, body=body):
                yield from variables
                yield from _bound((body,))
