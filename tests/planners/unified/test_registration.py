"""The doors of the bridge, each in a process of its own: what importing it costs, and how UP finds our engines."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import planners.unified


def _python(code: str, home: Path | None = None) -> str:
    environment = {**os.environ, **({"HOME": str(home)} if home else {})}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_imports_none_of_unified_planning_and_no_solver() -> None:
    heavy = "{'unified_planning', 'clingo', 'numpy', 'scipy'}"
    assert _python(f"import sys, planners.unified; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_without_unified_planning_the_remedy_is_named() -> None:
    code = (
        "import sys; sys.modules['unified_planning'] = None\n"
        "import planners.unified\n"
        "try: planners.unified.planner('fast-downward')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    said = _python(code)
    assert said.startswith("BrokenPart the planner up:fast-downward needs unified-planning")
    assert "pip install 'nsctl[up]'" in said


@pytest.mark.skipif(importlib.util.find_spec("unified_planning") is None, reason="needs unified-planning")
def test_an_ini_file_makes_our_engines_known_without_a_line_of_code(tmp_path: Path) -> None:
    sections = (
        f"[engine {name}]\nmodule_name: {module}\nclass_name: {class_name}\n"
        for name, (module, class_name) in planners.unified.ENGINES.items()
    )
    (tmp_path / ".up.ini").write_text("\n".join(sections), "utf-8")
    code = (
        "from unified_planning.shortcuts import *\n"
        "from unified_planning.test.examples import get_example_problems\n"
        "get_environment().credits_stream = None\n"
        "problem = get_example_problems()['basic_with_costs'].problem\n"
        "with OneshotPlanner(name='nsctl-opt') as planner: result = planner.solve(problem)\n"
        "with PlanValidator(name='nsctl-val') as validator: verdict = validator.validate(problem, result.plan)\n"
        "print(result.status.name, verdict.status.name)"
    )
    assert _python(code, tmp_path) == "SOLVED_OPTIMALLY VALID"
