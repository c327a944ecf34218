"""Mamba-3 on a GPU, in Triton: a sequence in fused chunks, and a step in few launches.

``front`` prepares what all heads share, ``forward`` and ``backward`` walk the chunks, ``scan`` makes one differentiable
function of them. ``decode`` is a layer's step in three launches, two of which are products of ``linear``.
``available`` knows whether any of it can run here; ``crosscompile`` compiles all of it for cards that are not.
"""
