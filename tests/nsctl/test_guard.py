"""Packages that stand before ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nsctl import guard


def ask(code: str, path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.check_output([sys.executable, "-c", code], env=environment, cwd=path, text=True)


def test_nothing_clashes_here() -> None:
    assert guard.clashes() == ()


@pytest.mark.parametrize("name", ["envs", "energy"])
def test_a_package_in_the_way_is_named_with_both_places_and_the_remedy(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('imported')")
    told = ask("from nsctl import guard; print(*guard.clashes(), sep='\\n')", tmp_path)
    assert told == (
        f"Another package stands before nsctl's '{name}': Python finds {tmp_path / name}, not {guard.HOME / name}. "
        f"Rename that one, or take {tmp_path} off PYTHONPATH (or start from another folder).\n"
    )


def test_a_module_in_the_way_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "policies.py").write_text("")
    assert str(tmp_path / "policies.py") in ask("from nsctl import guard; print(*guard.clashes())", tmp_path)


def test_a_folder_without_init_is_in_nobody_s_way(tmp_path: Path) -> None:
    (tmp_path / "envs").mkdir()
    assert ask("from nsctl import guard; print(guard.clashes())", tmp_path) == "()\n"


def test_a_package_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "find_spec", lambda name: None)
    assert guard.clashes()[0] == "The package 'planners' of nsctl cannot be found: install nsctl again."


def test_the_guard_imports_none_of_the_packages() -> None:
    code = "import sys; from nsctl import guard; guard.clashes(); print([n for n in guard.NAMES if n in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
