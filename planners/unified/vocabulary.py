"""What the parts of a problem of unified-planning are called in our nouns, and which part each of our names means."""

from __future__ import annotations

from collections.abc import Iterable

from unified_planning.model import Action, Fluent
from unified_planning.model import Object as UnifiedObject
from unified_planning.model import Problem as UnifiedProblem
from unified_planning.model import Type as UnifiedType
from unified_planning.plans import ActionInstance, SequentialPlan

from nsctl.errors import UnsupportedFeature
from nsctl.symbolic import OBJECT, Object, PlanStep, Predicate, Type
from planners.plans.validation import Named
from planners.unified.names import Names


class Vocabulary:
    """Our names for the types, boolean fluents, actions and objects of ``source``, which may be called anything there.

    A UP name is kept where it is a plain word.
    """

    def __init__(self, source: UnifiedProblem) -> None:
        self.source = source
        self._type_names = Names([OBJECT.name])
        self._types: dict[UnifiedType, Type] = {}
        for kind in source.user_types:
            self.type(kind)
        predicates, operators, objects = Names(), Names(), Names()
        booleans = [fluent for fluent in source.fluents if fluent.type.is_bool_type()]
        self.predicates: dict[Fluent, str] = {fluent: predicates.new(fluent.name) for fluent in booleans}
        self.actions: dict[str, Action] = {operators.new(action.name): action for action in source.actions}
        self._objects: dict[str, UnifiedObject] = {objects.new(thing.name): thing for thing in source.all_objects}
        self._object_names = {thing: name for name, thing in self._objects.items()}
        self.objects = tuple(Object(name, self.type(thing.type)) for name, thing in self._objects.items())

    def type(self, kind: UnifiedType) -> Type:
        """A user type; raises :class:`UnsupportedFeature` for booleans and numbers."""
        if not kind.is_user_type():
            raise UnsupportedFeature("parameters that are no objects", f"{kind} is no type of objects")
        if kind not in self._types:
            parent = OBJECT if kind.father is None else self.type(kind.father)
            self._types[kind] = Type(self._type_names.new(kind.name), parent)
        return self._types[kind]

    @property
    def types(self) -> tuple[Type, ...]:
        return (OBJECT, *self._types.values())

    def declared(self) -> tuple[Predicate, ...]:
        """The predicates of all boolean fluents."""
        return tuple(
            Predicate(name, tuple(self.type(parameter.type) for parameter in fluent.signature))
            for fluent, name in self.predicates.items()
        )

    def name(self, thing: UnifiedObject) -> str:
        """Our name of an object of theirs."""
        return self._object_names[thing]

    def object(self, name: str) -> UnifiedObject:
        """Their object that has this name here."""
        return self._objects[name]

    def plan(self, steps: Iterable[PlanStep]) -> SequentialPlan:
        """A plan of ours over UP's own actions and objects."""
        expression = self.source.environment.expression_manager.ObjectExp
        instances = [
            ActionInstance(self.actions[s.operator], tuple(expression(self._objects[a]) for a in s.arguments))
            for s in steps
        ]
        return SequentialPlan(instances, self.source.environment)

    def steps(self, plan: SequentialPlan) -> list[Named]:
        """The steps of a plan of UP's by our names; whatever the problem lacks keeps the name that it has there."""
        operators = {action.name: name for name, action in self.actions.items()}
        things = {thing.name: name for name, thing in self._objects.items()}
        return [
            (
                operators.get(each.action.name, each.action.name),
                tuple(things.get(str(argument), str(argument)) for argument in each.actual_parameters),
            )
            for each in plan.actions
        ]
