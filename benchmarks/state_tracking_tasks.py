"""The tasks of `state_tracking.py`: parity, and arithmetic modulo 5 without and with brackets, drawn many rows at a time.

A row is what a model reads; its answer is asked for at the last token, and nowhere else. Lengths count the tokens that are
read, this one included:

    parity            1 0 1 1 ?                     is the number of ones odd? ("?" is the empty token)     any length >= 2
    arithmetic        2 * 3 - 4 + 1 =               * before + and -, modulo 5                           even lengths
    brackets          ( ( - 2 ) + ( 1 - 3 ) ) =     + and -, modulo 5                                    any length >= 2

After Grazzi et al. (arXiv 2411.12537) and the xLSTM paper, on which the Mamba-3 paper builds; the tokens' numbers are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MODULUS = 5
ADD, SUBTRACT, TIMES, EQUALS, OPEN, CLOSE = range(MODULUS + 1, MODULUS + 7)
"""Token 0 is empty, 1 to 5 are the digits 0 to 4, then come the signs."""


@dataclass(frozen=True)
class Rows:
    """``tokens`` [K, W] int64, empty (0) after each row's ``lengths`` [K], and the ``answers`` [K] in 0..classes - 1."""

    tokens: Tensor
    lengths: Tensor
    answers: Tensor


@dataclass(frozen=True)
class Task:
    """``draw(lengths [K], width, generator)`` makes rows; a length that cannot be is rounded down to one that can."""

    name: str
    vocabulary: int
    classes: int
    shortest: int
    draw: Callable[[Tensor, int, torch.Generator], Rows]

    def rows(self, count: int, least: int, most: int, width: int, generator: torch.Generator) -> Rows:
        """``count`` rows of lengths drawn evenly from ``least`` .. ``most`` <= ``width``, the shortest first."""
        least = max(least, self.shortest)
        lengths = torch.randint(least, most + 1, (count,), generator=generator, device=generator.device)
        return self.draw(lengths.sort().values, width, generator)


def scaled(accuracy: float, classes: int) -> float:
    """``accuracy`` in 0..1 as the paper scales it: 0 at chance, 1 if every answer is right."""
    return (accuracy - 1 / classes) / (1 - 1 / classes)


def _choose(generator: torch.Generator, shape: tuple[int, ...], below: int) -> Tensor:
    return torch.randint(below, shape, generator=generator, device=generator.device)


def parity(lengths: Tensor, width: int, generator: torch.Generator) -> Rows:
    """Bits as tokens 1 and 2, then an empty token."""
    bits = _choose(generator, (len(lengths), width), 2)
    said = torch.arange(width, device=bits.device) < lengths[:, None] - 1
    return Rows((bits + 1) * said, lengths, (bits * said).sum(1) % 2)


def arithmetic(lengths: Tensor, width: int, generator: torch.Generator) -> Rows:
    """Digits and signs in turn, then "="; folded from the left as (sum of finished terms, sign, unfinished term)."""
    lengths = lengths - lengths % 2
    count, terms = len(lengths), width // 2
    digits = _choose(generator, (count, terms), MODULUS)
    signs = _choose(generator, (count, terms), 3) + ADD  # the sign before each digit; the first is never said
    signs[:, 0] = ADD
    total, term = torch.zeros_like(lengths), torch.zeros_like(lengths)
    for i in range(terms):
        goes_on = i < lengths // 2
        digit, sign = digits[:, i], signs[:, i]
        direction = torch.where(sign == SUBTRACT, -1, 1)
        after = torch.where(sign == TIMES, term * digit, direction * digit)
        total = torch.where(goes_on & (sign != TIMES), total + term, total)
        term = torch.where(goes_on, after % MODULUS, term)
    tokens = torch.zeros(count, width, dtype=torch.int64, device=lengths.device)
    tokens[:, 0 : 2 * terms : 2] = digits + 1
    tokens[:, 1 : 2 * terms - 1 : 2] = signs[:, 1:]
    return Rows(_ended(tokens, lengths), lengths, (total + term) % MODULUS)


def brackets(lengths: Tensor, width: int, generator: torch.Generator) -> Rows:
    """Nested sums and differences, then "=".

    An expression of n >= 5 tokens is ( left sign right ) with a left part of 1 .. n - 4 tokens; shorter ones are d, -d, (d)
    and (-d). Every row keeps a stack of what is still to be written, and writes one token at a time. ``negative`` says
    whether what is written counts against the whole: no sum needs to wait for its brackets to close.
    """
    count, device = len(lengths), lengths.device
    rows = torch.arange(count, device=device)
    stack = torch.zeros(
        count, width + 4, 2, dtype=torch.int64, device=device
    )  # what: a length, or minus a token; negative
    height = torch.ones_like(lengths)
    stack[:, 0, 0] = lengths - 1
    tokens, total = torch.zeros(count, width, dtype=torch.int64, device=device), torch.zeros_like(lengths)
    for t in range(width):
        busy = height > 0
        what, negative = stack[rows, (height - 1).clamp(min=0)].unbind(-1)
        digit = _choose(generator, (count,), MODULUS)
        left = 1 + (torch.rand(count, generator=generator, device=device) * (what - 4)).long().clamp(min=0)
        minus = _choose(generator, (count,), 2)
        token = torch.where(what < 0, -what, torch.where(what == 1, digit + 1, torch.where(what == 2, SUBTRACT, OPEN)))
        tokens[:, t] = torch.where(busy, token, 0)
        total += torch.where(busy & (what == 1), digit * (1 - 2 * negative), 0)
        pushed, many = _rest(what, left, minus, negative)
        for j in range(4):
            put = busy & (j < many)
            place = (height - 1 + j).clamp(min=0)
            stack[rows, place] = torch.where(put[:, None], pushed[:, j], stack[rows, place])
        height = torch.where(busy, height - 1 + many, height)
    return Rows(_ended(tokens, lengths), lengths, total % MODULUS)


def _rest(what: Tensor, left: Tensor, minus: Tensor, negative: Tensor) -> tuple[Tensor, Tensor]:
    """What is to be written after the first token of ``what`` [K]: [K, 4, 2] with the first on top, and how many [K]."""
    none = torch.zeros_like(what)
    close, sign = none - CLOSE, -(ADD + minus)
    other = negative ^ minus
    long = torch.stack((close, none, what - 3 - left, other, sign, none, left, negative), -1)
    signed = torch.stack((none + 1, 1 - negative, none, none, none, none, none, none), -1)  # what - 2 of "- d"
    inner = torch.stack((close, none, what - 2, negative, none, none, none, none), -1)  # of "( d )" and "( - d )"
    pushed = torch.where((what >= 5)[:, None], long, torch.where((what == 2)[:, None], signed, inner))
    many = torch.where(what >= 5, 4, torch.where(what >= 3, 2, torch.where(what == 2, 1, 0)))
    return pushed.unflatten(-1, (4, 2)), many


def _ended(tokens: Tensor, lengths: Tensor) -> Tensor:
    """``tokens`` [K, W] with "=" as the last of each row and nothing after it."""
    place = torch.arange(tokens.shape[1], device=tokens.device)
    tokens = torch.where(place < lengths[:, None] - 1, tokens, 0)
    return torch.where(place == lengths[:, None] - 1, EQUALS, tokens)


TASKS = {
    task.name: task
    for task in (
        Task("parity", 3, 2, 2, parity),
        Task("arithmetic", OPEN, MODULUS, 2, arithmetic),
        Task("brackets", CLOSE + 1, MODULUS, 2, brackets),
    )
}
