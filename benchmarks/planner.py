"""How long a plan takes, and how long the plan is: our planner beside Fast Downward and pyperplan.

    python -m venv RIVALS && RIVALS/bin/pip install up-fast-downward pyperplan
    python benchmarks/planner.py --rivals RIVALS/bin/python --split held-out --out planner.jsonl
    python benchmarks/planner.py --report planner.jsonl

The rivals live in an environment of their own, because Fast Downward and pyperplan are GPL-3 and never a dependency of
ours. Without ``--rivals`` only our planner runs. The wheel of Fast Downward holds its driver, its search binary (Linux,
216 MB) and, as the package ``fast-downward.translate``, its translator; unified-planning is not needed.

One run is one instance in one planner, in a process of its own, one after the other, with 10 s of CPU time (user and
system, over all threads and children) and twice as much wall time. What is counted:

* ``ours-optimal``, ``ours-first``: from the two texts to the plan, in a process that has imported ``planners``;
* ``fd-lmcut``, ``fd-ipdb`` (A*), ``fd-lama`` (first iteration): the whole driver with its children, which is what one
  pays who calls Fast Downward as it comes;
* the same with ``-tuned``: the translator called in a process that has imported it, then the bare binary fed through a
  pipe; no start of Python, no file between the two;
* ``pp-lmcut`` (A*), ``pp-gbfs-hff``: pyperplan's call from the two files to the plan, in a process that has imported it.

Imports are not counted in ours, tuned and pp; they are measured apart and reported once as ``import``. Every plan is
validated by the simulator in this script, which shares no code with any planner. Optimal planners that disagree on the
length are reported loudly, and the script then ends with status 1. An optimal planner's plan counts only with its proof.

Runs are appended to ``--out`` as JSON lines. ``--report`` prints the tables from such a file; where an instance was
run more than once in a planner, the latest call of the script counts, by the median over its ``--repeats``.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import io
import json
import math
import os
import platform
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Timer
from typing import Any

Step = list[str]
"""The name of an operator and its arguments."""

OURS = ("ours-optimal", "ours-first")
FD_SEARCH = {
    "fd-lmcut": ["--search", "astar(lmcut())"],
    "fd-ipdb": ["--search", "astar(ipdb())"],
    "fd-lama": ["--alias", "lama-first"],
}
PP_SEARCH = {"pp-lmcut": ("astar", "lmcut"), "pp-gbfs-hff": ("gbf", "hff")}
FD = tuple(name + flavour for name in FD_SEARCH for flavour in ("", "-tuned"))
PLANNERS = (*OURS, *FD, *PP_SEARCH)
OPTIMAL = tuple(name for name in PLANNERS if name == "ours-optimal" or "lmcut" in name or "ipdb" in name)
FIRST = tuple(name for name in PLANNERS if name not in OPTIMAL)

MEMORY = 4 << 30
"""Bytes of address space that any one process may take."""


# ---------------------------------------------------------------------------------------------------- one planner's call


def plan_ours(domain_text: str, problem_text: str, quality: str, time_limit: float) -> Any:
    """Our planner's outcome, from the texts: the one place where the benchmark touches ``planners``."""
    from planners.clingo import ClingoPlanner
    from planners.pddl import domain_from_pddl, problem_from_pddl

    problem = problem_from_pddl(problem_text, domain_from_pddl(domain_text))
    session: Any = ClingoPlanner().session(problem)
    return session.plan(problem.init, optimal=quality == "optimal", time_limit=time_limit)


def ours(planner: str, files: Sequence[str], limit: float) -> Callable[[], dict[str, Any]]:
    # Whatever the planner imports late is still an import, not planning.
    for module in ("planners.clingo", "planners.pddl", "nsctl.outcomes", "clingo"):
        importlib.import_module(module)
    domain, problem = (Path(file).read_text() for file in files)

    def call() -> dict[str, Any]:
        outcome = plan_ours(domain, problem, planner.removeprefix("ours-"), limit)
        kind = type(outcome).__name__
        if kind != "Solved":
            status = {"TimedOut": "timeout", "ProvenUnsolvable": "unsolvable"}.get(kind, "error")
            return {"status": status, "error": str(outcome), "bound": getattr(outcome, "bound", None)}
        plan = [[step.operator, *step.arguments] for step in outcome.plan]
        about = {"proven": outcome.optimal, "bound": outcome.bound, "engine": outcome.planner}
        return {"status": "solved", "plan": plan, **about}

    return call


