"""Policies: backbones, skills and perception."""
