"""Why a condition holds or fails: the literals that alone decide it, found on the lifted nouns, without grounding.

Half of ``on(a, b) or clear(c)`` may hold: then ``on(a, b)`` is why the whole does. If neither does, both are why it
fails. So one question, "what makes this true?", put to a condition or to its negation, serves the validator's
messages, causal links and the deordering of plans alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from nsctl.symbolic import (
    EQUALITY,
    And,
    Atom,
    Axiom,
    Condition,
    Exists,
    Forall,
    Literal,
    Not,
    Object,
    Or,
    Problem,
    SymbolicState,
)

Why = tuple[Literal, ...]
"""Ground literals that hold and together suffice."""


class Witness:
    """Answers for one complete state: base atoms as given, derived atoms as the axioms say."""

    def __init__(self, problem: Problem, base: Iterable[Atom], preferred: Iterable[Literal] = ()) -> None:
        self._problem = problem
        self.derivations: dict[Atom, Why] = {}
        """Each derived atom that holds, with what its axiom found true; no derivation rests on itself."""
        self._preferred = frozenset(preferred)
        derived = problem.domain.derived
        self._true = {atom for atom in base if atom.predicate not in derived}
        for stratum in problem.domain.strata if derived else ():
            self._complete([axiom for axiom in problem.domain.axioms if axiom.head.predicate in stratum])

    @property
    def state(self) -> SymbolicState:
        """The state, derived atoms included."""
        return SymbolicState.of(self._true)

    def preferring(self, literals: Iterable[Literal]) -> Witness:
        """The same state; where several parts of a disjunction hold, one that needs just these is named."""
        other = object.__new__(Witness)
        other.__dict__ |= {**self.__dict__, "_preferred": frozenset(literals)}
        return other

    def why(self, condition: Condition, binding: Mapping[str, str], positive: bool = True) -> Why | None:
        """Literals that make ``condition`` true (or false, if not ``positive``); ``None`` if it is not so."""
        match condition:
            case Literal(atom=atom, positive=sign):
                return self._literal(atom.substitute(binding), sign == positive)
            case Not(part=part):
                return self.why(part, binding, not positive)
            case And(parts=parts) | Or(parts=parts):
                found = (self.why(part, binding, positive) for part in parts)
                return _all(found) if isinstance(condition, And) == positive else self._any(found)
            case Forall(variables=variables, body=body) | Exists(variables=variables, body=body):
                found = (self.why(body, each, positive) for each in self.bindings(variables, binding))
                return _all(found) if isinstance(condition, Forall) == positive else self._any(found)

    def bindings(self, variables: Iterable[Object], binding: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """``binding`` extended by objects of the variables' types in every way."""
        wanted = tuple(variables)
        choices = [[t.name for t in self._problem.things if t.type.is_a(v.type)] for v in wanted]
        for names in product(*choices):
            yield {**binding, **dict(zip((v.name for v in wanted), names, strict=True))}

    def base(self, literals: Iterable[Literal]) -> Why:
        """``literals`` with every derived one replaced by base literals that suffice for it, first met first."""
        kept: dict[Literal, None] = {}
        seen: set[Literal] = set()
        pending = list(literals)[::-1]
        while pending:
            literal = pending.pop()
            if literal in seen:
                continue
            seen.add(literal)
            if literal.atom.predicate not in self._problem.domain.derived:
                kept[literal] = None
            elif literal.positive:
                pending += self.derivations[literal.atom][::-1]
            else:
                pending += self._refutation(literal.atom)[::-1]
        return tuple(kept)

    def _literal(self, atom: Atom, positive: bool) -> Why | None:
        if atom.predicate == EQUALITY:
            return () if (atom.arguments[0] == atom.arguments[1]) == positive else None
        return (Literal(atom, positive),) if (atom in self._true) == positive else None

    def _any(self, found: Iterable[Why | None]) -> Why | None:
        true = (why for why in found if why is not None)
        if not self._preferred:
            return next(true, None)
        several = list(true)
        return next((why for why in several if self._preferred.issuperset(why)), several[0] if several else None)

    def _complete(self, axioms: list[Axiom]) -> None:
        grown = True
        while grown:
            grown = False
            for axiom in axioms:
                for binding in self.bindings(axiom.parameters, {}):
                    head = axiom.head.substitute(binding)
                    if head not in self._true and (why := self.why(And(axiom.body), binding)) is not None:
                        self.derivations[head] = why
                        self._true.add(head)
                        grown = True

    def _refutation(self, atom: Atom) -> Why:
        """Why no axiom gives ``atom``; what else is not derived may be part of it (they fail together)."""
        found: list[Literal] = []
        for axiom in self._problem.domain.axioms:
            for binding in self._heads(axiom, atom):
                found += self.why(And(axiom.body), binding, positive=False) or ()
        return tuple(found)

    def _heads(self, axiom: Axiom, atom: Atom) -> Iterator[dict[str, str]]:
        """The bindings under which the axiom speaks of ``atom``."""
        if axiom.head.predicate != atom.predicate:
            return
        fixed: dict[str, str] = {}
        for name, value in zip(axiom.head.arguments, atom.arguments, strict=True):
            if fixed.setdefault(name, value if name.startswith("?") else name) != value:
                return
        kinds = {parameter.name: parameter.type for parameter in axiom.parameters}
        if all(
            name not in kinds or self._problem.object(value).type.is_a(kinds[name]) for name, value in fixed.items()
        ):
            yield from self.bindings((p for p in axiom.parameters if p.name not in fixed), fixed)


def _all(found: Iterable[Why | None]) -> Why | None:
    whole: dict[Literal, None] = {}
    for why in found:
        if why is None:
            return None
        whole |= dict.fromkeys(why)
    return tuple(whole)
