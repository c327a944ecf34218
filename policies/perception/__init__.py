"""Perception: from observations to scene estimates and atoms."""
