"""A step reads packed weights as they are stored: alone and in a stack it is the step of the decoded ones."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from nsctl.errors import InvalidValue
from policies.mamba3.block import cast
from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.decoder import decoder
from policies.mamba3.kernels import decode
from policies.mamba3.kernels import linear as dense
from policies.mamba3.kernels.available import interpreted
from policies.mamba3.kernels.decode import FusedStack
from policies.mamba3.kernels.linear import DenseMap
from policies.mamba3.stack import Layer, Mamba3Stack
from policies.nvfp4 import linear
from policies.nvfp4.kernels.choose import Plan
from policies.nvfp4.kernels.step import PackedMap
from policies.nvfp4.quantise import quantise
from policies.nvfp4.roles import SplitLinear, quantise_network
from policies.nvfp4.tensor import NVFP4Tensor, dequantise

TOLERANCE = 2e-3
"""The issue's; tensor cores take inputs rounded to bfloat16 (which the interpreter does not), a single row stays exact."""
EXACT = 2e-6


def off(y: Tensor, right: Tensor) -> float:
    return float((y.double() - right).norm() / right.norm())


def made(
    rows: int, kept: int, width: int, device: torch.device, dtype: torch.dtype = torch.float32
) -> tuple[NVFP4Tensor, Tensor]:
    """Drawn on the CPU, as the inputs below are: every device is given the same numbers."""
    torch.manual_seed(0)
    weight = quantise(torch.randn(rows, width) * torch.rand(rows, 1), "max").to(device)
    return weight, torch.randn(kept, width).to(device, dtype)


def projected(this: PackedMap, exact: NVFP4Tensor | None = None) -> float:
    """How far ``this`` is, behind a norm, from float64 with the codes of ``exact``."""
    width, rows = this.packed.columns, this.packed.shape[0] + len(this.kept)
    weight = torch.cat([dequantise(exact or this.packed).double(), this.kept.double()])
    x, norm = torch.randn(this.batch, width).to(weight.device), torch.rand(width).to(weight.device) + 0.5
    out = torch.full((this.batch, rows), torch.nan, device=weight.device)
    this.project(x, norm, out)
    return off(out, nn.functional.rms_norm(x.double(), (width,), norm.double(), 1e-5) @ weight.T)


def added(this: PackedMap, exact: NVFP4Tensor | None = None) -> float:
    """The same, before a sum; of what is added alone."""
    weight = torch.cat([dequantise(exact or this.packed).double(), this.kept.double()])
    y, total = torch.randn(this.batch, weight.shape[1]).to(weight.device), torch.randn(this.batch, len(weight))
    total = total.to(weight.device)
    before = total.double()
    this.add(y.to(this.kind), total)
    return off(total.double() - before, y.to(this.kind).double() @ weight.T)


@pytest.mark.parametrize(("rows", "kept", "width"), [(48, 8, 80), (33, 5, 75), (20, 0, 272)])
@pytest.mark.parametrize(
    ("batch", "dtype"),
    [(1, torch.float32), (1, torch.bfloat16), (3, torch.float32), (3, torch.bfloat16), (16, torch.bfloat16)],
)
def test_a_map_is_that_of_the_codes(
    rows: int, kept: int, width: int, batch: int, dtype: torch.dtype, device: torch.device
) -> None:
    rounds = dtype == torch.bfloat16 and batch > 1 and not interpreted()
    for normed, error in ((True, projected), (False, added)):
        this = PackedMap(*made(rows, kept, width, device, dtype), batch, dtype, normed)
        assert error(this) < (TOLERANCE if rounds and not normed else 2 * TOLERANCE if rounds else EXACT)


def swapped(weight: NVFP4Tensor) -> NVFP4Tensor:
    return replace(weight, codes=weight.codes >> 4 | weight.codes << 4)


def moved_scales(weight: NVFP4Tensor) -> NVFP4Tensor:
    moved = weight.block_scales.view(torch.uint8).roll(1, 1)
    return replace(weight, block_scales=moved.view(weight.block_scales.dtype))


