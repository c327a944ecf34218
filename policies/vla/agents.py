"""The registered agents. After the name may stand a folder with weights, a device or both: ``vla:weights/mine@cuda``."""

from __future__ import annotations

import re
from pathlib import Path

from nsctl.errors import InvalidValue
from policies.vla.agent import VLAAgent
from policies.vla.planned import PlannedVLAAgent

_DEVICE = re.compile(r"cpu|cuda(:\d+)?|mps")


def vla(variant: str = "") -> VLAAgent:
    """A vision-language-action network, end to end from pictures and the task's instruction."""
    return VLAAgent("vla", *_choices(variant))


def vla_state(variant: str = "") -> VLAAgent:
    """The same kind of network on the tracker's poses instead of pictures."""
    return VLAAgent("vla-state", *_choices(variant))


def vla_mamba3(variant: str = "") -> VLAAgent:
    """The same from pictures, with a Mamba-3 trunk in place of attention."""
    return VLAAgent("vla-mamba3", *_choices(variant))


def vla_planned(variant: str = "") -> PlannedVLAAgent:
    """The network of ``vla`` under our planner, which tells it one move at a time."""
    return PlannedVLAAgent("vla-planned", *_choices(variant))


def _choices(variant: str) -> tuple[Path | None, str]:
    """The folder and the device that are asked for after an agent's name."""
    folder, _, device = variant.partition("@")
    if device and not _DEVICE.fullmatch(device):
        raise InvalidValue(f"the device after @ must be cpu, cuda, cuda:N or mps, got {device!r}")
    return Path(folder) if folder else None, device or "cpu"
