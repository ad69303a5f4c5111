"""How fast the networks are, against the ways they could be run and the ways the released scripts run them.

    python -m bench.bench_networks --out RESULT.json [--repeats N] [--threads N] [--parts maps ...]

Full width, random weights, CPU, float32 where a name does not tell another. The compared ways take turns, so that a
busy machine slows all of them; medians are compared, for the maps those of processor times. GFLOP are those of the
plain networks, whatever a faster way adds or saves.
"""

import argparse
import copy
import json
import logging
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.affinity_ways import KEYPOINTS, PERSONS, looped_maps, ways_to_map
from models.networks.correspondence import CorrespondenceNetwork, RefinementNetwork, SiameseNetwork
from models.networks.inference import prepare
from models.networks.pose import PoseNetwork

Ways = Mapping[str, Callable[[], object]]

_LOGGER = logging.getLogger("bench")
FRAME_PX = 512
CROPS = 4


def seconds_of(ways: Ways, repeats: int, clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Median time of each way by the clock, one warm-up first, all ways in turn."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(repeats + 1):
        for name, run in ways.items():
            start = clock()
            run()
            if round_:
                taken[name].append(clock() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def gflop_of(run: Callable[[], object]) -> float:
    """Floating-point operations of a call, in 10^9."""
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops()) / 1e9


def matrix_multiply_rate(repeats: int) -> float:
    """GFLOP/s of a float32 matrix multiplication of 2048 x 2048."""
    side = 2048
    matrix = torch.rand(side, side)
    seconds = seconds_of({"multiply": lambda: matrix @ matrix}, 4 * repeats)["multiply"]
    return 2e-9 * side * side * side / seconds


def bench_pose(repeats: int) -> dict[str, Any]:
    """Pose crops per second: eager (unfolded, contiguous) against prepared for inference."""
    eager = PoseNetwork().eval()
    fused = prepare(copy.deepcopy(eager))
    crops = torch.rand(CROPS, 3, 384, 288)
    last = crops.to(memory_format=torch.channels_last)
    seconds = seconds_of({"eager": lambda: eager(crops), "fused": lambda: fused(last)}, repeats)
    rate = {f"{name}_crops_per_second": CROPS / taken for name, taken in seconds.items()}
    return {**rate, "speedup": seconds["eager"] / seconds["fused"]} | work(
        gflop_of(lambda: eager(crops)), seconds["fused"]
    )


def bench_maps(repeats: int) -> dict[str, Any]:
    """Affinity maps of 5 persons at 128 x 128 cells: processor time of each way, and how many times a loop's speed."""
    ways = ways_to_map(FRAME_PX // 4)
    for name in ("batched", "product"):
        torch.testing.assert_close(ways[name](), ways["loop"](), rtol=1e-3, atol=1e-6)
    seconds = seconds_of(ways, 3 * repeats, time.process_time)
    return {f"{name}_ms": 1e3 * taken for name, taken in seconds.items()} | {
        "speedup": seconds["loop"] / seconds["batched"],
        "speedups": {name: seconds["loop"] / taken for name, taken in seconds.items()},
    }


def bench_step(repeats: int) -> dict[str, Any]:
    """One step of a video, 5 persons, 512-pixel frames: ours against the course of the released scripts."""
    refinement = RefinementNetwork().eval()
    plain = CorrespondenceNetwork(SiameseNetwork(), refinement, norm="squared", cells="released").eval()
    fused = prepare(copy.deepcopy(plain))
    frame = torch.rand(1, 3, FRAME_PX, FRAME_PX)
    earlier = fused.features(frame.flip(3))
    queries = torch.randint(0, FRAME_PX // 4, (PERSONS, KEYPOINTS, 2))

    def ours() -> None:
        features = fused.features(frame.contiguous(memory_format=torch.channels_last))
        fused.affinity(earlier, features, queries)

    def released() -> None:
        plain.features(frame)  # The two-branch call gets the same frame twice, and drops one result.
        features = plain.features(frame)
        for _ in ("recovery", "tracking"):
            for person in queries:
                maps = looped_maps(earlier, features, person)
                refinement(earlier, features, maps[None])

    seconds = seconds_of({"ours": ours, "released": released}, repeats)
    return {f"{name}_seconds": taken for name, taken in seconds.items()} | {
        "speedup": seconds["released"] / seconds["ours"],
        "features": part(fused.siamese, plain.siamese, (frame,), repeats),
        "refinement": part(
            prepare(copy.deepcopy(refinement)),
            refinement,
            (earlier, earlier, torch.rand(PERSONS, KEYPOINTS, FRAME_PX // 4, FRAME_PX // 4)),
            repeats,
        ),
    }


def part(fused: nn.Module, plain: nn.Module, inputs: tuple[Tensor, ...], repeats: int) -> dict[str, float]:
    """Work and rate of one network alone."""
    last = tuple(each.contiguous(memory_format=torch.channels_last) for each in inputs)
    return work(gflop_of(lambda: plain(*inputs)), seconds_of({"fused": lambda: fused(*last)}, repeats)["fused"])


def work(gflop: float, seconds: float) -> dict[str, float]:
    """Work and its rate, the rate to be compared with the matrix multiplication's."""
    return {"gflop": gflop, "gflop_per_second": gflop / seconds}


def with_shares(results: Any, rate: float) -> Any:
    """Add, wherever a rate stands, its share of the matrix-multiply rate."""
    if not isinstance(results, dict):
        return results
    shared = {key: with_shares(value, rate) for key, value in results.items()}
    if "gflop_per_second" in shared:
        shared["share_of_matrix_multiply"] = shared["gflop_per_second"] / rate
    return shared


PARTS: Final = {"pose": bench_pose, "maps": bench_maps, "step": bench_step}


@torch.inference_mode()
def run(repeats: int, parts: Sequence[str]) -> dict[str, Any]:
    """The measurements of `parts`, the matrix multiplication before and after them."""
    torch.manual_seed(0)
    before = matrix_multiply_rate(repeats)
    results = {name: PARTS[name](repeats) for name in parts}
    rate = statistics.mean([before, matrix_multiply_rate(repeats)])
    machine = {"threads": torch.get_num_threads(), "torch": torch.__version__, "load_average": os.getloadavg()[0]}
    return {"machine": machine, "matrix_multiply_gflop_per_second": rate, **with_shares(results, rate)}


def main() -> None:
    """Measure, write the JSON file, and log the speedups."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="file to write")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.threads)
    results = run(arguments.repeats, arguments.parts)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    partial = arguments.out.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=2) + "\n")
    partial.replace(arguments.out)
    for name in arguments.parts:
        _LOGGER.info("%s: %.1f times as fast", name, results[name]["speedup"])


if __name__ == "__main__":
    main()
