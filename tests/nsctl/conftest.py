"""Plug-ins that are really installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from samples import Install

from nsctl import metering, registry


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution: its name, the text of its one module, and entry points (``"group:name"`` -> target).

    It is there for this process and for those that it starts.
    """
    site = tmp_path / "site"
    site.mkdir()
    installed: list[str] = []

    def put(name: str, code: str, entries: dict[str, str]) -> None:
        (site / f"{name}.py").write_text(code)
        info = site / f"{name}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        lines = []
        for door, target in entries.items():
            group, part = door.split(":")
            lines.append(f"[nsctl.{group}]\n{part} = {target}\n")
        (info / "entry_points.txt").write_text("\n".join(lines))
        installed.append(name)
        _forget()

    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]))
    yield put
    monkeypatch.undo()
    for name in installed:
        sys.modules.pop(name, None)
    _forget()


def _forget() -> None:
    for cached in (registry.parts, metering.looked_at, metering.counters):
        cached.cache_clear()
