"""What our reader of PDDL understands and how fast, beside three others.

    pip install pddl==0.5.1 tarski==0.9.1 unified-planning==1.3.0       # each may be left out
    PYTHONPATH=.:tests/planners python benchmarks/pddl_readers.py [--repeats 20] [--instances]

For each feature probe of ``tests/planners/probes.py`` a reader's answer is *ok* (it found what was counted by hand),
*refused* (any exception) or *wrong* (read without complaint, but other counts); then the median milliseconds of CPU for
reading domain and problem from files in a warm process. What ours refuses by name has no counts: there *read* means that
a reader did not complain. ``--instances`` reads the development half of ``planner_instances.py``, with ours as the measure.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import astuple
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from math import prod
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from planner_instances import INSTANCES
from probes import READ, REFUSED, Counts

from nsctl.formulas import bindings
from nsctl.symbolic import And, Condition, Exists, Forall, Literal, Not, Or, Problem
from planners.pddl import domain_from_pddl, problem_from_pddl

Read = Callable[[Path, Path], Any]
Count = Callable[[Any], Counts]


def ours(domain: Path, problem: Path) -> Problem:
    return problem_from_pddl(problem.read_text(), domain_from_pddl(domain.read_text()))


def count_ours(problem: Problem) -> Counts:
    domain = problem.domain
    nouns = (domain.types[1:], problem.things, domain.predicates, domain.operators, problem.init.atoms)
    return Counts(*map(len, nouns), sum(_size(condition, problem) for condition in problem.goal))


def _size(condition: Condition, problem: Problem) -> int:
    match condition:
        case And(parts=parts) | Or(parts=parts):
            return sum(_size(part, problem) for part in parts)
        case Not(part=part):
            return _size(part, problem)
        case Forall(variables=variables, body=body) | Exists(variables=variables, body=body):
            return sum(_size(body, problem) for _ in bindings(variables, problem.things, {}))
        case Literal():
            return 1


def with_pddl(domain: Path, problem: Path) -> Any:
    import pddl

    return pddl.parse_domain(domain), pddl.parse_problem(problem)


def count_pddl(read: Any) -> Counts:
    domain, problem = read
    things = [*domain.constants, *problem.objects]
    parents = dict(domain.types)

    def has(thing: Any, tags: Iterable[str]) -> bool:
        kind = thing.type_tag
        while kind is not None and kind not in tags:
            kind = parents.get(kind)
        return kind is not None or not tags or "object" in tags

    def size(formula: Any) -> int:
        ranges = [
            sum(has(thing, variable.type_tags) for thing in things) for variable in _attribute(formula, "variables")
        ]
        parts = _attribute(formula, "operands") or ([formula.argument] if hasattr(formula, "argument") else [])
        body = [formula.condition] if hasattr(formula, "condition") else parts
        return prod(ranges) * sum(map(size, body)) if body or hasattr(formula, "operands") else 1

    facts = [fact for fact in problem.init if type(fact).__name__ == "Predicate"]
    predicates = [predicate for predicate in domain.predicates if predicate.name != "="]
    nouns = (set(domain.types) - {"object"}, things, predicates, domain.actions, facts)
    return Counts(*map(len, nouns), size(problem.goal))


def _attribute(formula: Any, name: str) -> list[Any]:
    return list(getattr(formula, name, ()))


def with_unified_planning(domain: Path, problem: Path) -> Any:
    from unified_planning.io import PDDLReader

    return PDDLReader().parse_problem(str(domain), str(problem))


def count_unified_planning(problem: Any) -> Counts:
    def size(node: Any) -> int:
        if node.is_exists() or node.is_forall():
            ranges = [len(list(problem.objects(variable.type))) for variable in node.variables()]
            return prod(ranges) * size(node.arg(0))
        if node.is_constant():
            return 0
        return 1 if node.is_fluent_exp() or node.is_equals() else sum(map(size, node.args))

    predicates = [fluent for fluent in problem.fluents if fluent.type.is_bool_type()]
    facts = [value for value in problem.explicit_initial_values.values() if value.is_true()]
    types = [kind for kind in problem.user_types if kind.name != "object"]
    nouns = (types, problem.all_objects, predicates, problem.actions, facts)
    return Counts(*map(len, nouns), sum(map(size, problem.goals)))


def with_tarski(domain: Path, problem: Path) -> Any:
    from tarski.io import FstripsReader

    reader = FstripsReader(raise_on_error=True)
    with redirect_stdout(StringIO()):
        return reader.read_problem(str(domain), str(problem))


def count_tarski(problem: Any) -> Counts:
    language = problem.language

    def size(formula: Any) -> int:
        ranges = [len(list(variable.sort.domain())) for variable in _attribute(formula, "variables")]
        if hasattr(formula, "formula"):
            return prod(ranges) * size(formula.formula)
        if hasattr(formula, "subformulas"):
            return sum(map(size, formula.subformulas))
        return int(hasattr(formula, "predicate"))

    predicates = [predicate for predicate in language.predicates if not predicate.builtin]
    types = [sort for sort in language.sorts if not sort.builtin and sort.name not in ("object", "number")]
    facts = [fact for fact in problem.init.as_atoms() if hasattr(fact, "predicate")]
    nouns = (types, language.constants(), predicates, problem.actions, facts)
    return Counts(*map(len, nouns), size(problem.goal))


READERS: dict[str, tuple[Read, Count]] = {
    "nsctl": (ours, count_ours),
    "pddl": (with_pddl, count_pddl),
    "unified-planning": (with_unified_planning, count_unified_planning),
    "tarski": (with_tarski, count_tarski),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--instances", action="store_true", help="read the development half of the planner's instances")
    wanted = parser.parse_args()
    readers = dict(installed())
    rows = instance_rows if wanted.instances else probe_rows
    print(f"{'':34}" + "".join(f"{name:>27}" for name in readers))
    with tempfile.TemporaryDirectory() as folder:
        for title, expected, files in rows(Path(folder)):
            cells = [answer(*READERS[name], files, expected, wanted.repeats) for name in readers]
            print(f"{title:34}" + "".join(f"{cell:>27}" for cell in cells), flush=True)
    print("versions: " + ", ".join(f"{name} {found}" for name, found in readers.items()))


def installed() -> Iterator[tuple[str, str]]:
    for name in READERS:
        try:
            yield name, "(this)" if name == "nsctl" else version(name)
        except PackageNotFoundError:
            print(f"{name} is not installed: left out", file=sys.stderr)


Row = tuple[str, Counts | None, tuple[Path, Path]]


def probe_rows(folder: Path) -> Iterator[Row]:
    for probe in (*READ, *REFUSED):
        yield probe.name, probe.counts, written(folder, probe.domain, probe.problem)


def instance_rows(folder: Path) -> Iterator[Row]:
    for instance in INSTANCES:
        if instance.split == "development":
            files = written(folder, *instance.texts())
            yield instance.name, count_ours(ours(*files)), files


def written(folder: Path, domain: str, problem: str) -> tuple[Path, Path]:
    files = folder / "domain.pddl", folder / "problem.pddl"
    for file, text in zip(files, (domain, problem), strict=True):
        file.write_text(text)
    return files


def answer(read: Read, count: Count, files: tuple[Path, Path], expected: Counts | None, repeats: int) -> str:
    """Ok, read, refused or wrong, and how long it took."""
    call = partial(read, *files)
    try:
        call()  # imports and caches, not counted
        found = count(call()) if expected else None
    except Exception as refusal:
        return f"refused ({getattr(refusal, 'feature', type(refusal).__name__)})"[:26]
    spent = median(timed(call) for _ in range(repeats))
    if expected is None:
        return f"read, {spent:.2f} ms"
    if found == expected:
        return f"ok, {spent:.2f} ms"
    return f"wrong {astuple(found)}"


def timed(call: Callable[[], Any]) -> float:
    """Milliseconds of CPU."""
    begun = process_time()
    call()
    return 1000 * (process_time() - begun)


if __name__ == "__main__":
    main()
