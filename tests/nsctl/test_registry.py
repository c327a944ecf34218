"""Finding parts through entry points."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from nsctl import registry
from nsctl.errors import BrokenPart, UnknownName
from nsctl.registry import Part, every_part, find, load, parts

Register = Callable[..., None]
LEAN = "nsctl.registry, nsctl.contracts, nsctl.phases, nsctl.statistics, nsctl.symbolic, nsctl.scene, nsctl.outcomes"
HEAVY = ("torch", "mujoco", "pybullet", "clingo", "codecarbon", "gymnasium", "planners", "policies", "envs", "energy")


class FakeEntry(SimpleNamespace):
    """An entry point with the distribution that a test gives it."""


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[Register]:
    """Let exactly these planners be registered: (name, target, distribution)."""

    def put(*entries: tuple[str, str, str | None]) -> None:
        made = [
            FakeEntry(name=n, value=v, dist=SimpleNamespace(name=d, version="1.2") if d else None)
            for n, v, d in entries
        ]
        monkeypatch.setattr(registry, "entry_points", lambda group: made if group == "nsctl.planners" else [])
        parts.cache_clear()

    yield put
    parts.cache_clear()


def test_a_part_says_where_it_comes_from(register: Register) -> None:
    register(("b", "json:loads", "acme"), ("a", "json:dumps", None))
    assert parts("planners") == {
        "a": Part("planners", "a", "json:dumps", "an unknown distribution", "?"),
        "b": Part("planners", "b", "json:loads", "acme", "1.2"),
    }
    assert list(every_part()) == list(parts("planners").values())


def test_a_part_is_loaded_by_name_and_not_before(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    really = EntryPoint.load

    def watch(entry: EntryPoint) -> Any:
        loaded.append(entry.value)
        return really(entry)

    monkeypatch.setattr(EntryPoint, "load", watch)
    register(("decoder", "json:JSONDecoder.decode", "acme"))
    find("planners", "decoder")
    assert loaded == []
    import json

    assert load("planners", "decoder") is json.JSONDecoder.decode
    assert loaded == ["json:JSONDecoder.decode"]


def test_an_unknown_part_is_answered_with_what_exists(register: Register) -> None:
    register(("clingo", "json:loads", "acme"), ("fd", "json:loads", "acme"))
    with pytest.raises(
        UnknownName, match=r"^no planner is called 'clngo'. Did you mean 'clingo'. There is: clingo, fd.$"
    ):
        find("planners", "clngo")


def test_an_unknown_group_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"^no group of parts is called 'planer'. Did you mean 'planners'"):
        parts("planer")


@pytest.mark.parametrize("swapped", [False, True])
def test_a_name_that_two_distributions_claim_is_listed_and_never_loaded(register: Register, swapped: bool) -> None:
    rivals = [("same", "json:loads", "zeta"), ("same", "json:dumps", "alpha")]
    register(*(reversed(rivals) if swapped else rivals), ("other", "json:loads", "zeta"))
    part = find("planners", "same")
    assert (part.distribution, part.rivals) == ("alpha", ("zeta 1.2",))
    told = r"^the planner 'same' is claimed by alpha 1\.2 and zeta 1\.2: uninstall all but one of them$"
    with pytest.raises(BrokenPart, match=told):
        load("planners", "same")
    assert load("planners", "other")


def test_a_distribution_that_is_found_twice_is_no_rival_of_itself(register: Register) -> None:
    register(("same", "json:loads", "acme"), ("same", "json:loads", "acme"))
    assert find("planners", "same").rivals == ()
    assert load("planners", "same")


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        ("no_such_module:Planner", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("json:NoSuchClass", "AttributeError: module 'json' has no attribute 'NoSuchClass'"),
    ],
)
def test_a_broken_part_names_its_distribution_and_the_cause(register: Register, target: str, cause: str) -> None:
    register(("bad", target, "acme"))
    with pytest.raises(BrokenPart) as caught:
        load("planners", "bad")
    assert str(caught.value) == f"the planner 'bad' of acme 1.2 ({target}) could not be loaded: {cause}"
    assert type(caught.value.__cause__).__name__ == cause.split(":")[0]


def test_a_part_whose_import_raises_anything_at_all_is_broken(
    register: Register, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raises_at_import.py").write_text("raise RuntimeError('no display')")
    monkeypatch.syspath_prepend(tmp_path)
    register(("bad", "raises_at_import:Planner", "acme"))
    with pytest.raises(BrokenPart, match=r"RuntimeError: no display$"):
        load("planners", "bad")


def test_the_vocabulary_imports_nothing_heavy_and_no_part() -> None:
    script = f"import sys, {LEAN}; print([name for name in {HEAVY!r} if name in sys.modules])"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    told = subprocess.run(
        [sys.executable, "-c", script], check=False, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (told.stdout.strip(), told.stderr) == ("[]", "")
