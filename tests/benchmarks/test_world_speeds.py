"""The speed comparison runs, and judges by the right side of each bound."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "worlds.py"


def test_our_own_part_runs_and_grasps() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--quick", "--json"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    rounds = told["worlds"]["mujoco"]["rounds"]
    assert {what: len(played) for what, played in rounds.items()} == {"sweep": 1, "grasp": 1, "reset": 1}
    assert rounds["sweep"][0]["lifted"] == 0
    assert all(played["count"] > 0 and played["cpu"] > 0 for (played,) in rounds.values())
    assert not told["left_out"].get("mujoco")


def test_a_bound_is_met_from_the_right_side() -> None:
    demand = runpy.run_path(str(SCRIPT))["Demand"]
    assert demand("rate", [1.0, 2.0, 9.0], 2.0).verdict == "yes"
    assert demand("rate", [1.0, 1.9, 9.0], 2.0).verdict == "no"
    assert demand("reset", [1.0, 1.9, 9.0], 2.0, at_most=True).verdict == "yes"
    assert demand("reset", [], 2.0, at_most=True).verdict == "not measured"
