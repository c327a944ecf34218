"""Task families: what must be achieved, without naming an engine."""
