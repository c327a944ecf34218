"""A physics server of one's own: every call through a client names it, so that several in one process never mix."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

from nsctl.errors import EpisodeError, NsctlError


class Client:
    """PyBullet's functions (``client.stepSimulation()``) bound to a server in this process, until :meth:`close`."""

    def __init__(self) -> None:
        self._bullet: Any = _pybullet()
        self._server = self._bullet.connect(self._bullet.DIRECT)
        self._shut = weakref.finalize(self, self._bullet.disconnect, self._server)
        # The default broadphase keeps a history that no saved state holds; with so few bodies the plain one is as quick.
        self.resetSimulation(flags=self.RESET_USE_SIMPLE_BROADPHASE)

    def __getattr__(self, name: str) -> Any:
        """A constant, or a function bound to the server; looked up once, then an attribute like any other."""
        if self.closed:
            raise EpisodeError("this engine is closed: make a new one")
        found = getattr(self._bullet, name)
        if callable(found):
            found = partial(found, physicsClientId=self._server)
        self.__dict__[name] = found
        return found

    @property
    def version(self) -> str:
        """PyBullet's version, as its distribution says."""
        return version("pybullet")

    @property
    def closed(self) -> bool:
        return not self._shut.alive

    def close(self) -> None:
        """Shut the server down, and with it all that it holds. A second call does nothing."""
        self._shut()
        self.__dict__ = {"_shut": self._shut}  # forget the bound functions


def _pybullet() -> Any:
    try:
        with _silence():
            return import_module("pybullet")
    except ImportError as error:
        raise NsctlError(
            "the engine 'pybullet' needs pybullet: pip install pybullet==3.2.7 "
            "(a wheel exists for Python 3.11 only; later versions build it from source)"
        ) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Keep from the terminal what C code prints: PyBullet tells its build time whenever it is imported."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
