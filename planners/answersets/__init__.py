"""Engines on clingo: encodings over a ground task, and what they are asked."""