def one_scale_off(weight: NVFP4Tensor) -> NVFP4Tensor:
    """The last step of one block in the whole weight."""
    scales = weight.block_scales.view(torch.uint8).clone()
    scales[7, 2] ^= 1
    return replace(weight, block_scales=scales.view(weight.block_scales.dtype))


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize(("mistake", "least"), [(swapped, 0.1), (moved_scales, 0.1), (one_scale_off, 5e-3)])
def test_a_mistake_would_show(
    mistake: Callable[[NVFP4Tensor], NVFP4Tensor], least: float, batch: int, device: torch.device
) -> None:
    """One block's part of a single sum can be next to nothing: with these numbers it is not, in float64."""
    weight, kept = made(32, 4, 80, device, torch.bfloat16)
    for normed, error in ((True, projected), (False, added)):
        assert error(PackedMap(mistake(weight), kept, batch, torch.float32, normed), weight) > least


def test_what_pads_a_row_is_not_multiplied(device: torch.device) -> None:
    weight, kept = made(32, 4, 75, device)
    codes = weight.codes.clone()
    codes[:, -2:] |= 0x77  # columns 76 to 79
    codes[:, -3] |= 0x70  # and 75
    for batch in (1, 3):
        assert projected(PackedMap(replace(weight, codes=codes), kept, batch, torch.float32, True), weight) < EXACT


WIDTH = 24
"""Of the small stack: a block and a half."""
VARIANTS = {"plain": {}, "groups": {"groups": 2, "a_activation": "heavy_tail"}}


def stack(device: torch.device, dtype: torch.dtype, mlp: int = 0, **options: object) -> Mamba3Stack:
    torch.manual_seed(3)
    network = Mamba3Stack(StackConfig(1, Mamba3Config(WIDTH, d_state=8, head_dim=24, **options), mlp=mlp))  # type: ignore[arg-type]
    quantise_network(network)
    cast(network, dtype)
    return network.to(device).eval()


def decoded(network: Mamba3Stack) -> Mamba3Stack:
    """The same network in float64 throughout, its weights those that the codes stand for."""
    plain = copy.deepcopy(network)
    for layer in plain.layers:
        assert isinstance(layer, Layer)
        for owner, names in ((layer.mixer, ("in_proj", "out_proj")), (getattr(layer, "mlp", None), ("fc1", "fc2"))):
            for name in names if owner is not None else ():
                old = getattr(owner, name)
                quantised = old.quantised if isinstance(old, SplitLinear) else old
                weight = dequantise(quantised.tensor).double()
                if isinstance(old, SplitLinear):
                    weight = torch.cat([weight, old.kept.double()])
                new = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
                new.weight = nn.Parameter(weight)
                setattr(owner, name, new)
    return plain.double()


def drift(network: Mamba3Stack, right: Mamba3Stack, batch: int, moments: int) -> tuple[float, list[type]]:
    """The relative error of all that a fused step adds over ``moments``; and the kinds of its maps."""
    fused, states = FusedStack(network, batch), right.rest(batch)
    device, make = fused.x.device, torch.Generator().manual_seed(1)
    got, wanted = [], []
    for _ in range(moments):
        x = torch.randn(batch, WIDTH, generator=make).to(device)
        fused.x.copy_(x)
        fused.run()
        with torch.no_grad():
            y, states = right.step(x.double(), states)
        got.append(fused.x.double() - x)
        wanted.append(y - x)
    return off(torch.stack(got), torch.stack(wanted)), [
        type(part) for maps in fused._maps for part in vars(maps).values()
    ]


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every map as the kernels read it packed, whatever was measured; and a small interpreter's load."""
    monkeypatch.setattr(linear, "step_plan", lambda *_: Plan("step", "for the test"))
    monkeypatch.setattr(decode, "LEAST", 8)
    if interpreted():
        monkeypatch.setattr(dense, "PROGRAMS", 4)


@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_a_packed_stack_steps_as_the_decoded_one(options: dict[str, object], device: torch.device) -> None:
    network = stack(device, torch.float32, **options)
    error, kinds = drift(network, decoded(network), 1, 4)
    assert set(kinds) == {PackedMap, type(None)}
    assert error < 10 * EXACT


