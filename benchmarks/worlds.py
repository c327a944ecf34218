"""How fast the worlds turn, side by side with panda-gym's and robosuite's: control steps a second on one core.

    python benchmarks/worlds.py [--robosuite PYTHON] [--task hanoi-2] [--rounds 7] [--seconds 1.0]
                                [--batch 256] [--json] [--quick]

Every world runs in a process of its own with one thread, all pinned to the same core, and plays rounds in turn (A B C A B C
and so on), so that a noisy moment hits them all. Each has two blocks, and all take the same steps of the hand: in `sweep` it
swings open and touches nothing, in `grasp` it takes a block, lifts it, puts it back and lets go, again and again; `reset` is
timed by itself. Figures are medians over rounds of the processor's time; ratios are taken round by round, with their range.
The batch alone has all cores and is timed by the wall: a machine that is busy elsewhere has no second core to give.
PYTHON is an interpreter that has robosuite==1.5.2 with mujoco<3.10 and numpy<2; panda-gym is found in this one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nsctl import registry

HERE = Path(__file__).parent
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
BATCH_TASK = "hanoi-3"
COLUMNS = ("world", "scene", "Hz", "sweep", "grasp", "sweep, wall", "robot's time", "reset, ms", "lifted")
"""Control steps a processor second in both motions and a wall second in one; seconds of the robot's time in a processor
second, sweeping and grasping; the share of a grasping round that held the block in the air, which shows that all do so."""
TWO_CORES = 1.7
"""Processor seconds in a wall second that two threads must have had, or there was no second core to be had."""
LONGER = 3.0
"""A batch is measured for this many times a round's length: two cores are seldom quiet at once."""


class LeftOut(Exception):
    """Why a row is missing, in a sentence."""


