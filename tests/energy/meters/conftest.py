"""Fake powercap trees."""

from __future__ import annotations

from pathlib import Path

import pytest
from powercap_tree import Powercap


@pytest.fixture
def powercap(tmp_path: Path) -> Powercap:
    return Powercap(tmp_path)


@pytest.fixture
def socket(powercap: Powercap) -> Powercap:
    """One package, 5 J on its register."""
    powercap.add("intel-rapl:0", "package-0", 5_000_000)
    return powercap