@pytest.mark.usefixtures("packed")
def test_in_bfloat16_with_a_swiglu_and_in_batches(device: torch.device) -> None:
    network = stack(device, torch.bfloat16, mlp=20)
    for batch, allowed in ((1, 10 * EXACT), (3, 5 * TOLERANCE)):  # what passes between maps is rounded too
        error, kinds = drift(network, decoded(network), batch, 3)
        assert set(kinds) == {PackedMap}
        assert error < allowed


@pytest.mark.skipif("not torch.cuda.is_available()", reason="the interpreter would take minutes for a thousand steps")
@pytest.mark.usefixtures("packed")
def test_a_thousand_steps_do_not_drift(device: torch.device) -> None:
    network = stack(device, torch.float32)
    assert drift(network, decoded(network), 1, 1000)[0] < 100 * EXACT


@torch.no_grad()
def test_a_thousand_steps_in_pytorch_do_not_drift() -> None:
    network = stack(torch.device("cpu"), torch.float32)
    right = decoded(network)
    states, exact = network.rest(1), right.rest(1)
    for x in torch.randn(1000, 1, WIDTH, generator=torch.Generator().manual_seed(2)):
        y, states = network.step(x, states)
        wanted, exact = right.step(x.double(), exact)
    assert off(y - x, wanted - x.double()) < 100 * EXACT


def test_where_nothing_was_measured_a_step_decodes_once(device: torch.device) -> None:
    network = stack(device, torch.float32)
    error, kinds = drift(network, decoded(network), 1, 4)
    assert set(kinds) == {DenseMap, type(None)}
    assert error < 10 * EXACT
    packed, kept = made(33, 5, 80, device, torch.bfloat16)
    this = linear.step_map(packed, kept, 1, torch.bfloat16, False)
    assert isinstance(this, DenseMap)
    weight, y = torch.cat([dequantise(packed).double(), kept.double()]), torch.randn(1, 80, device=device)
    total = torch.zeros(1, 38, device=device)
    this.add(y, total)
    assert EXACT < off(total, y.double() @ weight.T) < TOLERANCE  # the scale is in the weights, which are rounded


def test_decoding_in_the_plain_step_happens_in_its_products_alone(
    device: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What asks for a precision or a device does not decode a weight for it."""
    network = stack(device, torch.float32)
    monkeypatch.setattr(SplitLinear, "weight", property(lambda _: pytest.fail("a weight was decoded")))
    x = torch.randn(2, WIDTH, device=device)
    y, _ = network.step(x, network.rest(2))
    assert y.shape == x.shape


def test_shapes_and_uses_that_do_not_fit_are_refused(device: torch.device) -> None:
    weight, kept = made(32, 4, 80, device)
    with pytest.raises(InvalidValue, match=re.escape("the kept rows must be [k, 80], got [4, 79]")):
        PackedMap(weight, kept[:, 1:], 1, torch.float32, True)
    with pytest.raises(
        InvalidValue, match=r"none for packed weights: in torch\.float32 a step's kernels take 1 to 8 rows"
    ):
        PackedMap(weight, kept, 9, torch.float32, True)
    with pytest.raises(InvalidValue, match=re.escape("are [2, 80] and [2, 36], got [2, 80] and [2, 35]")):
        PackedMap(weight, kept, 2, torch.float32, False).add(torch.zeros(2, 80), torch.zeros(2, 35))
    layer = linear.NVFP4Linear(weight, torch.zeros(32, device=device))
    with pytest.raises(InvalidValue, match="know no bias"):
        layer.step_map(1, torch.float32, True)


@pytest.mark.skipif("not torch.cuda.is_available()", reason="CUDA graphs need a GPU")
@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize("batch", [1, 4])
def test_a_graph_is_the_eager_step(batch: int) -> None:
    network = stack(torch.device("cuda"), torch.bfloat16)
    graph, eager = decoder(network, batch, "graph"), FusedStack(network, batch)
    for moment in torch.randn(5, batch, WIDTH, device="cuda"):
        eager.x.copy_(moment)
        eager.run()
        assert torch.equal(graph.step(moment), eager.x)
