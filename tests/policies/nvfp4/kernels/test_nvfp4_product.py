"""Both kernels compute with the numbers that are stored, whichever way a product is cut; and a mistake would show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nsctl.errors import InvalidValue
from policies.nvfp4.kernels.choose import multiplied
from policies.nvfp4.kernels.product import Tiling, gemv, gemv_tiling, tiles, tiles_tiling, workspace
from policies.nvfp4.linear import NVFP4Linear
from policies.nvfp4.pack import pack, unpack
from policies.nvfp4.quantise import quantise
from policies.nvfp4.tensor import NVFP4Tensor, dequantise

Kernel = Callable[..., None]
TOLERANCE = 2e-3
both = pytest.mark.parametrize("kernel", [gemv, tiles])


def product(
    kernel: Kernel, x: Tensor, weight: NVFP4Tensor, dtype: torch.dtype = torch.float32, **more: object
) -> Tensor:
    out = torch.full((len(x), weight.shape[0]), torch.nan, dtype=dtype, device=x.device)
    kernel(x, weight, out, **more)
    return out


def exactly(x: Tensor, weight: NVFP4Tensor, bias: Tensor | None = None) -> Tensor:
    """In float64, with the same codes."""
    y = x.double() @ dequantise(weight).double().T
    return y if bias is None else y + bias.double()


def off(y: Tensor, exact: Tensor) -> float:
    return float((y.double() - exact).norm() / exact.norm())


def made(rows: int, columns: int, batch: int, device: torch.device, dtype: torch.dtype) -> tuple[NVFP4Tensor, Tensor]:
    torch.manual_seed(0)
    weight = quantise(torch.randn(rows, columns) * torch.rand(rows, 1), "max").to(device)
    return weight, torch.randn(batch, columns).bfloat16().to(device, dtype)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize(
    ("kernel", "rows", "columns", "batch"),
    [
        (gemv, 48, 80, 1),
        (gemv, 33, 75, 3),
        (gemv, 20, 1056, 2),
        (gemv, 9, 16, 8),
        (tiles, 48, 80, 1),
        (tiles, 33, 75, 13),
        (tiles, 20, 1056, 17),
        (tiles, 9, 16, 64),
    ],
)
def test_a_product_is_that_of_the_codes(
    kernel: Kernel, rows: int, columns: int, batch: int, dtype: torch.dtype, device: torch.device
) -> None:
    weight, x = made(rows, columns, batch, device, dtype)
    bias = torch.randn(rows, device=device)
    assert off(product(kernel, x, weight), exactly(x, weight)) < 1e-5
    y = product(kernel, x, weight, torch.bfloat16, bias=bias)
    assert off(y, exactly(x, weight, bias)) < (TOLERANCE if x.is_cuda else 2 * TOLERANCE)  # the interpreter cuts off


@both
def test_every_code_with_every_scale_is_read_exactly(kernel: Kernel, device: torch.device) -> None:
    """The rows have the 126 scales, the columns the 16 codes; a row of an identity picks each."""
    scales = torch.arange(1, 127, dtype=torch.uint8).view(torch.float8_e4m3fn)[:, None]
    codes = torch.arange(16, dtype=torch.uint8).expand(126, 16)
    weight = NVFP4Tensor(pack(codes), scales, torch.tensor(1.0), 16).to(device)
    for part in torch.split(torch.eye(16, dtype=torch.bfloat16, device=device), 8):
        assert torch.equal(
            product(kernel, part, weight, tiling=Tiling(128, 2, 1, 4)), part.float() @ dequantise(weight).T
        )


def swapped(weight: NVFP4Tensor) -> NVFP4Tensor:
    return replace(weight, codes=weight.codes >> 4 | weight.codes << 4)


def moved_scales(weight: NVFP4Tensor) -> NVFP4Tensor:
    return replace(
        weight, block_scales=weight.block_scales.view(torch.uint8).roll(1, 1).view(weight.block_scales.dtype)
    )


def without_tensor_scale(weight: NVFP4Tensor) -> NVFP4Tensor:
    return replace(weight, tensor_scale=torch.ones_like(weight.tensor_scale))


@both
@pytest.mark.parametrize("mistake", [swapped, moved_scales, without_tensor_scale])
def test_a_mistake_would_show(
    kernel: Kernel, mistake: Callable[[NVFP4Tensor], NVFP4Tensor], device: torch.device
) -> None:
    weight, x = made(32, 80, 2, device, torch.bfloat16)
    assert off(product(kernel, x, mistake(weight)), exactly(x, weight)) > 10 * TOLERANCE


@both
@pytest.mark.parametrize("columns", [75, 68, 81])
def test_what_pads_a_row_is_not_multiplied(kernel: Kernel, columns: int, device: torch.device) -> None:
    """Nor is the row of the input that follows."""
    weight, x = made(32, columns, 3, device, torch.bfloat16)
    codes = unpack(weight.codes)
    codes[:, columns:] = 7
    other, tiling = replace(weight, codes=pack(codes)), Tiling(32, 4, 1, 4)
    assert torch.equal(product(kernel, x, other, tiling=tiling), product(kernel, x, weight, tiling=tiling))


@both
def test_parts_of_the_columns_add_up_the_same_each_time(kernel: Kernel, device: torch.device) -> None:
    weight, x = made(24, 1040, 2, device, torch.bfloat16)
    bias = torch.randn(24, device=device)
    for count in (2, 3, 8):  # 65 blocks in tiles of 16 are 5 tiles: the last parts have none
        tiling = Tiling(16, 16, count, 4)
        parts = workspace(x, weight, tiling)
        assert parts is not None
        parts.fill_(torch.nan)
        y = product(kernel, x, weight, bias=bias, tiling=tiling, parts=parts)
        assert off(y, exactly(x, weight, bias)) < 1e-5
        assert torch.equal(y, product(kernel, x, weight, bias=bias, tiling=tiling))


def test_a_shape_decides_how_it_is_cut() -> None:
    assert gemv_tiling(8192, 8192) == Tiling(8, 32, 1, 1)
    assert gemv_tiling(256, 512).rows == 2
    assert gemv_tiling(8, 8192).parts == 8
    assert tiles_tiling(8192, 8192) == Tiling(64, 16, 2, 4)
    assert tiles_tiling(256, 80).parts == 1
    assert workspace(torch.zeros(1, 80), quantise(torch.ones(3, 80), "max"), gemv_tiling(3, 80)) is None


@pytest.mark.parametrize(("batch", "name"), [(4, "gemv"), (5, "tiles")])
def test_a_packed_weight_is_multiplied_by_the_kernel_for_the_batch(
    batch: int, name: str, device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from policies.nvfp4.kernels import product as kernels

    other = "gemv" if name == "tiles" else "tiles"
    monkeypatch.setattr(kernels, other, None)
    weight, x = made(20, 48, batch, device, torch.bfloat16)
    y = multiplied(x.view(1, batch, 48), weight, None, packed_only=True)
    assert y is not None
    assert y.shape == (1, batch, 20)
    assert off(y[0], exactly(x, weight)) < 2 * TOLERANCE


@pytest.mark.skipif("not torch.cuda.is_available()")
@pytest.mark.parametrize("batch", [1, 40])
def test_a_layer_without_bfloat16_multiplies_by_a_kernel(batch: int, device: torch.device) -> None:
    weight, x = made(20, 48, batch, device, torch.bfloat16)
    layer = NVFP4Linear(weight, torch.randn(20, device=device))
    dense = layer(x)
    layer.dense = None
    assert off(layer(x), exactly(x, weight, layer.bias)) < TOLERANCE
    assert off(layer(x), dense.double()) < TOLERANCE


@both
def test_shapes_that_do_not_fit_are_refused(kernel: Kernel, device: torch.device) -> None:
    weight, x = made(20, 48, 4, device, torch.bfloat16)
    with pytest.raises(InvalidValue, match=r"the input must be \[1 to \d+, 48\] for this kernel, got \[4, 40\]"):
        product(kernel, x[:, :40], weight)
    with pytest.raises(InvalidValue, match=r"got \[65, 48\]"):
        product(kernel, x.repeat(17, 1)[:65], weight)
    with pytest.raises(InvalidValue, match=r"the output must be \[4, 20\] and both contiguous, got \[4, 19\]"):
        kernel(x, weight, x.new_empty(4, 19))
    with pytest.raises(InvalidValue, match="contiguous"):
        product(kernel, x.T.contiguous().T, weight)


@pytest.mark.skipif("not torch.cuda.is_available()")
@both
def test_a_captured_product_is_the_same(kernel: Kernel, device: torch.device) -> None:
    weight, x = made(24, 1040, 2, device, torch.bfloat16)
    eager = product(kernel, x, weight)
    out, graph = torch.zeros_like(eager), torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kernel(x, weight, out)
    graph.replay()
    assert torch.equal(out, eager)
