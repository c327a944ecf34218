"""What ``nsctl new`` writes, and what it refuses."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
from samples import Install

from nsctl.errors import InvalidValue, UnknownName
from nsctl.guard import NAMES
from nsctl.registry import GROUPS
from nsctl.scaffold import KINDS, commands, scaffold


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_whole_package(kind: str, tmp_path: Path) -> None:
    target = scaffold(kind, "my_part", tmp_path)
    assert target == tmp_path / "my_part"
    project = tomllib.loads((target / "pyproject.toml").read_text())
    group = KINDS[kind].group
    assert group in GROUPS
    assert project["project"]["entry-points"] == {f"nsctl.{group}": {"my_part": "my_part:MyPart"}}
    assert project["project"]["name"] == "my-part"
    assert {path.name for path in (target / "src").iterdir()} == {"my_part"}
    sources = list(target.rglob("*.py"))
    assert {path.name for path in sources} >= {"__init__.py", "test_my_part.py"}
    assert "class MyPart" in "".join(path.read_text() for path in sources)
    for path in sources:
        ast.parse(path.read_text())
    left = [path for path in target.rglob("*") if path.is_file() and ("$" in path.read_text() or path.suffix == ".in")]
    assert left == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_says_the_three_commands(kind: str, tmp_path: Path) -> None:
    readme = (scaffold(kind, "my_part", tmp_path) / "README.md").read_text()
    install, check, trial = commands(kind, "my_part", tmp_path / "my_part")
    assert install == f"pip install -e {tmp_path / 'my_part'}"
    assert "pip install -e ." in readme
    assert f"    {check} " in readme
    assert trial in readme


def test_a_name_that_another_group_has_needs_its_group(tmp_path: Path, install: Install) -> None:
    install("other", "", {"agents:my_part": "other:Agent"})
    _, check, _ = commands("skill", "my_part", tmp_path)
    assert check == "nsctl parts check my_part --group skills"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("my-skill", "'my-skill' is no such name"),
        ("2nd", "'2nd' is no such name"),
        ("class", "'class' is no such name"),
        ("greifer_ä", "is no such name"),
        ("__", "is no such name"),
        ("../up", "is no such name"),
        ("pick", "has a part of this name among the skills"),
        ("json", "'json' is a module of Python's own"),
        ("numpy", "'numpy' is a module that is installed already"),
        *[(name, f"'{name}' is one of nsctl's own packages") for name in ("nsctl", *NAMES)],
    ],
)
def test_what_could_not_work_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue) as caught:
        scaffold("skill", name, tmp_path)
    assert why in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InvalidValue, match=r"mine is there already: choose another name, or another --folder$"):
        scaffold("agent", "mine", tmp_path)
    assert list((tmp_path / "mine").iterdir()) == []


def test_an_unknown_kind_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no kind of part is called 'skil'. Did you mean 'skill'"):
        scaffold("skil", "mine", tmp_path)


def test_a_name_that_is_taken_in_another_group_is_free(tmp_path: Path) -> None:
    assert scaffold("agent", "pick", tmp_path).is_dir()
