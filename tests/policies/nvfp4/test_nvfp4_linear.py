"""The layer: the product with the numbers that are stored, whatever torch does to the module around it."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from nsctl.errors import InvalidValue
from policies.mamba3.sizes import stack_size
from policies.mamba3.stack import Mamba3Stack
from policies.nvfp4 import linear as layers
from policies.nvfp4.linear import NVFP4Linear, nvfp4_linear, scaled_product
from policies.nvfp4.quantise import fake_quantise
from policies.nvfp4.scales import RULES, Rule
from policies.nvfp4.tensor import NVFP4Tensor, dequantise, dequantise_unscaled

DTYPES = {"weight": torch.uint8, "weight_scale": torch.float8_e4m3fn, "weight_scale_2": torch.float32}


def layer(columns: int = 80, bias: bool = True, rule: Rule = "search") -> tuple[NVFP4Linear, nn.Linear, Tensor]:
    """A quantised layer with 48 rows, the one that it was made from, and an input [3, 5, columns]."""
    torch.manual_seed(0)
    linear = nn.Linear(columns, 48, bias)
    return NVFP4Linear.of(linear, rule), linear, torch.randn(3, 5, columns)


def exactly(module: NVFP4Linear, x: Tensor) -> Tensor:
    """In float64, with the same codes."""
    bias = None if module.bias is None else module.bias.double()
    return F.linear(x.double(), dequantise(module.tensor).double(), bias)


def off(y: Tensor, exact: Tensor) -> float:
    return float((y.double() - exact).norm() / exact.norm())


@pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif("not torch.cuda.is_available()"))]
)
@pytest.mark.parametrize("columns", [80, 75])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_product_is_that_of_the_codes(dtype: torch.dtype, columns: int, device: str) -> None:
    module, _, x = layer(columns)
    module, x = module.to(device), x.to(device, dtype)
    y = module(x)
    assert y.dtype == dtype
    assert off(y, exactly(module, x)) < (1e-6 if (dtype, device) == (torch.float32, "cpu") else 2e-3)


@pytest.mark.parametrize("rule", RULES)
def test_it_computes_what_training_saw(rule: Rule) -> None:
    module, linear, x = layer(75, rule=rule)
    assert torch.equal(module(x), F.linear(x, fake_quantise(linear.weight, rule), linear.bias))


def on_a_gpu(tensor: NVFP4Tensor) -> tuple[Tensor, float]:
    """What a GPU would multiply with, here."""
    return dequantise_unscaled(tensor), float(tensor.tensor_scale)


def test_the_operand_of_gpus_is_the_same_weight() -> None:
    module, _, x = layer(bias=False)
    dense, factor = on_a_gpu(module.tensor)
    assert off(F.linear(x, dense.float()) * factor, exactly(module, x)) < 1e-6


class Launched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operators that compute; views and empty tensors launch nothing."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names += [] if func.is_view or "empty" in func.__name__ else [func.overloadpacket.__name__]
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("bias", [False, True])
def test_what_the_library_multiplies_is_one_launch_that_rounds_no_weight(bias: bool) -> None:
    module, _, x = layer(bias=bias)
    module, x = module.to(torch.bfloat16), x.bfloat16()
    dense, factor = on_a_gpu(module.tensor)
    with Launched() as launched:
        y = scaled_product(x, dense, factor, module.bias)
    assert launched.names == ["addmm"]
    assert (y.shape, y.dtype) == ((3, 5, 48), torch.bfloat16)
    assert off(y, exactly(module, x)) < 2e-3
    rounded = F.linear(x, dequantise(module.tensor).bfloat16(), module.bias)
    assert off(rounded, exactly(module, x)) > 2e-3  # why the scale stays apart


def test_the_factor_follows_the_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through all that may change or copy a weight, with the operand of a GPU."""
    monkeypatch.setattr(layers, "operand", on_a_gpu)
    (module, _, x), other = layer(bias=False), NVFP4Linear.empty(80, 48)
    x = x.bfloat16()
    for again in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert off(again(x), exactly(module, x)) < 2e-3
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(x), module(x))
    other.weight_scale_2 = 2 * other.weight_scale_2
    other.derive()
    assert torch.equal(other(x), 2 * module(x))


