"""Lisp-like text as a tree whose every node knows its line, so that a later complaint can name it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nsctl.errors import DomainError

DEEPEST = 100
"""Parentheses within parentheses; what is nested deeper was not meant, and would exhaust the stack of its readers."""
SHOWN = 8
"""Members of a list that a message quotes."""
BYTE_ORDER_MARK = "\ufeff"

_TOKEN = re.compile(r";[^\n]*|[()]|[^\s();]+|\n")


class PddlError(DomainError):
    """PDDL text that cannot be read; the message names the file, the line, what was found and what was expected."""

    def __init__(self, line: int, message: str, source: str = "") -> None:
        super().__init__(f"{source}, line {line}: {message}" if source else f"line {line}: {message}")
        self.line, self.message = line, message

    @classmethod
    def found(cls, node: Node, expected: str) -> PddlError:
        """The error that ``node`` stands where ``expected`` should."""
        return cls(node.line, f"found {node}, expected {expected}")


@dataclass(frozen=True)
class Word:
    """A name, a number, a variable or a keyword, in lower case."""

    text: str
    line: int

    def __str__(self) -> str:
        return repr(self.text)


@dataclass(frozen=True)
class Form:
    """A parenthesised list."""

    items: tuple[Node, ...]
    line: int

    @property
    def head(self) -> str:
        """The first word of the list, or the empty text if it does not start with a word."""
        first = self.items[0] if self.items else None
        return first.text if isinstance(first, Word) else ""

    @property
    def rest(self) -> tuple[Node, ...]:
        """Everything after the head."""
        return self.items[1:]

    def __str__(self) -> str:
        members = [item.text if isinstance(item, Word) else "(...)" for item in self.items[:SHOWN]]
        more = ["..."] * (len(self.items) > SHOWN)
        return repr(f"({' '.join([*members, *more])})")


Node = Word | Form


def _tokens(text: str) -> Iterator[Word]:
    line = 1
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif not token.startswith(";"):
            if not token.isprintable():
                raise PddlError(line, f"found {token[:40]!r}, expected text without control characters")
            yield Word(token.lower(), line)


def parse(text: str) -> Form:
    """The one parenthesised form that ``text`` holds; comments run from ``;`` to the end of the line."""
    done: Form | None = None
    opened: list[tuple[int, list[Node]]] = []
    last = 1
    for token in _tokens(text.removeprefix(BYTE_ORDER_MARK)):
        last = token.line
        if done is not None:
            raise PddlError.found(token, "the end of the text")
        if token.text == "(":
            if len(opened) == DEEPEST:
                raise PddlError(
                    last, f"found parentheses nested more than {DEEPEST} deep, expected a shallower condition"
                )
            opened.append((token.line, []))
        elif not opened:
            raise PddlError.found(token, "'('")
        elif token.text == ")":
            line, items = opened.pop()
            form = Form(tuple(items), line)
            if opened:
                opened[-1][1].append(form)
            else:
                done = form
        else:
            opened[-1][1].append(token)
    if opened:
        raise PddlError(last, f"found the end of the text, expected ')' for the '(' of line {opened[-1][0]}")
    if done is None:
        raise PddlError(last, "found the end of the text, expected '('")
    return done
