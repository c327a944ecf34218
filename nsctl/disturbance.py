"""What is done to a world on purpose, as data: the kinds that there are, and how strong one is wanted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nsctl.errors import InvalidValue, UnknownName

KINDS = {
    "push": "a loose body is pushed",
    "snatch": "a body is taken away, out of the grip too, and put down elsewhere",
    "hand": "a push or a snatch, as it comes",
    "slip": "what is held slips from the gripper",
    "noise": "the tracker's readings jitter for two seconds",
    "dropout": "the tracker loses a body for a second and repeats where it saw it last",
    "lag": "commands reach the arm late",
    "friction": "bodies are more or less slippery than they were",
    "mass": "bodies are heavier or lighter than they were",
    "camera": "the fixed cameras stand a little off",
}
"""What each does, in a few words. ``docs/disturbances.md`` says what strength 1 means."""
STRONGEST = 5.0


@dataclass(frozen=True)
class Disturbance:
    """A kind of disturbance and its strength: 1 is the kind's own measure, 0 does nothing."""

    kind: str
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownName("kind of disturbance", self.kind, KINDS)
        if not 0.0 <= self.strength <= STRONGEST:
            raise InvalidValue(f"the strength of {self.kind} must lie between 0 and {STRONGEST:g}, got {self.strength}")

    def __str__(self) -> str:
        return self.kind if self.strength == 1.0 else f"{self.kind}:{self.strength:g}"


def parse(text: str) -> Disturbance:
    """The disturbance that ``KIND`` or ``KIND:STRENGTH`` asks for."""
    kind, colon, strength = text.partition(":")
    try:
        return Disturbance(kind, float(strength) if colon else 1.0)
    except InvalidValue:
        raise
    except ValueError:
        raise InvalidValue(f"the strength in {text!r} must be a number, as in {kind}:0.5") from None


def require_distinct(disturbances: Iterable[Disturbance]) -> None:
    """Refuse a kind that is asked for twice: it has one strength and one stream of random numbers."""
    kinds = [disturbance.kind for disturbance in disturbances]
    if twice := [kind for kind in kinds if kinds.count(kind) > 1]:
        raise InvalidValue(f"the disturbance {twice[0]} is asked for twice: give it once, with one strength")
