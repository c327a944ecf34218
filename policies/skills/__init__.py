"""Skills: options that achieve one operator each, neural and scripted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the scripted skills need no torch
    from policies.skills.neural import NeuralSkill
    from policies.skills.scripted import ScriptedSkill, StrokeSkill


def pick() -> NeuralSkill:
    """The shipped neural ``pick``."""
    from policies.skills.neural import NeuralSkill

    return NeuralSkill("pick")


def place() -> NeuralSkill:
    """The shipped neural ``place``."""
    from policies.skills.neural import NeuralSkill

    return NeuralSkill("place")


def stack() -> NeuralSkill:
    """The shipped neural ``place`` at the work of ``stack``: to it, a block is a place like any other."""
    from policies.skills.neural import NeuralSkill

    return NeuralSkill("stack")


def pick_scripted() -> ScriptedSkill:
    """The scripted ``pick``."""
    from policies.skills.scripted import ScriptedSkill

    return ScriptedSkill("pick")


def place_scripted() -> ScriptedSkill:
    """The scripted ``place``."""
    from policies.skills.scripted import ScriptedSkill

    return ScriptedSkill("place")


def stack_scripted() -> ScriptedSkill:
    """The scripted ``stack``."""
    from policies.skills.scripted import ScriptedSkill

    return ScriptedSkill("stack")


def open_scripted() -> StrokeSkill:
    """The scripted ``open``."""
    from policies.skills.scripted import StrokeSkill

    return StrokeSkill("open")


def close_scripted() -> StrokeSkill:
    """The scripted ``close``."""
    from policies.skills.scripted import StrokeSkill

    return StrokeSkill("close")


def push_scripted() -> StrokeSkill:
    """The scripted ``push``."""
    from policies.skills.scripted import StrokeSkill

    return StrokeSkill("push")
