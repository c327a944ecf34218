"""Agents that are wired from parts through their contracts alone."""
