"""Graphs of plans and states, as pictures and as text."""