@pytest.mark.skipif("not torch.cuda.is_available()", reason="a CUDA graph needs a GPU")
@pytest.mark.parametrize(("batch", "packed"), [(3, False), (128, False), (3, True)])
def test_a_captured_layer_gives_the_same(batch: int, packed: bool) -> None:
    module = layer()[0].cuda().bfloat16()
    module.dense = None if packed else module.dense
    x, graph = torch.randn(batch, 80, device="cuda").bfloat16(), torch.cuda.CUDAGraph()
    eager = module(x)
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        y = module(x)
    graph.replay()
    assert torch.equal(y, eager)
    assert off(y, exactly(module, x)) < 2e-3


def test_without_the_operand_it_decodes_at_each_call() -> None:
    module, _, x = layer()
    before = module(x)
    module.dense = None
    assert torch.equal(module(x), before)
    assert module.to(torch.float64).dense is None


def test_a_wrong_operand_shows() -> None:
    module, _, x = layer()
    exact = exactly(module, x)
    module.weight_scale = module.weight_scale.view(torch.uint8).flip(1).view(torch.float8_e4m3fn)
    module.derive()
    assert off(module(x), exact) > 0.02


def test_what_is_saved_is_what_the_file_names(tmp_path: Path) -> None:
    module, _, x = layer()
    state = module.state_dict()
    assert {name: value.dtype for name, value in state.items()} == DTYPES | {"bias": torch.float32}
    save_file(state, tmp_path / "a.safetensors")
    other = NVFP4Linear.empty(80, 48, bias=True)
    assert not other(x).any()
    other.load_state_dict(load_file(tmp_path / "a.safetensors"))
    assert torch.equal(other(x), module(x))
    with torch.device("meta"):
        third = NVFP4Linear.empty(80, 48, bias=True)
    third.load_state_dict(state, assign=True)
    assert torch.equal(third(x), module(x))


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))], ids=["copy", "pickle"]
)
def test_copies_are_their_own(again: object) -> None:
    module, _, x = layer()
    before = module(x)
    other = again(module)  # type: ignore[operator]
    assert torch.equal(other(x), before)
    other.load_state_dict(NVFP4Linear.empty(80, 48, bias=True).state_dict())
    assert not other(x).any()
    assert torch.equal(module(x), before)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_change_of_dtype_leaves_what_is_stored_alone(dtype: torch.dtype) -> None:
    module, linear, x = layer()
    linear.bias.data = linear.bias.bfloat16().float()  # what it is stored in
    module = NVFP4Linear(module.tensor, linear.bias)
    before = module(x)
    model = nn.Sequential(module, nn.Linear(48, 2)).to(dtype)
    assert {name: getattr(module, name).dtype for name in DTYPES} == DTYPES
    assert module.bias is not None
    assert model[1].weight.dtype == module.bias.dtype == dtype
    assert torch.equal(module(x), before)
    assert module(x.to(dtype)).dtype == dtype


def test_torch_compile_sees_one_operator() -> None:
    module, _, x = layer()
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), module(x), rtol=0, atol=0)
    arguments = (x, module.weight, module.weight_scale, module.weight_scale_2, module.bias, module.dense, 1.0)
    # the fourth of its tests, of the schema, multiplies the arguments, which E4M3 cannot
    tests = ("test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")
    assert set(torch.library.opcheck(nvfp4_linear, arguments, test_utils=tests).values()) == {"SUCCESS"}


def test_gradients_are_refused_rather_than_lost() -> None:
    module, _, x = layer()
    with pytest.raises(RuntimeError, match="no autograd formula"):
        module(x.requires_grad_()).sum().backward()


def test_a_bias_of_another_length_is_refused() -> None:
    module, _, _ = layer()
    with pytest.raises(InvalidValue, match=r"the bias of 48 rows must be as long, got \[47\]"):
        NVFP4Linear(module.tensor, torch.zeros(47))


def test_a_stack_takes_less_than_0_285_of_bfloat16() -> None:
    """The projections of micro, of which in_proj has 2 x 512 + 2 x 64 rows in z, x, B and C."""
    stack = Mamba3Stack(stack_size("micro"))
    bytes_, numbers = 0, 0
    for block in stack.layers:
        for weight in (block.mixer.in_proj.weight[: 2 * 512 + 2 * 64], block.mixer.out_proj.weight):  # type: ignore[union-attr]
            module = NVFP4Linear(NVFP4Linear.of(_linear(weight), "max").tensor)
            bytes_ += sum(value.nbytes for value in module.state_dict().values())
            numbers += weight.numel()
    assert numbers > 800_000
    assert bytes_ / (2 * numbers) <= 0.2813


def _linear(weight: Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    linear.weight = nn.Parameter(weight.detach())
    return linear
