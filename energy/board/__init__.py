"""The board: records of runs as one static page (:class:`energy.board.html.HtmlBoard`)."""

from __future__ import annotations

from energy.board.html import HtmlBoard

__all__ = ["HtmlBoard"]
