"""A user's own rules in ASP: the names that they may use, and readable complaints about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import clingo
from clingo.ast import AST, ASTSequence, ASTType, parse_string

from nsctl.errors import DomainError, UnknownName
from planners.grounding.normal_form import AUXILIARY
from planners.grounding.task import GroundTask

WARN = "--warn=atom-undefined"
"""So that a misspelt predicate is told, and not taken for one that never holds."""


def names(task: GroundTask) -> str:
    """Facts that name what ``encodings/rules.lp`` lets a user's rules speak of."""
    return "\n".join(_names(task))


def _names(task: GroundTask) -> Iterator[str]:
    known: dict[str, str] = {}
    problem, fluents = task.problem, task.problem.domain.fluents
    for number, atom in enumerate(task.atoms):
        if atom.predicate != AUXILIARY:
            yield f"atom_name({number},{_term(atom.predicate, atom.arguments, known)})."
    for number, (operator, arguments) in enumerate(task.names):
        yield f"step_name({number},{_term(operator, arguments, {})})."
    for atom in sorted(problem.init.atoms, key=str):
        if atom.predicate not in fluents:
            yield f"static({_term(atom.predicate, atom.arguments, known)})."
    for thing in problem.things:
        for kind in problem.domain.types:
            if thing.type.is_a(kind):
                yield f"object({_quote(kind.name)},{_quote(thing.name)})."


def check(text: str, task: GroundTask) -> None:
    """Refuse rules whose ``holds``, ``occurs`` or ``static`` could never match: a wrong name, or an object unquoted."""
    domain, objects = task.problem.domain, {thing.name for thing in task.problem.things}
    arities = {
        "holds": {_word(p.name): len(p.types) for p in domain.predicates},
        "static": {_word(p.name): len(p.types) for p in domain.predicates},
        "occurs": {_word(o.name): len(o.parameters) for o in domain.operators},
    }

    def look(statement: AST) -> None:
        for node in _terms_of(statement):
            known = arities.get(node.name)
            if known is None or not node.arguments or node.arguments[0].ast_type is ASTType.Variable:
                continue
            term, line = node.arguments[0], node.location.begin.line
            name, arguments = _head(term)
            if name not in known:
                raise DomainError(f"in the rules: line {line}: {UnknownName(f'name in {node.name}(...)', name, known)}")
            if len(arguments) != known[name]:
                raise DomainError(f"in the rules: line {line}: {name} has {known[name]} arguments, got {term}")
            for argument in arguments:
                if argument.ast_type is ASTType.SymbolicTerm and str(argument).strip('"') not in objects:
                    raise DomainError(f"in the rules: line {line}: {UnknownName('object', str(argument), objects)}")
                if argument.ast_type is ASTType.SymbolicTerm and not str(argument).startswith('"'):
                    raise DomainError(f'in the rules: line {line}: objects are strings: write "{argument}" in {term}')

    parse_string(text, look, logger=lambda code, message: None)


def _terms_of(node: AST) -> Iterator[AST]:
    """All function terms and atoms in a statement."""
    if node.ast_type is ASTType.Function:
        yield node
    for value in node.values():
        if isinstance(value, AST):
            yield from _terms_of(value)
        elif isinstance(value, ASTSequence):
            for part in value:
                if isinstance(part, AST):
                    yield from _terms_of(part)


def _head(term: AST) -> tuple[str, list[AST]]:
    """Name and arguments of ``on("a","b")`` or of ``handempty``."""
    if term.ast_type is ASTType.Function:
        return term.name, list(term.arguments)
    return str(term), []


def _term(name: str, arguments: Iterable[str], known: dict[str, str]) -> str:
    word = _word(name)
    if known.setdefault(word, name) != name:
        raise DomainError(f"rules cannot tell {known[word]} and {name} apart: both are written {word}")
    quoted = ",".join(map(_quote, arguments))
    return f"{word}({quoted})" if quoted else word


def _word(name: str) -> str:
    """A name of PDDL as a name of ASP."""
    word = re.sub(r"[^a-z0-9]", "_", name.lower())
    return word if word[0].isalpha() else f"x{word}"


def _quote(name: str) -> str:
    return str(clingo.String(name))


class Complaints:
    """Collects what clingo says about a program, to be told as one error."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def hear(self, code: clingo.MessageCode, message: str) -> None:
        """A logger for :class:`clingo.Control`."""
        if "no atoms over signature" not in message:  # said of #show before the first step is ground
            self._said.append(re.sub(r"<block>:(\d+):\d+-(\d+:)?\d+", r"line \1", message.strip()))

    def raise_any(self) -> None:
        """Raise :class:`DomainError` if anything was said."""
        if self._said:
            raise DomainError("in the rules: " + "; ".join(" ".join(each.split()) for each in self._said))
