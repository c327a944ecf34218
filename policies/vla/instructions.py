"""What a vision-language-action network is told: a task's instruction, or that of a part of it, in many wordings.

Each kind of work has wordings that training draws from and others that it never shows, so that what a network makes of
new words can be told. A disc is called by its name or by its colour, a place by its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from nsctl.errors import InvalidValue
from nsctl.symbolic import PlanStep, SymbolicState

COLOURS = {
    "disc1": "red",
    "disc2": "orange",
    "disc3": "green",
    "disc4": "blue",
    "disc5": "purple",
    "disc6": "teal",
}
PEGS = ("left", "middle", "right")


@dataclass(frozen=True)
class Wordings:
    """The ways to say one kind of work, with ``{x}``, ``{y}`` and ``{z}`` for what it is about."""

    taught: tuple[str, ...]
    held_out: tuple[str, ...]
    """Understood by the agent, never seen in training."""


_RULES = "one disc at a time, never a larger disc on a smaller one"
WORDINGS = {
    "hanoi": Wordings(
        (
            "Move the tower of {x} from the left peg to the right peg, " + _RULES + ".",
            "Bring all there is, {x}, to the right peg. Carry one at a time, and put none on a smaller one.",
            "Rebuild the tower of {x} on the right: single moves only, and no disc may lie on one smaller than itself.",
            "Move all {x} to the right peg, " + _RULES + ".",
            "Solve the Towers of Hanoi with {x}, from left to right.",
            "Take the tower of {x} over to the right peg, disc by disc, no disc ever on a smaller one.",
            "Stack {x} on the right peg, largest at the bottom, moving one at a time.",
            "The tower of {x} belongs on the right peg. Only single, legal moves.",
            "Shift the whole tower, {x}, from left to right, " + _RULES + ".",
            "Transfer {x} from the left to the right peg by legal moves.",
        ),
        (
            "Carry the tower of {x} from left to right and keep smaller discs above larger ones.",
            "Please get {x} onto the right peg, one after the other, by the rules of Hanoi.",
        ),
    ),
    "move": Wordings(
        (
            "Move {x} from {y} to {z}.",
            "Take {x} off the {y} peg and put it on the {z} one.",
            "Make one move: {x}, {y} to {z}.",
            "Move {x} from the {y} peg to the {z} peg.",
            "Bring {x} over from {y} to {z}.",
            "Pick {x} up from the {y} peg and place it on the {z} peg.",
            "{x} goes from {y} to {z}.",
            "Carry {x} from the {y} peg onto the {z} peg.",
            "Put {x}, now on the {y} peg, on the {z} peg.",
            "Lift {x} off {y} and set it down on {z}.",
        ),
        ("Transfer {x} from the {y} peg to the {z} one.", "Please move {x}: it is on {y} and belongs on {z}."),
    ),
    "pick": Wordings(
        (
            "Pick up {x}.",
            "Pick {x}.",
            "Take {x} from the {y} peg.",
            "Grasp {x} and lift it.",
            "Lift {x} off the {y} peg.",
            "Get hold of {x}.",
            "Grab {x} from {y}.",
            "Take {x} into the hand.",
            "Pick up {x} on the {y} peg.",
            "Raise {x} off {y}.",
        ),
        ("Seize {x} and bring it up.", "Please take {x} off {y}."),
    ),
    "place": Wordings(
        (
            "Put {x} on the {z} peg.",
            "Place {x} on {z}.",
            "Set {x} down on the {z} peg.",
            "Put {x} onto {z}.",
            "Bring {x} to the {z} peg and let it go.",
            "Lower {x} onto the {z} peg.",
            "Drop {x} off at {z}.",
            "{x}, in the hand, goes on the {z} peg.",
            "Release {x} on the {z} peg.",
            "Lay {x} down on {z}.",
        ),
        ("Deposit {x} on the {z} peg.", "Please put down {x} at {z}."),
    ),
}
"""Kind of work -> wordings; the first of each are those of the tasks themselves, where a task has the kind."""


@dataclass(frozen=True)
class Work:
    """Something to be told: its kind, the disc (or how many discs, of ``hanoi``), the pegs that it leaves and comes to."""

    kind: str
    thing: str
    source: str = ""
    goal: str = ""


def of_steps(steps: Sequence[PlanStep], stands: dict[str, str]) -> Work:
    """The work of one plan step, or of a pick and a place of the same disc; ``stands`` says on which peg each disc is.

    Refuses steps of other operators, and things that are no discs or pegs.
    """
    kinds = [step.operator for step in steps]
    disc = steps[0].arguments[0] if steps and steps[0].arguments else ""
    same = {step.arguments[0] for step in steps if step.arguments} == {disc}
    if kinds not in (["pick"], ["place"], ["pick", "place"]) or not same or disc not in COLOURS:
        told = ", ".join(map(str, steps)) or "nothing"
        raise InvalidValue(f"there are words for pick(disc, support) and place(disc, support) of discs, not for {told}")
    goal = "" if kinds == ["pick"] else _peg(steps[-1].arguments[1], stands)
    source = "" if kinds == ["place"] else _peg(steps[0].arguments[1], stands)
    return Work("move" if len(kinds) == 2 else kinds[0], disc, source, goal)


def said(work: Work, rng: np.random.Generator | None = None, *, held_out: bool = False) -> str:
    """The work in words: the plainest without ``rng``, else any of those taught, or of those held out."""
    wordings = WORDINGS[work.kind].held_out if held_out else WORDINGS[work.kind].taught
    template = wordings[0] if rng is None else wordings[rng.integers(len(wordings))]
    by_colour = rng is not None and work.thing in COLOURS and rng.random() < 0.5
    thing = f"the {COLOURS[work.thing]} disc" if by_colour else work.thing
    text = template.format(x=thing, y=work.source or "table", z=work.goal or "table")
    return text[0].upper() + text[1:] if by_colour else text


def understood(instruction: str) -> Work:
    """The work that an instruction tells of, in any wording, held out or not; refuses one that nobody was taught."""
    for kind, pattern, names in _patterns():
        if match := pattern.fullmatch(instruction.strip()):
            found = dict(zip(names, match.groups(), strict=True))
            thing = found["x"].lower()
            disc = next((name for name, colour in COLOURS.items() if thing == f"the {colour} disc"), thing)
            return Work(kind, disc, _place(found.get("y", "")), _place(found.get("z", "")))
    examples = "; ".join(repr(said(work)) for work in EXAMPLES)
    raise InvalidValue(f"the instruction {instruction!r} is none that was taught. There are, among others: {examples}")


EXAMPLES = (Work("hanoi", "3 discs"), Work("move", "disc1", "left", "right"), Work("place", "disc2", "", "middle"))


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...]:
    disc = "|".join([*COLOURS, *(f"[Tt]he {colour} disc" for colour in COLOURS.values())])
    peg = "|".join([*PEGS, "table"])
    found = []
    for kind, wordings in WORDINGS.items():
        thing = r"[2-6] discs|one disc" if kind == "hanoi" else disc
        for template in (*wordings.taught, *wordings.held_out):
            names = tuple(re.findall(r"\{(\w)\}", template))
            parts = re.split(r"\{\w\}", template)
            holes = [f"({thing})" if name == "x" else f"({peg})" for name in names]
            body = "".join(re.escape(part) + hole for part, hole in zip(parts, [*holes, ""], strict=True))
            found.append((kind, re.compile(body), names))
    return tuple(found)


def standing(state: SymbolicState) -> dict[str, str]:
    """At the bottom of what each disc is, be it on others: a peg, or the table."""
    on = {atom.arguments[0]: atom.arguments[1] for atom in state.atoms if atom.predicate == "on"}
    found = dict(on)
    for _ in on:
        found = {disc: on.get(support, support) for disc, support in found.items()}
    return found


def _peg(support: str, stands: dict[str, str]) -> str:
    """The peg that a support is or stands on; empty for the table."""
    peg = stands.get(support, support)
    return peg if peg in PEGS else ""


def _place(name: str) -> str:
    return name if name in PEGS else ""
