"""The benchmarks compare ways that find the same; how fast these are is not tested."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.affinity_ways import ways_to_map
from bench.bench_throughput import Found, by_script, by_stages, require_equal, save_networks, write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny networks, and a clip of two frames in its data folder."""
    folder = tmp_path_factory.mktemp("clip")
    save_networks(folder / "models", 0.05)
    write_clip(folder / "data", 2)
    return folder


@pytest.fixture(scope="module")
def of_script(clip: Path) -> Found:
    """What the plain script finds in the clip."""
    return by_script(clip / "models", clip / "data")


def test_the_plain_script_and_the_stages_find_the_same(clip: Path, of_script: Found) -> None:
    poses, affinities = by_stages(clip, "float32", clip / "data")
    np.testing.assert_allclose(np.concatenate(poses), np.concatenate(of_script[0]), atol=0.01)
    np.testing.assert_allclose(affinities, of_script[1], atol=1e-3)


def test_ways_that_find_other_poses_are_not_compared(of_script: Found) -> None:
    require_equal(of_script, of_script)
    moved = [pose + 3.0 for pose in of_script[0]]
    with pytest.raises(RuntimeError, match="the same poses of both ways, got 100"):
        require_equal(of_script, (moved, of_script[1]))


def test_the_ways_to_map_affinities_find_the_same() -> None:
    torch.manual_seed(0)
    ways = ways_to_map(32)
    maps = {name: way().float() for name, way in ways.items()}
    for name in ("batched", "batched_bfloat16", "product"):
        torch.testing.assert_close(maps[name], maps["loop"])
    for name in ("loop_bfloat16", "convolution_bfloat16", "product_bfloat16"):
        torch.testing.assert_close(maps[name], maps["loop"], rtol=0.02, atol=1e-5)
    inside = maps["window"] > 0
    shares = torch.where(inside, maps["loop"], 0.0)
    torch.testing.assert_close(maps["window"], shares / shares.sum(dim=(-2, -1), keepdim=True))
    assert inside.float().mean() < 1