class Contestant:
    """A process that plays rounds for one world."""

    def __init__(self, python: str, script: str, *words: str, core: int | None) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
        command = [python, str(HERE / script), *words]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**os.environ, **ONE_THREAD},
        )
        if core is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self._process.pid, {core})
        self.about: Mapping[str, Any] = self._answer()
        self.rounds: dict[str, list[dict[str, float]]] = {}

    @property
    def name(self) -> str:
        return str(self.about["world"])

    def play(self, what: str, seconds: float) -> None:
        """One more round, kept in ``rounds``."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"what": what, "seconds": seconds}) + "\n")
        self._process.stdin.flush()
        self.rounds.setdefault(what, []).append(self._answer())

    def rates(self, what: str, clock: str = "cpu") -> list[float]:
        """How often a second in each round: control steps, resets or pictures."""
        each = self.about.get("a_call", 1)
        return [each * played["count"] / played[clock] for played in self.rounds.get(what, ())]

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        self._said.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._said.seek(0)
            why = [said.strip() for said in self._said if said.strip()] or ["it ended without a word"]
            raise LeftOut(why[-1])
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass
class Race:
    """All who take part, and why the others do not."""

    contestants: dict[str, Contestant] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def enter(self, key: str, python: str, script: str, *words: str, core: int | None) -> None:
        try:
            self.contestants[key] = Contestant(python, script, *words, core=core)
        except (LeftOut, OSError) as error:
            self.left_out[key] = str(error)

    def play(self, keys: Sequence[str], what: Sequence[str], rounds: int, seconds: float) -> None:
        """Rounds in turn; who fails is left out from then on."""
        for number, one in ((n, w) for n in range(rounds + 1) for w in what):
            for key in [k for k in keys if k in self.contestants]:
                try:
                    # The first round warms up: what is compiled, cached and loaded late is not what is asked about.
                    self.contestants[key].play(one, seconds if number else min(seconds, 0.2))
                except (LeftOut, OSError) as error:
                    self.left_out[key] = str(error)
                    del self.contestants[key]
                    continue
                if not number:
                    self.contestants[key].rounds.pop(one)

    def ratios(self, ours: str, theirs: str, what: str, clock: str = "cpu") -> list[float]:
        """Our rate over theirs, round by round; empty if one of them is missing."""
        pair = [self.contestants[key].rates(what, clock) for key in (ours, theirs) if key in self.contestants]
        return [a / b for a, b in zip(*pair, strict=True)] if len(pair) == 2 else []

    def cores(self, key: str) -> list[float]:
        """Processor seconds that a batch had in a wall second, round by round."""
        rounds = self.contestants[key].rounds.get("steps", ()) if key in self.contestants else ()
        return [played["cpu"] / played["wall"] for played in rounds]


def compete(wanted: argparse.Namespace) -> Race:
    """Let everyone in that can be had, and play all rounds."""
    core = max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    race, engines = Race(), list(registry.parts("engines"))
    for engine in engines:
        race.enter(engine, sys.executable, "worlds_ours.py", "world", wanted.task, engine, core=core)
        race.enter(f"{engine} camera", sys.executable, "worlds_ours.py", "camera", wanted.task, engine, core=core)
    if not wanted.quick:
        if find_spec("panda_gym"):
            race.enter("panda-gym", sys.executable, "worlds_panda_gym.py", core=core)
        else:
            race.left_out["panda-gym"] = "not installed here: pip install panda-gym==3.0.7"
        if wanted.robosuite:
            race.enter("robosuite", wanted.robosuite, "worlds_robosuite.py", core=core)
        else:
            race.left_out["robosuite"] = "say --robosuite PYTHON, an interpreter that has robosuite==1.5.2"
        count = ("--count", str(wanted.batch))
        for threads in ("1", "2"):
            race.enter(
                f"batch {threads}", sys.executable, "worlds_ours.py", "batch", BATCH_TASK, threads, *count, core=None
            )
    race.play([*engines, "panda-gym", "robosuite"], ("sweep", "grasp", "reset"), wanted.rounds, wanted.seconds)
    race.play([f"{engine} camera" for engine in engines], ("picture",), wanted.rounds, wanted.seconds)
    race.play(["batch 1", "batch 2"], ("steps",), wanted.rounds, LONGER * wanted.seconds)
    for contestant in race.contestants.values():
        contestant.close()
    return race


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median and range, or a dash if there is none."""
    if not values:
        return "–"
    low, middle, high = (f"{f(values):.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} ({low}–{high})"


def speeds(race: Race) -> list[tuple[str, ...]]:
    """A row of ``COLUMNS`` for each world."""
    rows: list[tuple[str, ...]] = []
    for one in race.contestants.values():
        if "sweep" not in one.rounds:
            continue
        hz = one.about["hz"]
        sweeps, grasps = one.rates("sweep"), one.rates("grasp")
        wall = statistics.median(one.rates("sweep", "wall"))
        lifted = statistics.median(played["lifted"] for played in one.rounds["grasp"])
        reset = [1000 / rate for rate in one.rates("reset")]
        robot = f"{statistics.median(sweeps) / hz:.1f} / {statistics.median(grasps) / hz:.1f}"
        row = (one.name, one.about["scene"], f"{hz:g}", spread(sweeps), spread(grasps), f"{wall:.0f}", robot)
        rows.append((*row, spread(reset, 2), f"{100 * lifted:.0f} %"))
    return rows


@dataclass(frozen=True)
class Demand:
    """What the figures must show: a median that is at least (or at most) so much."""

    what: str
    figures: Sequence[float]
    bound: float
    at_most: bool = False

    def row(self) -> tuple[str, ...]:
        sign = "<=" if self.at_most else ">="
        return (self.what, spread(self.figures, 2 if self.bound < 100 else 0), f"{sign} {self.bound:g}", self.verdict)

    @property
    def verdict(self) -> str:
        if not self.figures:
            return "not measured"
        middle = statistics.median(self.figures)
        return "yes" if (middle <= self.bound if self.at_most else middle >= self.bound) else "no"


def demands(race: Race) -> list[Demand]:
    found = []
    for ours, theirs, bound in (("mujoco", "robosuite", 10.0), ("pybullet", "panda-gym", 1.2)):
        for motion in ("sweep", "grasp"):
            found.append(Demand(f"{ours} / {theirs}, {motion}", race.ratios(ours, theirs, motion), bound))
    for key, one in race.contestants.items():
        if key.endswith(" camera"):
            found.append(Demand(f"{one.name}: pictures a second, 128 x 128", one.rates("picture"), 300))
        elif one.name.startswith("nsctl") and "reset" in one.rounds:
            found.append(Demand(f"{one.name}: reset, ms", [1000 / r for r in one.rates("reset")], 3.0, at_most=True))
    both = statistics.median(race.cores("batch 2") or [0.0]) >= TWO_CORES
    gain = race.ratios("batch 2", "batch 1", "steps", "wall") if both else []
    return [*found, Demand("batch: two threads / one", gain, 1.85)]


def print_table(*rows: tuple[str, ...]) -> None:
    """Aligned columns, the first row being their names."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()


def report(race: Race) -> None:
    print_table(COLUMNS, *speeds(race))
    print_table(("what", "median (range)", "asked for", "met"), *(demand.row() for demand in demands(race)))
    for key in ("batch 1", "batch 2"):
        if key in race.contestants:
            rate = spread(race.contestants[key].rates("steps", "wall"))
            wide = race.contestants[key].about["a_call"]
            cores = spread(race.cores(key), 2)
            print(
                f"{key.removeprefix('batch ')} thread(s), {BATCH_TASK}, {wide} worlds at once: {rate} steps a wall second"
            )
            print(f"  on {cores} cores; threads are compared only where two of them had {TWO_CORES} cores or more")
    for one in race.contestants.values():
        if one.about["versions"]:
            print(f"{one.name}: {', '.join(f'{k} {v}' for k, v in one.about['versions'].items())}")
    for key, why in race.left_out.items():
        print(f"{key} is left out: {why}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--robosuite", metavar="PYTHON", help="an interpreter that has robosuite==1.5.2")
    parser.add_argument("--task", default="hanoi-2", help="our scene; the peers' have two blocks")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="processor seconds of one round")
    parser.add_argument("--batch", type=int, default=256, metavar="N", help="worlds side by side in the batch")
    parser.add_argument("--json", action="store_true", help="every round as JSON")
    parser.add_argument("--quick", action="store_true", help="one blink of our own worlds: does it run?")
    wanted = parser.parse_args()
    if wanted.quick:
        wanted.rounds, wanted.seconds = 1, 0.05
    race = compete(wanted)
    if wanted.json:
        rounds = {key: {"about": one.about, "rounds": one.rounds} for key, one in race.contestants.items()}
        asked = [{"what": d.what, "figures": d.figures, "bound": d.bound, "met": d.verdict} for d in demands(race)]
        print(json.dumps({"worlds": rounds, "asked": asked, "left_out": race.left_out}, indent=1))
    else:
        report(race)


if __name__ == "__main__":
    main()
