"""Task planning: PDDL in, answer sets at the core, proven plans out."""
