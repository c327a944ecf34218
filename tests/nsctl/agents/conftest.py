"""A tower of two discs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nsctl import registry
from nsctl.contracts import SuiteOptions, World


@pytest.fixture
def world() -> Iterator[World]:
    suite = registry.load("envs", "hanoi")()
    made = suite.world(suite.task("hanoi-2"), SuiteOptions())
    yield made
    made.close()
