"""Codes and scales to numbers, by moving bits: what both kernels read weights with.

E2M1 has float16's order of bits with fewer of each: s ee m, where float16 has s eeeee mmmmmmmmmm. Put in place with zeros
between, a code is a float16 that is 2^-14 of its worth, subnormals included; an E4M3 scale likewise is 2^-8 of its worth.
So no table is read and nothing is rounded. An example: the code 0b1011 is -1.5; as float16 0b1000011000000000 it is
-1.5 x 2^-14. What is missing, 2^22 in all, is paid back once, with the tensor's scale.

A block's codes come out as tensors of their own, joined where they must be one: both stay within a thread, where a new axis
by broadcasting would be spread over threads, and moving it back costs more than the decoding.
"""

from __future__ import annotations

import triton
import triton.language as tl

BORROWED = tl.constexpr(2.0**22)
"""What a sum of products of values and scales has to be multiplied with."""


@triton.jit
def value(codes, COLUMN: tl.constexpr):
    """Of each block (int64, sixteen codes), the code at COLUMN: float32 of the same shape, 2^-14 of its worth."""
    word = (codes >> (COLUMN // 8 * 32)).to(tl.uint32)
    # codes i and i + 4 of a word stand sixteen bits apart: both go to the top of their half at once
    top = word << (12 - COLUMN % 4 * 4)
    both = (top & 0x80008000) | ((top >> 3) & 0x0E000E00)
    half = (both >> (COLUMN % 8 // 4 * 16)).to(tl.uint16)
    return half.to(tl.float16, bitcast=True).to(tl.float32)


@triton.jit
def values(codes, FIRST: tl.constexpr, STEP: tl.constexpr):
    """Every STEP-th column from FIRST on, without its block's scale: [R, B, 2, ...], the columns in their order."""
    return (
        value(codes, FIRST)
        if STEP == 16
        else tl.join(values(codes, FIRST, 2 * STEP), values(codes, FIRST + STEP, 2 * STEP))
    )


@triton.jit
def scaled(codes, scale, KIND: tl.constexpr, FIRST: tl.constexpr, STEP: tl.constexpr):
    """Every STEP-th column from FIRST on, times its block's ``scale``: [R, B, 2, ...], the columns in their order."""
    return (
        (value(codes, FIRST) * scale).to(KIND)
        if STEP == 16
        else tl.join(scaled(codes, scale, KIND, FIRST, 2 * STEP), scaled(codes, scale, KIND, FIRST + STEP, 2 * STEP))
    )


@triton.jit
def scales(bytes_):
    """E4M3 bytes of positive numbers to float32, each 2^-8 of its worth."""
    return (bytes_.to(tl.uint16) << 7).to(tl.float16, bitcast=True).to(tl.float32)
