"""Finding tasks over all suites."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from samples import Install

from nsctl import tasks
from nsctl.errors import InvalidValue, UnknownName


def test_names_cover_every_suite() -> None:
    assert {"hanoi-1", "hanoi-6", "move"} <= set(tasks.names())


def test_a_task_is_found_by_the_part_before_the_hyphen() -> None:
    assert tasks.find("hanoi-3").name == "hanoi-3"
    assert tasks.find("move-135").name == "move-135"


@pytest.mark.parametrize(("name", "near"), [("hanoy-3", "hanoi-3"), ("hanoi-x", "hanoi-"), ("mvoe", "move")])
def test_an_unknown_name_is_answered_over_all_suites(name: str, near: str) -> None:
    with pytest.raises(UnknownName, match=rf"no task is called '{name}'\. Did you mean '{near}.*'\? .*hanoi-1.*move"):
        tasks.find(name)


def test_a_name_that_is_out_of_range_is_told_so() -> None:
    with pytest.raises(InvalidValue, match="takes 1 to 6 discs, got 9"):
        tasks.find("hanoi-9")


def test_a_stranger_s_suite_counts_and_a_broken_one_harms_nobody(install: Install) -> None:
    code = "class Suite:\n    tasks = ('pile-2',)\n"
    install("stranger", code, {"envs:pile": "stranger:Suite", "envs:broken": "stranger:Missing"})
    assert {"pile-2", "hanoi-1"} <= set(tasks.names())
    with pytest.raises(UnknownName, match="Did you mean 'pile-2'"):
        tasks.find("piel-2")


def test_listing_names_imports_no_simulator() -> None:
    code = "import sys; from nsctl import tasks; tasks.names(); print([m for m in ('mujoco', 'torch') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_protocol_is_the_same_for_each_fresh_task_and_differs_between_tasks() -> None:
    used = tasks.find("move")
    assert tasks.protocol_hash(used) == tasks.protocol_hash(tasks.find("move"))
    used.sample(np.random.default_rng(0))  # draws a goal
    assert tasks.protocol_hash(used) != tasks.protocol_hash(tasks.find("move"))
    assert tasks.protocol_hash(tasks.find("hanoi-1")) != tasks.protocol_hash(tasks.find("hanoi-2"))


@pytest.mark.parametrize("change", [{"version": 9}, {"horizon": 7}, {"domain_pddl": "()"}])
def test_the_protocol_changes_with_what_is_asked(change: dict[str, object]) -> None:
    task = tasks.find("hanoi-1")
    before = tasks.protocol_hash(task)
    vars(task).update(change)
    assert tasks.protocol_hash(task) != before


def test_the_protocol_changes_with_how_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    task = tasks.find("hanoi-1")
    before = tasks.protocol_hash(task)
    monkeypatch.setattr(type(task), "phrasings", ("Do it.", "Get it done.", "Please."))
    assert tasks.protocol_hash(task) != before


def test_the_protocol_covers_the_bodies() -> None:
    task = tasks.find("hanoi-1")
    before = tasks.protocol_hash(task)
    first = task.bodies[0]
    hashes = set()
    for changed in (
        replace(first, name="other"),
        replace(first, type="peg"),
        replace(first, half_extents=tuple(1.01 * half for half in first.half_extents)),
        replace(first, movable=False),
        replace(first, rgb=(0.0, 0.0, 0.0)),
    ):
        task.bodies = (changed, *task.bodies[1:])
        hashes.add(tasks.protocol_hash(task))
    assert len(hashes - {before}) == 5


@pytest.mark.parametrize("judge", ["easy", "easybase"])
def test_the_protocol_covers_the_judge_of_the_task_and_of_its_bases(
    install: Install, tmp_path: Path, judge: str
) -> None:
    base = "from envs.tasks.hanoi import Hanoi\nclass Base(Hanoi):\n    def achieved(self, truth): return False\n"
    install("easybase", base, {})
    install("easy", "from easybase import Base\nclass Easy(Base): pass\n", {})
    import easy  # type: ignore[import-not-found]

    before = tasks.protocol_hash(easy.Easy(1))
    assert tasks.protocol_hash(easy.Easy(1)) == before != tasks.protocol_hash(tasks.find("hanoi-1"))
    path = tmp_path / "site" / f"{judge}.py"
    path.write_text(path.read_text().replace("False", "True") + "# another judge\n")
    assert tasks.protocol_hash(easy.Easy(1)) != before
