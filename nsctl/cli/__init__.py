"""The command line ``nsctl``, one file a command. Importing it imports no part and no array library."""

from __future__ import annotations


def main() -> None:
    """Entry point of the console script."""
    from nsctl.cli.app import app

    app()
