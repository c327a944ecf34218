"""Does a part do what its contract says? Checks for each group, ours and a stranger's alike, and a verdict in words."""

from __future__ import annotations

from nsctl.conformance.examination import examine
from nsctl.conformance.report import Check, Failed, Report

__all__ = ["Check", "Failed", "Report", "examine"]
