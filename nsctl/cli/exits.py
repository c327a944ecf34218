"""What the exit codes mean; they are documented in docs/cli.md."""

from __future__ import annotations

from nsctl.errors import DomainError, InvalidValue, UnknownName, UnsupportedFeature

DONE = 0
FAILED = 1
USAGE = 2
UNSOLVABLE = 3
TIMED_OUT = 4
UNSUPPORTED = 5
BAD_INPUT = 6
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


def exit_code(error: BaseException) -> int:
    """The exit code for a command that ended in ``error``."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, UnsupportedFeature):
        return UNSUPPORTED
    if isinstance(error, DomainError):
        return BAD_INPUT
    return USAGE if isinstance(error, (UnknownName, InvalidValue)) else FAILED
