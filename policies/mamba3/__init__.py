"""Mamba-3 (arXiv 2603.15569): a state-space backbone whose step costs the same at every moment."""
