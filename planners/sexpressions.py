"""Lisp-like text as a tree whose every node knows its line, so that a later complaint can name it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nsctl.errors import DomainError

_TOKEN = re.compile(r";[^\n]*|[()]|[^\s();]+|\n")


class PddlError(DomainError):
    """PDDL text that cannot be read; the message names the line, what was found and what was expected."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line

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
        inside = " ".join(item.text if isinstance(item, Word) else "(...)" for item in self.items)
        return repr(f"({inside})")


Node = Word | Form


def _tokens(text: str) -> Iterator[Word]:
    line = 1
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif not token.startswith(";"):
            yield Word(token.lower(), line)


def parse(text: str) -> Form:
    """The one parenthesised form that ``text`` holds; comments run from ``;`` to the end of the line."""
    done: Form | None = None
    opened: list[tuple[int, list[Node]]] = []
    last = 1
    for token in _tokens(text):
        last = token.line
        if done is not None:
            raise PddlError.found(token, "the end of the text")
        if token.text == "(":
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
