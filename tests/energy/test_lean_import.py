"""Importing the meters, and asking them who they are, imports nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys

HEAVY = ("torch", "mujoco", "pybullet", "clingo", "codecarbon", "pynvml")
SCRIPT = f"""
import sys
from energy.meters.carbon import CodecarbonMeter
from energy.meters.modelled import ModelledMeter
from energy.meters.nvml import NvmlMeter
from energy.meters.rapl import RaplMeter
from energy.meters.wall import WallMeter
for meter in (CodecarbonMeter(), ModelledMeter(), NvmlMeter(), RaplMeter(), WallMeter()):
    meter.describe()
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_meters_are_lean_until_they_are_used() -> None:
    path = os.pathsep.join(filter(None, sys.path))
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=False,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (told.stdout.strip(), told.stderr) == ("[]", "")
