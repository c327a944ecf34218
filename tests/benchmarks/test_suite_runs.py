"""A measurement that is there already is not played again, nor taken for another one."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from nsctl.run_config import RunConfig

RUN = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "suite.py"))["run"]


def test_a_run_is_gone_on_with_only_if_it_is_the_same(tmp_path: Path) -> None:
    first = RUN(RunConfig("hanoi-1", "scripted", episodes=1, seed=3), tmp_path)
    assert RUN(RunConfig("hanoi-1", "scripted", episodes=1, seed=3), tmp_path).run == first.run
    with pytest.raises(SystemExit, match="is of other episodes or another seed: name a new folder with --runs"):
        RUN(RunConfig("hanoi-1", "scripted", episodes=1, seed=4), tmp_path)
