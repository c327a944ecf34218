"""Results as a page in Markdown, held against published ones (:class:`energy.headline.markdown.HeadlineBoard`)."""

from __future__ import annotations

from energy.headline.markdown import HeadlineBoard

__all__ = ["HeadlineBoard"]
