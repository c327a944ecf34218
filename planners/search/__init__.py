"""Search through states, in plain Python: blind, informed, greedy, and shortcuts through a plan."""
