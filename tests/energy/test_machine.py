"""Whether this is a virtual machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from energy.machine import inside_virtual_machine


@pytest.mark.parametrize(("flags", "guest"), [("fpu vme hypervisor lahf_lm", True), ("fpu vme lahf_lm", False)])
def test_the_processor_flag_tells(tmp_path: Path, flags: str, guest: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: hypervisor 3000\nflags\t\t: {flags}\n")
    assert inside_virtual_machine(tmp_path / "cpuinfo", tmp_path / "none") is guest


def test_the_kernel_tells_where_the_flag_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "type").write_text("xen\n")
    assert inside_virtual_machine(tmp_path / "none", tmp_path / "type")


def test_a_system_that_tells_nothing_is_no_guest(tmp_path: Path) -> None:
    assert not inside_virtual_machine(tmp_path / "none", tmp_path / "none")
