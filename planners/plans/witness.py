"""Why a condition holds or fails: the literals that alone decide it, found on the lifted nouns, without grounding.

Half of ``on(a, b) or clear(c)`` may hold: then ``on(a, b)`` is why the whole does. If neither does, both are why it
fails. So one question, "what makes this true?", put to a condition or to its negation, serves the validator's
messages, causal links and the deordering of plans alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, product

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

MOST_WAYS = 64
"""Ways in which the body of an axiom may hold; if there are more, its parameters are tried in all ways instead."""

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
        known = _Known(self._true if derived else ())
        for stratum in problem.domain.strata if derived else ():
            self._complete([axiom for axiom in problem.domain.axioms if axiom.head.predicate in stratum], known)

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

    def _complete(self, axioms: list[Axiom], known: _Known) -> None:
        """Derives what ``axioms`` give: first from all that is ``known``, then from each atom that is new."""
        ways = [(axiom, way) for axiom in axioms for way in _ways(And(axiom.body), count())]
        grown = True
        while grown:  # more than twice only if a body rests on its own stratum in what its ways leave out
            fresh: list[Atom] = []
            for axiom, way in ways:
                for found in known.joined(way, {}):
                    fresh += self._derive(axiom, found, known)
            grown = bool(fresh)
            while fresh:
                atom = fresh.pop()
                for axiom, way in ways:
                    for place, pattern in enumerate(way):
                        if (binding := _matched(pattern, atom, {})) is not None:
                            for found in known.joined((*way[:place], *way[place + 1 :]), binding):
                                fresh += self._derive(axiom, found, known)

    def _derive(self, axiom: Axiom, found: Mapping[str, str], known: _Known) -> Iterator[Atom]:
        """The heads that are new, of all bindings of the axiom's parameters that agree with ``found``."""
        fixed = {p.name: found[p.name] for p in axiom.parameters if p.name in found}
        if not all(self._problem.object(fixed[p.name]).type.is_a(p.type) for p in axiom.parameters if p.name in fixed):
            return
        for binding in self.bindings((p for p in axiom.parameters if p.name not in fixed), fixed):
            head = axiom.head.substitute(binding)
            if head not in self._true and (why := self.why(And(axiom.body), binding)) is not None:
                self.derivations[head] = why
                self._true.add(head)
                known.add(head)
                yield head

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


class _Known:
    """Atoms, found by predicate and by each of their arguments."""

    def __init__(self, atoms: Iterable[Atom]) -> None:
        self._found: dict[tuple[str, int, str], list[Atom]] = {}
        for atom in atoms:
            self.add(atom)

    def add(self, atom: Atom) -> None:
        for key in ((-1, ""), *enumerate(atom.arguments)):
            self._found.setdefault((atom.predicate, *key), []).append(atom)

    def joined(self, patterns: tuple[Atom, ...], binding: dict[str, str]) -> Iterator[dict[str, str]]:
        """``binding`` extended in every way in which all ``patterns`` are known."""
        if not patterns:
            yield binding
            return
        some = [self._like(pattern, binding) for pattern in patterns]
        place = min(range(len(some)), key=lambda i: len(some[i]))
        for atom in tuple(some[place]):
            extended = _matched(patterns[place], atom, binding)
            if extended is not None:
                yield from self.joined((*patterns[:place], *patterns[place + 1 :]), extended)

    def _like(self, pattern: Atom, binding: Mapping[str, str]) -> Sequence[Atom]:
        """The shortest list with all atoms that match."""
        names = [(i, binding.get(name, name)) for i, name in enumerate(pattern.arguments)]
        keys = [(-1, ""), *((i, name) for i, name in names if not name.startswith("?"))]
        return min((self._found.get((pattern.predicate, *key), ()) for key in keys), key=len)


def _matched(pattern: Atom, atom: Atom, binding: Mapping[str, str]) -> dict[str, str] | None:
    """``binding`` extended so that ``pattern`` becomes ``atom``."""
    if pattern.predicate != atom.predicate:
        return None
    extended = dict(binding)
    for name, value in zip(pattern.arguments, atom.arguments, strict=True):
        if (extended.setdefault(name, value) if name.startswith("?") else name) != value:
            return None
    return extended


def _ways(condition: Condition, numbers: Iterator[int]) -> list[tuple[Atom, ...]]:
    """Patterns of atoms, all of one way at least known wherever ``condition`` holds; variables inside get new names."""
    match condition:
        case Literal(atom=atom, positive=True) if atom.predicate != EQUALITY:
            return [(atom,)]
        case And(parts=parts):
            ways: list[tuple[Atom, ...]] = [()]
            for more in (_ways(part, numbers) for part in parts):
                if len(ways) * len(more) <= MOST_WAYS:
                    ways = [(*way, *other) for way in ways for other in more]
            return ways
        case Or(parts=parts):
            either = [way for part in parts for way in _ways(part, numbers)]
            return either if len(either) <= MOST_WAYS and () not in either else [()]
        case Exists(variables=variables, body=body):
            names = {variable.name: f"?'{next(numbers)}" for variable in variables}
            return [tuple(atom.substitute(names) for atom in way) for way in _ways(body, numbers)]
    return [()]