def fd_tuned(planner: str, files: Sequence[str], limit: float) -> Callable[[], dict[str, Any]]:
    """Fast Downward without its driver: translated here, searched by the binary."""
    where = "fast_downward.translate"
    names = ("options", "pddl_parser", "normalize", "main")
    options, pddl_parser, normalize, main = (importlib.import_module(f"{where}.{name}") for name in names)
    options.set_options(list(files))
    binary = str(driver().parent / "builds/release/bin/downward")
    search = FD_SEARCH[planner.removesuffix("-tuned")]
    if search[0] == "--alias":
        sys.path.insert(0, str(driver().parent))
        search = importlib.import_module("driver.aliases").ALIASES[search[1]]

    def call() -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()):
            task = pddl_parser.open(domain_filename=files[0], problem_filename=files[1])
            normalize.normalize(task)
            translated = io.StringIO()
            main.pddl_to_sas(task).output(translated)
        command = [binary, *search, "--internal-plan-file", "plan"]
        ended = subprocess.run(command, input=translated.getvalue(), text=True, capture_output=True, check=False)
        return fd_result(ended.returncode, ended.stdout + ended.stderr, Path("plan"))

    return call


def pp(planner: str, files: Sequence[str], limit: float) -> Callable[[], dict[str, Any]]:
    pyperplan = importlib.import_module("pyperplan.planner")
    search, heuristic = PP_SEARCH[planner]

    def call() -> dict[str, Any]:
        found = pyperplan.search_plan(*files, pyperplan.SEARCHES[search], pyperplan.HEURISTICS[heuristic])
        if found is None:
            return {"status": "unsolvable"}
        return {"status": "solved", "plan": [step.name.strip("()").split() for step in found]}

    return call


def driver() -> Path:
    """The driver of Fast Downward, found without importing the wheel, which would import unified-planning."""
    spec = importlib.util.find_spec("up_fast_downward")
    if spec is None:
        raise SystemExit(f"{sys.executable} has no up-fast-downward; pip install up-fast-downward pyperplan there")
    return Path(next(iter(spec.submodule_search_locations or ()))) / "downward/fast-downward.py"


def fd_result(code: int, output: str, plan_file: Path) -> dict[str, Any]:
    """What an exit code of Fast Downward means (its driver/returncodes.py)."""
    if plan_file.exists():
        lines = [line for line in plan_file.read_text().splitlines() if not line.startswith(";")]
        return {"status": "solved", "plan": [line.strip("()").split() for line in lines]}
    status = {10: "unsolvable", 11: "unsolvable", 20: "memory", 22: "memory", 24: "memory"}.get(code, "error")
    timed_out = code in (21, 23, -signal.SIGXCPU, -signal.SIGKILL)
    return {"status": "timeout" if timed_out else status, "error": f"exit {code}: {output[-300:]}"}


def worker(planner: str, files: Sequence[str], limit: float) -> None:
    """Runs in the child: import, then plan, and print what both took as one line of JSON."""
    begun = cpu_so_far()
    prepare = ours if planner in OURS else pp if planner in PP_SEARCH else fd_tuned
    call = prepare(planner, files, limit)
    ready, wall = cpu_so_far(), time.perf_counter()
    try:
        result = call()
    except MemoryError:
        result = {"status": "memory"}
    result |= {"cpu": cpu_so_far() - ready, "wall": time.perf_counter() - wall, "import_cpu": ready - begun}
    print(json.dumps(result), flush=True)
    os._exit(0)  # Tearing down a large search space can take longer than the search.


