"""Goals that cannot hold: contradicted by static facts, out of reach even if nothing were ever undone, or exclusive."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from nsctl.symbolic import Atom, Condition, Literal, When
from planners.grounding.invariants import Invariant
from planners.grounding.normal_form import AUXILIARY
from planners.grounding.task import bits, union
from planners.unsolvability.explanations import Blame, Question, Rung, Wish, listed, without
from planners.unsolvability.pairs import Pairs

# Questions about avoided steps, each a fixpoint over all moves.
MOST_QUESTIONS = 60
# Facts tried one by one for whether they would help.
MOST_FACTS = 100

Sign = tuple[int, bool]
"""The number of an atom, and whether it is to be true."""


def static_goal(question: Question) -> Rung | None:
    """The goal asks for something that static facts deny, or contradicts itself."""
    dead = question.task.dead_goals
    if not dead:
        return None
    contradiction = len(dead) > 1 or not isinstance(dead[0], Literal)
    reason = "can never hold, whatever is done" if contradiction else "is false, and no operator changes it"
    return Rung("static goal", "proof", Blame(goals=dead), f"the goal {listed(dead)} {reason}")


def unreachable_goal(question: Question) -> Rung | None:
    """Some goal is out of reach in the delete relaxation: each of the goals named is alone."""

    def missed(allowed: list[int]) -> list[Wish]:
        can_hold, can_fail, _ = question.task.relaxed(question.start, allowed)
        return [wish for wish in question.wishes if not wish.possible(can_hold, can_fail)]

    if not missed(question.allowed):
        return None
    culprits = question.culprits(lambda allowed: bool(missed(allowed)), MOST_QUESTIONS)
    wishes = missed(question.without(culprits))
    goals = tuple(dict.fromkeys(wish.said for wish in wishes))
    roots = _Roots(question, question.without(culprits), wishes)
    blame = Blame(goals, culprits, roots.missing(), roots.helpful)
    head = f"{listed(goals)} can never hold{without(culprits)}, even if nothing were ever undone"
    return Rung("unreachable goal", "proof", blame, "; ".join([head, *roots.sentences()]))


class _Roots:
    """Walks back from goals out of reach to what nothing brings about."""

    def __init__(self, question: Question, allowed: list[int], wishes: list[Wish]) -> None:
        self.question, self.task, self.allowed = question, question.task, allowed
        self._can_hold, self._can_fail, _ = self.task.relaxed(question.start, allowed)
        self._made = self._makers()
        lacking = [need for wish in wishes for way in wish.ways for need in self._lacking(*way)]
        self.users: dict[Sign, str] = dict.fromkeys(lacking, "")
        """Each literal met on the way, with a step or axiom that needs it (none for goals)."""
        self.roots: list[Sign] = []
        queue = list(self.users)
        for sign in queue:
            makers = self._made.get(sign, ())
            if not makers:
                self.roots.append(sign)
            for named, pre, npre in makers:
                for need in self._lacking(pre, npre):
                    if need not in self.users:
                        self.users[need] = self._name(named)
                        queue.append(need)

    def missing(self) -> tuple[Literal, ...]:
        """What no step at all brings about; if all wait for each other, everything that waits."""
        return self._literals(self.roots or list(self.users))

    @cached_property
    def helpful(self) -> tuple[Literal, ...]:
        """Facts each of which, had it been so at the start, would let the relaxation reach every goal.

        Those that were tried before the deadline.
        """
        candidates = [s for s, user in self.users.items() if user and not self.task.derived >> s[0] & 1]
        return self._literals([s for s in candidates[:MOST_FACTS] if not self.question.late and self._helps(s)])

    def sentences(self) -> Iterator[str]:
        """Of what is missing, who needs it and why there is none."""
        for sign in self.roots[:4]:
            for literal in self._literals([sign]):
                user = self.users[sign]
                need = f", which {user} needs" if user else ""
                yield f"nothing makes {literal} so{need} ({self._reason(literal)})"
        if not self.roots:
            yield f"{listed(self._literals(list(self.users)))} wait for one another"
        if self.helpful:
            yield f"it might help if {listed(self.helpful, 'or')} held at the start"

    def _reason(self, literal: Literal) -> str:
        """Whether some operator could at all."""
        domain = self.task.problem.domain
        makers = [
            operator.name
            for operator in domain.operators
            for effect in operator.effects
            for one in (effect.effects if isinstance(effect, When) else (effect,))
            if (one.atom.predicate, one.positive) == (literal.atom.predicate, literal.positive)
        ]
        if not makers and literal.atom.predicate not in domain.derived:
            said = literal.atom.predicate if literal.positive else f"not {literal.atom.predicate}"
            return f"no operator has the effect {said}"
        names = listed(dict.fromkeys(makers or [f"the axioms of {literal.atom.predicate}"]), "or")
        barred = set(self.question.avoided) - set(self.allowed)
        if any(self._makes(number, literal.atom, literal.positive) for number in barred):
            return f"{names} must be avoided there"
        if not self.task.complete:
            return f"{names} is not within reach there"
        return f"types and static facts rule out {names} there"

    def _makes(self, number: int, atom: Atom, positive: bool) -> bool:
        move, mask = self.task.moves[number], 1 << self.task.index[atom]
        parts = [(move.add, move.delete), *((branch.add, branch.delete) for branch in move.branches)]
        return any((add if positive else delete) & mask for add, delete in parts)

    def _helps(self, sign: Sign) -> bool:
        atom, positive = sign
        changed = self.question.start | 1 << atom if positive else self.question.start & ~(1 << atom)
        can_hold, can_fail, _ = self.task.relaxed(self.task.close(changed), self.allowed)
        return all(wish.possible(can_hold, can_fail) for wish in self.question.wishes)

    def _makers(self) -> dict[Sign, list[tuple[int | Atom, int, int]]]:
        """Of each literal out of reach what makes it so (a move, or the head of an axiom) and what that needs."""
        found: dict[Sign, list[tuple[int | Atom, int, int]]] = {}

        def note(named: int | Atom, add: int, delete: int, pre: int, npre: int) -> None:
            for sign in self._lacking(add, delete):
                found.setdefault(sign, []).append((named, pre, npre))

        for number in self.allowed:
            move = self.task.moves[number]
            note(number, move.add, move.delete, move.pre, move.npre)
            for each in move.branches:
                note(number, each.add, each.delete, move.pre | each.pre, move.npre | each.npre)
        for rule in (rule for stratum in self.task.rules for rule in stratum):
            note(self.task.atoms[rule.head.bit_length() - 1], rule.head, 0, rule.pre, rule.npre)
        return found

    def _name(self, named: int | Atom) -> str:
        if isinstance(named, int):
            return listed([self.task.names[named]])
        return "a condition" if named.predicate == AUXILIARY else str(named)

    def _lacking(self, pre: int, npre: int) -> list[Sign]:
        held = [(i, True) for i in bits(pre & ~self._can_hold)]
        return held + [(i, False) for i in bits(npre & ~self._can_fail)]

    def _literals(self, signs: list[Sign]) -> tuple[Literal, ...]:
        named = (Literal(self.task.atoms[i], positive) for i, positive in signs)
        return tuple(literal for literal in named if literal.atom.predicate != AUXILIARY)


def exclusion(question: Question) -> Rung | None:
    """Goals that exclude each other: members of one group, or a pair that h^2 proves never to hold at once."""
    return _one_group(question) or _never_at_once(question)


def _one_group(question: Question) -> Rung | None:
    for group in question.groups:
        sole = [(wish, wish.ways[0]) for wish in question.wishes if len(wish.ways) == 1]
        rivals = [wish for wish, (pre, _) in sole if pre & group.members]
        if len({wish.ways[0][0] & group.members for wish in rivals}) > 1:
            return _grouped(question, group, _apart(rivals, group), "at most")
        denied = union(npre for _, (_, npre) in sole)
        if group.exact and group.weight(question.start) and not group.members & ~denied:
            return _grouped(question, group, [w for w, (_, npre) in sole if npre & group.members], "exactly")
    return None


def _apart(rivals: list[Wish], group: Invariant) -> list[Wish]:
    """Two that ask for different members."""
    first = rivals[0].ways[0][0] & group.members
    return [rivals[0], next(wish for wish in rivals if wish.ways[0][0] & group.members != first)]


def _grouped(question: Question, group: Invariant, rivals: list[Wish], how: str) -> Rung:
    goals = tuple(wish.said for wish in rivals)
    members = listed(question.task.literals(group.members, 0))
    return Rung(
        "exclusion",
        "proof",
        Blame(goals),
        f"{listed(goals)} never hold at once: {how} one is ever true of {members}",
    )


def _never_at_once(question: Question) -> Rung | None:
    def excluded(allowed: list[int]) -> tuple[int, int] | None:
        pairs = Pairs(question.task, question.start, allowed, question.effort, question.deadline)
        return pairs.excluded(*question.task.goal) if pairs.complete else None

    if excluded(question.allowed) is None:
        return None
    culprits = question.culprits(lambda allowed: excluded(allowed) is not None, MOST_QUESTIONS)
    found = excluded(question.without(culprits)) or excluded(question.allowed) or (0, 0)
    size = len(question.task.atoms)
    signs = sorted({(number % size, number < size) for number in found})
    goals = tuple(dict.fromkeys(_asker(question, number, positive) for number, positive in signs))
    how = "never hold at once" if len(goals) > 1 else "never holds"
    reason = "no order of steps brings them about together" if len(goals) > 1 else "what it takes never holds at once"
    sentence = f"{listed(goals)} {how}{without(culprits)}: {reason} (h^2)"
    return Rung("exclusion", "proof", Blame(goals, culprits), sentence)


def _asker(question: Question, number: int, positive: bool) -> Condition:
    """The first condition of the goal that asks for the literal."""
    for wish in question.wishes:
        if len(wish.ways) == 1 and wish.ways[0][not positive] >> number & 1:
            return wish.said
    return Literal(question.task.atoms[number], positive)
