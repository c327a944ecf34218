"""Where a record comes from."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from nsctl import provenance


def test_versions_name_python_and_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("numpy", "no-such-distribution"))
    found = provenance.versions()
    assert found["python"] == platform.python_version()
    assert "numpy" in found
    assert "no-such-distribution" not in found


def test_the_machine_has_cores_and_memory() -> None:
    found = provenance.hardware()
    assert (found.cores or 0) >= 1
    assert (found.memory_bytes or 0) > 2**28
    assert found.cpu


def test_a_gpu_is_read_from_the_driver_s_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    (tmp_path / "0000:01:00.0" / "information").write_text("Model: \t\t NVIDIA H100\nIRQ: 3\n")
    monkeypatch.setattr(provenance, "_GPUS", tmp_path)
    assert provenance.hardware().gpu == "NVIDIA H100"
    monkeypatch.setattr(provenance, "_GPUS", tmp_path / "none")
    assert provenance.hardware().gpu is None


def test_git_tells_the_commit_of_our_own_checkout_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_HOME", tmp_path)
    assert provenance.git() is None

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t")
        subprocess.run(("git", *identity, "-C", str(tmp_path), *arguments), check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("1")
    git("add", ".")
    git("commit", "-m", "one")
    clean = provenance.git()
    assert clean is not None
    assert len(clean.sha) == 40
    assert not clean.dirty
    (tmp_path / "file").write_text("2")
    changed = provenance.git()
    assert changed is not None
    assert changed.dirty
    (tmp_path / "site-packages").mkdir()
    monkeypatch.setattr(provenance, "_HOME", tmp_path / "site-packages")
    assert provenance.git() is None


def put(home: Path, name: str, text: str) -> None:
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text(text)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of three sources."""
    monkeypatch.setattr(provenance, "_HOME", tmp_path / "a")
    for name in ("nsctl/episode.py", "planners/answersets/encodings/x.lp", "envs/tasks/y.pddl"):
        put(tmp_path / "a", name, name)
    return tmp_path / "a"


def test_the_code_is_the_same_wherever_it_lies(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = provenance.code()
    assert len(before) == 16
    shutil.copytree(home, tmp_path / "b" / "site-packages")
    monkeypatch.setattr(provenance, "_HOME", tmp_path / "b" / "site-packages")
    assert provenance.code() == before


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("nsctl/episode.py", True),
        ("planners/answersets/encodings/x.lp", True),
        ("envs/tasks/y.pddl", True),
        ("energy/meters/new.py", True),
        ("nsctl/__pycache__/episode.pyc", False),
        ("policies/README.md", False),
        ("tests/test_episode.py", False),
    ],
)
def test_the_code_changes_with_each_source_of_the_five_packages(home: Path, name: str, counts: bool) -> None:
    before = provenance.code()
    put(home, name, "changed")
    assert (provenance.code() != before) is counts


def test_a_source_that_moves_is_another_code(home: Path) -> None:
    before = provenance.code()
    (home / "nsctl/episode.py").rename(home / "nsctl/episodes.py")
    assert provenance.code() != before
