"""Libraries that demonstrations alone need: extras, imported when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nsctl.errors import NsctlError

EXTRAS = {"h5py": "demos", "pyarrow": "lerobot"}
"""Which extra of nsctl brings which library."""


def need(name: str) -> Any:
    """The module of this name; where its library is not installed, the sentence says what would install it."""
    try:
        return import_module(name)
    except ImportError as error:
        library = name.partition(".")[0]
        raise NsctlError(
            f"demonstrations need {library}, which is not installed: pip install 'nsctl[{EXTRAS[library]}]'"
        ) from error
