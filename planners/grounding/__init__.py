"""The ground task: operators over objects as bit masks, and what can be said of it before any search."""

from planners.grounding.builder import ground

__all__ = ["ground"]
