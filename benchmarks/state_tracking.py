"""Can a model keep track of a state? Parity and arithmetic modulo 5, asked about at lengths that were never trained on.

    python benchmarks/state_tracking.py --task parity --out runs/parity            # on a GPU where there is one
    python benchmarks/state_tracking.py --task arithmetic --rules full --out runs/arithmetic
    python benchmarks/state_tracking.py --task parity --out runs/parity --seconds 300      # stops, and goes on with
    python benchmarks/state_tracking.py --task parity --out runs/parity-2 --resume runs/parity

All rules, learning rates and seeds are trained side by side, in PyTorch (`state_tracking_models.py`) or, where there
is a GPU and all rules are full, through the fused kernels (`state_tracking_fused.py`). Each has its own pace: rows of
3 or 4 tokens first, and a quarter longer whenever 100 steps went well, up to the width of the stage. The answer at
the last token is all that is asked for, in training and afterwards. With `--timed`, `--seconds` is the whole training
and not a part of it. Writes `result.json` with the settings, what was seen on the way and scaled accuracies over
lengths; `state_tracking_report.py` makes a table and curves of it.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from itertools import accumulate, product
from pathlib import Path
from typing import Any

import torch
from state_tracking_fused import Fused
from state_tracking_models import COOL_DOWN, RULES, Ensemble, Member, Trainees, restore
from state_tracking_tasks import TASKS, Rows, Task, scaled

from policies.mamba3.config import Mamba3Config, StackConfig
from policies.mamba3.kernels.available import why_not

LENGTHS = (40, 64, 96, 128, 160, 192, 224, 256, 320, 384, 448, 512)
GOAL = 256
FRESH = 500
"""Steps after which the rows to learn from are drawn anew."""
SHORT, GOOD, BAD = 100, 0.9, 0.3
"""Every 100 steps, models with a scaled accuracy of 0.9 get longer rows, and those with less than 0.3 shorter ones."""


PRESETS: dict[str, dict[str, Any]] = {
    "parity": {"layers": 1, "width": 32, "head": 16, "mlp": 0, "stages": [12, 40, 160], "steps": [800, 1200, 3000]},
    "arithmetic": {"layers": 3, "width": 64, "head": 32, "mlp": 128, "stages": [12, 40, 80, 160]},
}
PRESETS["arithmetic"]["steps"] = [1000, 4000, 5000, 8000]
PRESETS["brackets"] = PRESETS["arithmetic"]
"""What each task is run with unless the command says otherwise."""


def main() -> None:
    a = arguments()
    torch.set_num_threads(a.threads)
    device = "cuda" if torch.cuda.is_available() and not a.cpu else "cpu"
    task = TASKS[a.task]
    members = [Member(*m) for m in product(a.rules, a.rates, a.seeds, a.dt_max)]
    block = Mamba3Config(a.width, a.state, a.head, a_activation=a.activation, rope_fraction=a.rope)
    config = StackConfig(a.layers, block, a.mlp, task.vocabulary)
    ensemble = models(a, device)(members, config, task.classes, a.decay, sum(a.steps), device)
    if a.compile and isinstance(ensemble, Ensemble):
        ensemble.measure = torch.compile(ensemble.losses, dynamic=False)
    history = resume(ensemble, a.resume) if a.resume else []
    train(ensemble, task, a, device, history)
    a.out.mkdir(parents=True, exist_ok=True)
    if history[-1]["step"] < sum(a.steps):
        torch.save([t.detach().cpu() for t in ensemble.state()], a.out / "state.pt")
    curve = {n: ensemble.accuracy(task, n, a.count, 10**6, a.at_once) for n in a.lengths}
    write(a, task, members, history, curve)


def models(a: argparse.Namespace, device: str) -> type[Fused] | type[Ensemble]:
    """What trains the members: the fused kernels where they can, unless the command says otherwise."""
    full = set(a.rules) == {"full"}
    reason = (
        why_not(torch.empty(0, device=device)) if full else f"they know the full rule only, not {' '.join(a.rules)}"
    )
    if a.fused and reason is not None:
        raise SystemExit(f"--fused: {reason}")
    fused = a.fused or (a.fused is None and reason is None and device == "cuda" and not a.compile)
    print("fused kernels" if fused else f"PyTorch operations ({reason or 'as asked for'})", flush=True)
    return Fused if fused else Ensemble


def resume(ensemble: Trainees, folder: Path) -> list[dict[str, Any]]:
    """Goes on where a run stopped; gives its history."""
    before = torch.load(folder / "state.pt", weights_only=True)
    if [t.shape for t in before] != [t.shape for t in ensemble.state()]:
        raise SystemExit(
            f"{folder} holds other models, or {'not ' * isinstance(ensemble, Fused)}fused ones: see --fused"
        )
    restore(ensemble.state(), before)
    history: list[dict[str, Any]] = json.loads((folder / "result.json").read_text())["history"]
    return history


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--task", choices=TASKS, default="parity")
    p.add_argument("--out", type=Path, required=True, help="a folder for result.json")
    p.add_argument("--resume", type=Path, help="the folder of a run that was stopped early")
    p.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    p.add_argument("--rates", nargs="+", type=float, default=[4e-3], help="learning rates")
    p.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    p.add_argument("--dt-max", nargs="+", type=float, default=[1.0], help="the largest initial step size")
    p.add_argument("--layers", type=int)
    p.add_argument("--width", type=int, help="D")
    p.add_argument("--state", type=int, default=64, help="N")
    p.add_argument("--head", type=int, help="P")
    p.add_argument("--mlp", type=int, help="hidden width of the SwiGLU behind each block, 0 for none")
    p.add_argument("--rope", type=float, default=0.5)
    p.add_argument("--activation", choices=("softplus", "heavy_tail"), default="softplus")
    p.add_argument("--decay", type=float, default=0.0, help="AdamW's")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--stages", nargs="+", type=int, help="the longest rows of each stage")
    p.add_argument("--steps", nargs="+", type=int, help="steps of each stage")
    p.add_argument("--shortest", type=int, default=3)
    p.add_argument("--pool", type=int, default=1 << 17, help="rows that are drawn at a time")
    p.add_argument("--seconds", type=float, default=math.inf, help="stop training after this long")
    p.add_argument(
        "--every", type=int, default=500, help=f"steps between two looks at length {GOAL}, a multiple of {SHORT}"
    )
    p.add_argument("--lengths", nargs="+", type=int, default=list(LENGTHS), help="where the end is measured")
    p.add_argument("--count", type=int, default=4096, help="rows to measure with")
    p.add_argument("--at-once", type=int, default=512)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--cpu", action="store_true")
    p.add_argument("--timed", action="store_true", help="training ends with --seconds, and so does the learning rate")
    p.add_argument("--cool-down", type=float, default=COOL_DOWN, help="the share of --seconds in which it gets smaller")
    p.add_argument("--fused", action=argparse.BooleanOptionalAction, help="the fused kernels; only for the full rule")
    p.add_argument("--compile", action="store_true", help="fuse the operations of a step with torch.compile")
    p.set_defaults(**PRESETS[p.parse_known_args()[0].task])
    a = p.parse_args()
    if a.every % SHORT:
        p.error(f"--every must be a multiple of {SHORT}, got {a.every}")
    if a.timed and not (0 < a.seconds < math.inf and 0 < a.cool_down <= 1):
        p.error(f"--timed needs --seconds and a --cool-down in 0..1, got {a.seconds} and {a.cool_down}")
    if len(a.stages) != len(a.steps):
        p.error(f"--stages and --steps must be as many, got {len(a.stages)} and {len(a.steps)}")
    if sum(a.steps) % a.every:
        p.error(f"--steps must add up to a multiple of --every = {a.every}, got {sum(a.steps)}")
    return a


def train(ensemble: Trainees, task: Task, a: argparse.Namespace, device: str, history: list[dict[str, Any]]) -> None:
    """Through the stages; adds to ``history`` and stops when the time is up."""
    done, share = history[-1]["step"] if history else 0, 1 / task.classes
    begun = time.perf_counter() - (history[-1]["seconds"] if history else 0.0)
    deadline, generator = time.perf_counter() + a.seconds, torch.Generator(device).manual_seed(1 + done)
    for width, end in zip(a.stages, accumulate(a.steps), strict=True):
        if done >= end or ahead(ensemble, width, a.stages):
            continue
        room = ensemble.room(width)
        rows = task.rows(a.pool, a.shortest, width, room, generator)
        step = ensemble.stepper(rows, a.batch)
        while done < end and not (done % SHORT == 0 and ahead(ensemble, width, a.stages)):
            step()
            done += 1
            if done % SHORT == 0:
                loss, right = ensemble.look(SHORT)
                ensemble.grow(width, right, *(share + (1 - share) * bound for bound in (GOOD, BAD)))
                if a.timed:
                    left = (deadline - time.perf_counter()) / (a.cool_down * a.seconds)
                    ensemble.brake.fill_(min(max(left, 0.0), 1.0))
            if done % FRESH == 0:
                refill(rows, task.rows(a.pool, a.shortest, width, room, generator))
            late = done % SHORT == 0 and time.perf_counter() > deadline
            if late or done % a.every == 0:
                entry = look(ensemble, task, a, done, width, loss, right)
                entry["seconds"] = round(time.perf_counter() - begun, 1)
                history.append(entry)
                if late:
                    return


def ahead(ensemble: Trainees, width: int, stages: list[int]) -> bool:
    """Whether a model wants longer rows than this stage has: fused ones need not wait for each other."""
    return isinstance(ensemble, Fused) and width < stages[-1] and bool(ensemble.limits.max() >= width)


def refill(rows: Rows, fresh: Rows) -> None:
    for name, tensor in vars(rows).items():
        tensor.copy_(getattr(fresh, name))


def look(
    ensemble: Trainees,
    task: Task,
    a: argparse.Namespace,
    done: int,
    width: int,
    loss: list[float],
    right: list[float],
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "step": done,
        "width": width,
        "loss": loss,
        "trained": [scaled(r, task.classes) for r in right],
    }
    entry["limit"], entry["brake"] = ensemble.limits.tolist(), ensemble.brake.item()
    for length in (width, GOAL):
        found = ensemble.accuracy(task, length, a.at_once, 7, a.at_once)
        entry[f"at {length}"] = [scaled(r, task.classes) for r in found]
    shown = "  ".join(
        f"{m}:{t:.2f}/{g:.2f}" for m, t, g in zip(entry["limit"], entry["trained"], entry[f"at {GOAL}"], strict=True)
    )
    print(f"{time.strftime('%M:%S')} {done:6d} {width:4d} {shown}", flush=True)
    return entry


def write(
    a: argparse.Namespace, task: Task, members: list[Member], history: Any, curve: dict[int, list[float]]
) -> None:
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(a).items()}
    told = {"settings": settings, "members": [m.told() for m in members], "history": history}
    told["curve"] = {n: [scaled(r, task.classes) for r in rights] for n, rights in curve.items()}
    (a.out / "result.json").write_text(json.dumps(told))
    for i, m in enumerate(members):
        at = "  ".join(f"{n}: {told['curve'][n][i]:6.3f}" for n in curve)
        print(f"{m.rule:<12} lr {m.rate:<7} seed {m.seed} dt_max {m.dt_max:<5} {at}")


if __name__ == "__main__":
    main()
