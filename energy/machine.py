"""What the machine underneath is: facts that decide how far a counter can be trusted."""

from __future__ import annotations

from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
HYPERVISOR_TYPE = Path("/sys/hypervisor/type")
"""Told by Xen and its kin. The folder alone says nothing: many kernels have it, empty, on bare metal."""


def inside_virtual_machine(cpu_info: Path = CPU_INFO, hypervisor_type: Path = HYPERVISOR_TYPE) -> bool:
    """Whether this system runs as a guest, by the processor's ``hypervisor`` flag or the kernel's word."""
    if hypervisor_type.exists():
        return True
    try:
        lines = cpu_info.read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return "hypervisor" in flags.split()
