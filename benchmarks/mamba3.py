"""The Mamba-3 backbone against its goals, against the official code and against the memory's speed.

    python benchmarks/mamba3.py [--only decode sequences compare cpu] [--rounds 15] [--quick] [--json]

One process; medians of rounds in turn: on a GPU, replays of CUDA graphs one after the other unless a row says otherwise;
on a CPU, processor time of one thread.
Steps of a stack read bfloat16 weights and keep float32 states. A single layer is stepped again and again, so that its
13 MB of weights stay in the GPU's second-level cache; those of twelve layers do not.

`official` is the package mamba_ssm in this very run, where it can be imported (its Triton step; the step in CuTe needs more
packages); `earlier` is what the same code took on another H100 (its step in CuTe). `floor` is the least that must be moved,
at the bandwidth of a copy measured in this run. Clocks are left as they are. Without a GPU, only the part `cpu` is measured.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import PackageNotFoundError, version

import mamba3_official as official
import torch
from mamba3_timing import Bench, Row, copy_bandwidth

PARTS = ("decode", "sequences", "compare", "cpu")
TOLERANCE = 1e-2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    parser.add_argument("--rounds", type=int, default=15, help="rounds that each median is taken of")
    parser.add_argument("--quick", action="store_true", help="few rounds and the small sizes: shows that it runs")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(rounds=3 if asked.quick else asked.rounds, quick=asked.quick)
    errors: list[official.Beside] = []
    if torch.cuda.is_available():
        bench.bandwidth = copy_bandwidth(bench.rounds)
        if reason := official.why_not():
            bench.left_out["official"] = reason
        errors = _on_gpu(bench, asked.only)
    if "cpu" in asked.only:
        _on_cpu(bench)
    about = _about(bench)
    if asked.json:
        told = {"about": about, "rows": [row.told() for row in bench.rows], "left_out": bench.left_out}
        print(json.dumps(told | {"errors": [vars(error) for error in errors]}, indent=1))
    else:
        print(_text(about, bench, errors))


def _on_gpu(bench: Bench, parts: list[str]) -> list[official.Beside]:
    import mamba3_decode
    import mamba3_sequences

    errors = official.compare() if "compare" in parts else []
    if "decode" in parts:
        mamba3_decode.measure(bench)
    if "sequences" in parts:
        mamba3_sequences.measure(bench)
    return errors


def _on_cpu(bench: Bench) -> None:
    import mamba3_decode
    import mamba3_sequences

    mamba3_decode.measure_cpu(bench)
    mamba3_sequences.growth_on_cpu(bench)


def _about(bench: Bench) -> dict[str, str]:
    """What the figures were taken on."""
    about = {"torch": torch.__version__, "Triton": _version("triton"), "rounds": str(bench.rounds)}
    if torch.cuda.is_available():
        about["device"] = torch.cuda.get_device_name()
        about["copy, read and written"] = f"{bench.bandwidth / 1e12:.2f} TB/s"
        about["official"] = official.why_not() or f"mamba_ssm with the {official.activation()} activation of A"
    return about


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _text(about: dict[str, str], bench: Bench, errors: list[official.Beside]) -> str:
    lines = [f"{name}: {value}" for name, value in about.items()]
    if bench.rows:
        lines += ["", "| what | unit | goal | ours | met | official | earlier | ours / official | floor |"]
        lines += ["|---|---|---:|---:|---|---:|---:|---:|---:|", *map(_line, bench.rows)]
    if notes := [f"{row.what}: {row.note}" for row in bench.rows if row.note]:
        lines += ["", *notes]
    if errors:
        lines += ["", "Relative errors in bfloat16, from the same projections; angles span 2 pi:", ""]
        lines += [
            "| tensor | ours beside theirs | ours beside float64 | theirs beside float64 |",
            "|---|---:|---:|---:|",
        ]
        lines += [
            f"| {e.tensor} | {_error(e.ours_theirs)} | {_error(e.ours_float64)} | {_error(e.theirs_float64)} |"
            for e in errors
        ]
    if bench.left_out:
        lines += ["", "Left out:", *(f"{name}: {reason}" for name, reason in bench.left_out.items())]
    return "\n".join(lines)


def _line(row: Row) -> str:
    figures = [row.official, row.earlier, row.ratio, row.floor]
    cells = [row.what, row.unit, _figure(row.goal), _figure(row.ours), row.met, *map(_figure, figures)]
    return f"| {' | '.join(cells)} |"


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}" + ("" if value <= TOLERANCE else " (above 1e-2)")


if __name__ == "__main__":
    main()