def cpu_so_far() -> float:
    """Seconds of user and system time of this process, all threads, and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


# ------------------------------------------------------------------------------------------------------- one run, outside


@dataclass
class Run:
    """One instance in one planner once; ``status``: solved, unproven, invalid, timeout, memory, unsolvable or error."""

    call: str
    instance: str
    family: str
    split: str
    text: str
    planner: str
    limit: float
    status: str
    cpu: float
    wall: float
    length: int | None = None
    proven: bool = False
    bound: int | None = None
    import_cpu: float | None = None
    engine: str = ""
    error: str = ""
    plan: list[Step] = field(default_factory=list)


def run(planner: str, texts: tuple[str, str], limit: float, rivals: str | None) -> dict[str, Any]:
    """Start ``planner`` on ``texts``, wait, and judge the limit by the CPU time that was really used."""
    with tempfile.TemporaryDirectory(prefix="planner-bench-") as folder:
        files = [str(Path(folder) / name) for name in ("domain.pddl", "problem.pddl")]
        for file, text in zip(files, texts, strict=True):
            Path(file).write_text(text)
        result = _driven(planner, files, limit, rivals) if planner in FD_SEARCH else None
        result = result or _worked(planner, files, limit, sys.executable if planner in OURS else str(rivals))
    if result["cpu"] > limit and result["status"] in ("solved", "error", "memory"):
        result = {"cpu": result["cpu"], "wall": result["wall"], "status": "timeout"}
    return result


def _worked(planner: str, files: Sequence[str], limit: float, python: str) -> dict[str, Any]:
    command = [python, str(Path(__file__).resolve()), "--worker", planner, "--limit", str(limit), *files]
    code, cpu, wall, output, errors = _spawn(command, Path(files[0]).parent, limit)
    lines = output.strip().splitlines()
    if code == 0 and lines:
        answer: dict[str, Any] = json.loads(lines[-1])
        return answer
    killed = code in (-signal.SIGKILL, -signal.SIGXCPU)
    return {
        "status": "timeout" if killed else "error",
        "cpu": cpu,
        "wall": wall,
        "error": f"exit {code}: {errors[-300:]}",
    }


def _driven(planner: str, files: Sequence[str], limit: float, rivals: str | None) -> dict[str, Any]:
    """The driver is its own process: all that it and its children use counts, the start of Python included."""
    folder = Path(files[0]).parent
    head, tail = ([], FD_SEARCH[planner]) if "--search" in FD_SEARCH[planner] else (FD_SEARCH[planner], [])
    command = [str(rivals), _driver_of(str(rivals)), "--plan-file", "plan", *head, *files, *tail]
    code, cpu, wall, output, errors = _spawn(command, folder, limit)
    return {**fd_result(code, output + errors, folder / "plan"), "cpu": cpu, "wall": wall}


def _driver_of(rivals: str, known: dict[str, str] = {}) -> str:  # noqa: B006 - a memory of what does not change
    if rivals not in known:
        asked = subprocess.run([rivals, __file__, "--driver"], capture_output=True, text=True, check=True)
        known[rivals] = asked.stdout.strip()
    return known[rivals]


def _spawn(command: Sequence[str], folder: Path, limit: float) -> tuple[int, float, float, str, str]:
    """Exit status, CPU and wall seconds, output and errors of ``command`` with all its descendants."""

    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), "PYTHONHASHSEED": "0"}
    with open(folder / "stdout", "w+") as out, open(folder / "stderr", "w+") as err:
        begun = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, env=environment, start_new_session=True)
        # Its children inherit these. A second more than the limit for imports: what counts is judged by the time used.
        seconds = math.ceil(limit) + 1
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(child.pid, resource.RLIMIT_CPU, (seconds, seconds + 1))
            resource.prlimit(child.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
        timer = Timer(2 * limit, _kill_group, [child.pid])
        timer.start()
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            _kill_group(child.pid)
            raise
        finally:
            timer.cancel()
        wall = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        _kill_group(child.pid)  # What it may have left behind.
        out.seek(0)
        err.seek(0)
        return child.returncode, used.ru_utime + used.ru_stime, wall, out.read(), err.read()


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


# ------------------------------------------------------------------------------------------------------------ validation


class Strips:
    """A task as read from its texts, for simulating a plan; nothing here is shared with any planner."""

    def __init__(self, domain: str, problem: str) -> None:
        parts = {form[0]: form[1:] for form in self._read(domain)[1:] if form[0] != ":action"}
        self._parent = dict(self._typed(parts.get(":types", [])))
        self._actions = {}
        for form in self._read(domain)[1:]:
            if form[0] == ":action":
                told = dict(zip(form[2::2], form[3::2], strict=True))
                effects = self._conjuncts(told[":effect"])
                self._actions[form[1]] = (
                    self._typed(told[":parameters"]),
                    self._conjuncts(told[":precondition"]),
                    [fact[1] for fact in effects if fact[0] == "not"],
                    [fact for fact in effects if fact[0] != "not"],
                )
        task = {form[0]: form[1:] for form in self._read(problem)[1:]}
        self._kind = dict(self._typed(parts.get(":constants", []) + task[":objects"]))
        self.init = {tuple(fact) for fact in task[":init"]}
        self.goal = {tuple(fact) for fact in self._conjuncts(task[":goal"][0])}

    def flaw(self, plan: Sequence[Step]) -> str:
        """What is wrong with ``plan``; empty if it is a plan."""
        state = set(self.init)
        for number, (name, *arguments) in enumerate(plan, 1):
            if name not in self._actions or len(arguments) != len(self._actions[name][0]):
                return f"step {number}: there is no such operator: {name} {arguments}"
            parameters, needs, deletes, adds = self._actions[name]
            if not all(self._is(arg, kind) for arg, (_, kind) in zip(arguments, parameters, strict=True)):
                return f"step {number}: {name} {arguments} has arguments of wrong types"
            bound = dict(zip((parameter for parameter, _ in parameters), arguments, strict=True))
            ground = [
                {tuple(bound.get(word, word) for word in fact) for fact in facts} for facts in (needs, deletes, adds)
            ]
            if missing := ground[0] - state:
                return f"step {number}: {name} {arguments} lacks {sorted(missing)}"
            state = (state - ground[1]) | ground[2]
        return f"the goal lacks {sorted(self.goal - state)}" if self.goal - state else ""

    def _is(self, name: str, kind: str) -> bool:
        own = self._kind.get(name)
        while own not in (kind, None):
            own = self._parent.get(own) if own != "object" else None
        return own == kind or (kind == "object" and name in self._kind)

    @staticmethod
    def _conjuncts(form: list[Any]) -> list[Any]:
        return form[1:] if form[0] == "and" else [form]

    @staticmethod
    def _typed(words: Sequence[str]) -> list[tuple[str, str]]:
        """Pairs of name and type from ``a b - t c``."""
        pairs: list[tuple[str, str]] = []
        waiting: list[str] = []
        rest = iter(words)
        for word in rest:
            if word == "-":
                kind = next(rest)
                pairs += [(name, kind) for name in waiting]
                waiting = []
            else:
                waiting.append(word)
        return pairs + [(name, "object") for name in waiting]

    @staticmethod
    def _read(text: str) -> list[Any]:
        stack: list[list[Any]] = [[]]
        for token in re.findall(r"[()]|[^\s()]+", re.sub(r";.*", "", text).lower()):
            if token == "(":
                stack.append([])
            elif token == ")":
                done = stack.pop()
                stack[-1].append(done)
            else:
                stack[-1].append(token)
        return list(stack[0][0])


# --------------------------------------------------------------------------------------------------------------- tables


@dataclass(frozen=True)
class Figure:
    """What counts of one instance in one planner: the medians over repeats."""

    run: Run
    cpu: float

    @property
    def solved(self) -> bool:
        return self.run.status == "solved"

    def __str__(self) -> str:
        if self.solved:
            return f"{_seconds(self.cpu)}/{self.run.length}"
        return f">{self.run.limit:g} s" if self.run.status == "timeout" else self.run.status.upper()


Table = Mapping[str, Mapping[str, Figure]]
"""Instance -> planner -> figure."""


def figures(runs: Iterable[Run]) -> dict[str, dict[str, Figure]]:
    grouped: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for each in runs:
        grouped[each.instance, each.planner].append(each)
    table: dict[str, dict[str, Figure]] = defaultdict(dict)
    for (instance, planner), same in grouped.items():
        latest = [each for each in same if each.call == same[-1].call]
        # An instance counts as solved if every repeat solved it.
        worst = next((each for each in latest if each.status != "solved"), latest[0])
        table[instance][planner] = Figure(worst, statistics.median(each.cpu for each in latest))
    return dict(table)


def report(runs: Sequence[Run]) -> list[str]:
    """Print all tables; return the disagreements."""
    table = figures(runs)
    planners = [name for name in PLANNERS if any(name in row for row in table.values())]
    splits = {each.instance: each.split for each in runs}
    for split in sorted(set(splits.values())):
        part = {name: row for name, row in table.items() if splits[name] == split}
        print(f"\n{split}: CPU time / plan length\n")
        rows = [[name, *(str(row[p]) if p in row else "" for p in planners)] for name, row in part.items()]
        _print_table(["instance", *planners], rows)
        print()
        _summary(part, planners)
    imports = [(p, [each.import_cpu for each in runs if each.planner == p and each.import_cpu]) for p in planners]
    print("\nimport, not counted above: " + ", ".join(f"{p} {_seconds(statistics.median(s))}" for p, s in imports if s))
    wrong = disagreements(table)
    for line in wrong:
        print(f"\n!!!!!!!! {line.upper()} !!!!!!!!")
    return wrong


def _summary(part: Table, planners: Sequence[str]) -> None:
    rows = []
    for name in planners:
        mine = [row[name] for row in part.values() if name in row]
        solved = [figure for figure in mine if figure.solved]
        against = _optimum_ratio(part, name)
        proven = sum(figure.run.proven for figure in solved)
        rows.append(
            [
                name,
                f"{len(solved)}/{len(mine)}",
                str(proven),
                _seconds(statistics.median(figure.cpu for figure in solved)) if solved else "",
                _seconds(sum(min(f.cpu, f.run.limit) if f.solved else f.run.limit for f in mine)),
                f"{statistics.median(against):.2f} (n={len(against)}, max {max(against):.2f})" if against else "",
            ]
        )
    _print_table(
        ["planner", "solved", "proven", "median CPU", "sum, unsolved at limit", "length / optimum, median"], rows
    )
    print()
    pairs = [("ours-optimal", name) for name in OPTIMAL[1:]] + [("ours-first", name) for name in FIRST[1:]]
    best = [("ours-optimal", f"better of fd-lmcut{f}, fd-ipdb{f}") for f in ("", "-tuned")]
    rows = []
    for ours_name, other in pairs + best:
        names = [f"fd-{h}{'-tuned' if 'tuned' in other else ''}" for h in ("lmcut", "ipdb")]
        names = names if other.startswith("better") else [other]
        both = [(a.cpu, b) for row in part.values() if (a := _of(row, [ours_name])) and (b := _cpu_of(row, names))]
        if not both:
            continue
        ratios = [a / max(b, 1e-4) for a, b in both]
        found = f"{statistics.median(ratios):.2f}"
        rows.append(
            [
                ours_name,
                other,
                found,
                str(len(both)),
                f"{min(ratios):.3g}-{max(ratios):.3g}",
                str(sum(r < 1 for r in ratios)),
            ]
        )
    if rows:
        _print_table(["CPU of", "over CPU of", "median ratio", "n (both solve)", "range", "ours is cheaper on"], rows)


def _of(row: Mapping[str, Figure], names: Iterable[str]) -> Figure | None:
    """The cheapest of ``names`` that solved the instance."""
    return min((row[n] for n in names if n in row and row[n].solved), key=lambda f: f.cpu, default=None)


def _cpu_of(row: Mapping[str, Figure], names: Iterable[str]) -> float | None:
    found = _of(row, names)
    return found.cpu if found else None


def _optimum_ratio(part: Table, planner: str) -> list[float]:
    """Length over the proven optimum, where both are known."""
    return [
        (row[planner].run.length or 0) / best
        for row in part.values()
        if planner in row and row[planner].solved and (best := optimum(row))
    ]


def optimum(row: Mapping[str, Figure]) -> int | None:
    proven = [figure.run.length for figure in row.values() if figure.solved and figure.run.proven]
    return next((length for length in proven if length), None)


def disagreements(table: Table) -> list[str]:
    """Where proofs, bounds or plans contradict each other, or a plan does not hold."""
    wrong = []
    for instance, row in table.items():
        solved = {name: f.run for name, f in row.items() if f.solved and f.run.length is not None}
        claims = {name: each.length for name, each in solved.items() if each.proven}
        if len({figure.run.text for figure in row.values()}) > 1:
            wrong.append(f"{instance}: the runs compared are of different texts")
        shortest = min((each.length or 0 for each in solved.values()), default=None)
        if len(set(claims.values())) > 1 or any(length != shortest for length in claims.values()):
            wrong.append(f"{instance}: optimal lengths disagree: {claims}, shortest plan known {shortest}")
        for name, figure in row.items():
            if figure.run.status in ("invalid", "unsolvable"):
                wrong.append(f"{instance}: {name} says {figure.run.status}: {figure.run.error}")
            if shortest is not None and (figure.run.bound or 0) > shortest:
                wrong.append(f"{instance}: {name} claims the bound {figure.run.bound}, but a plan has {shortest} steps")
    return wrong


def _seconds(seconds: float) -> str:
    if seconds < 0.0995:
        return f"{1000 * seconds:.{1 if seconds < 0.00995 else 0}f} ms"
    return f"{1000 * seconds:.0f} ms" if seconds < 0.9995 else f"{seconds:.2f} s"


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        first, *rest = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join((first, *rest)).rstrip())


# --------------------------------------------------------------------------------------------------------- command line


def main() -> None:
    wanted = _arguments()
    if wanted.driver:
        print(driver())
    elif wanted.worker:
        worker(wanted.worker, wanted.files, wanted.limit)
    elif wanted.report:
        lines = [json.loads(line) for line in wanted.report.read_text().splitlines()]
        for about in (line["about"] for line in lines if "about" in line):
            print(f"call {about['call']}: {about['command']} ({about['machine']}, Python {about['python']})")
        sys.exit(bool(report([Run(**line) for line in lines if "about" not in line])))
    else:
        sys.exit(bool(report(list(measure(wanted)))))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("development", "held-out", "all"), default="development")
    parser.add_argument("--family", help="only these families, separated by commas")
    parser.add_argument("--instance", help="only instances whose name contains this")
    parser.add_argument("--planners", help=f"only these, separated by commas, of: {', '.join(PLANNERS)}")
    parser.add_argument("--rivals", metavar="PYTHON", help="a Python with up-fast-downward and pyperplan")
    parser.add_argument("--limit", type=float, default=10.0, help="CPU seconds a run (default: 10)")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, help="append every run to this file")
    parser.add_argument("--report", type=Path, metavar="FILE", help="print the tables of these runs and end")
    parser.add_argument("--worker", choices=PLANNERS, help=argparse.SUPPRESS)
    parser.add_argument("--driver", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.rivals:
        # Not resolved: a venv's Python is a link, and following it would leave the venv.
        wanted.rivals = str(Path(wanted.rivals).absolute())
    chosen = wanted.planners.split(",") if wanted.planners else PLANNERS if wanted.rivals else OURS
    if unknown := set(chosen) - set(PLANNERS):
        parser.error(f"unknown planners {sorted(unknown)}; there are {', '.join(PLANNERS)}")
    if not wanted.rivals and not wanted.report and not wanted.worker and set(chosen) - set(OURS):
        parser.error(f"--rivals PYTHON is needed for {', '.join(sorted(set(chosen) - set(OURS)))}")
    wanted.planners = [name for name in PLANNERS if name in chosen]
    return wanted


def measure(wanted: argparse.Namespace) -> Iterator[Run]:
    """Run what is asked for, one run after the other, with a line for each."""
    from planner_instances import GENERATORS, INSTANCES, fingerprint

    families = wanted.family.split(",") if wanted.family else list(GENERATORS)
    if unknown := set(families) - set(GENERATORS):
        raise SystemExit(f"unknown families {sorted(unknown)}; there are {', '.join(GENERATORS)}")
    chosen = [i for i in INSTANCES if i.family in families and wanted.split in (i.split, "all")]
    chosen = [i for i in chosen if not wanted.instance or wanted.instance in i.name]
    call = time.strftime("%Y-%m-%dT%H:%M:%S")
    about = {"call": call, "command": " ".join(["python", *sys.argv]), "instances": fingerprint()}
    about |= {"python": platform.python_version(), "machine": f"{platform.machine()}, {os.cpu_count()} CPUs"}
    _append(wanted.out, {"about": about})
    total = len(chosen) * len(wanted.planners) * wanted.repeats
    number = 0
    for instance in chosen:
        texts = instance.texts()
        text = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
        same: dict[str, Any] = {
            "call": call,
            "instance": instance.name,
            "family": instance.family,
            "split": instance.split,
            "text": text,
        }
        for planner in (p for _ in range(wanted.repeats) for p in wanted.planners):
            number += 1
            result = judged(run(planner, texts, wanted.limit, wanted.rivals), texts, planner)
            one = Run(**same, planner=planner, limit=wanted.limit, **result)
            _append(wanted.out, asdict(one))
            progress = f"[{number}/{total}] {instance.name:24} {planner:15} {Figure(one, one.cpu)} {_told(one)}"
            print(progress.rstrip(), flush=True)
            yield one


def _told(run: Run) -> str:
    """The error on one line, where there is one that is not simply the limit."""
    return "" if run.status in ("solved", "timeout") else " ".join(run.error.split())


def judged(result: dict[str, Any], texts: tuple[str, str], planner: str) -> dict[str, Any]:
    """``result`` with its plan validated and measured."""
    if result["status"] == "solved":
        result["length"] = len(result["plan"])
        result.setdefault("proven", planner in OPTIMAL)
        if planner in OPTIMAL and not result["proven"]:
            result["status"] = "unproven"
        if flaw := Strips(*texts).flaw(result["plan"]):
            result |= {"status": "invalid", "error": flaw}
    return result


def _append(out: Path | None, record: Mapping[str, Any]) -> None:
    if out:
        with out.open("a") as file:
            file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
