"""Parity with the reference networks, through the file format and the key names of the released weights."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from models.networks.correspondence import CorrespondenceNetwork
from models.networks.pose import PoseNetwork

Arrays = dict[str, np.ndarray]


def image(seed: int, height: int, width: int) -> Tensor:
    return torch.randn(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def assert_logits(actual: Tensor, golden: np.ndarray) -> None:
    np.testing.assert_allclose(actual.numpy(), golden, rtol=1e-3, atol=1e-3)


def assert_maps(actual: Tensor, golden: np.ndarray) -> None:
    np.testing.assert_allclose(actual.numpy(), golden, rtol=0, atol=2e-6)


def queries(golden: np.ndarray) -> Tensor:
    return torch.from_numpy(golden[..., :2])


def features_of_the_synthetic_pair() -> tuple[Tensor, Tensor]:
    first = 0.2 * torch.randn(1, 32, 32, 32, generator=torch.Generator().manual_seed(301))
    noise = 0.02 * torch.randn(1, 32, 32, 32, generator=torch.Generator().manual_seed(302))
    return first, torch.roll(first, shifts=(2, -1), dims=(2, 3)) + noise


@pytest.mark.parametrize("kind", ["pose", "correspondence"])
def test_the_fill_itself_is_the_founders(
    kind: str, released_state: Callable[[str], dict[str, Tensor]], golden_checksums: dict[str, list[float]]
) -> None:
    state = released_state(kind)
    prefix = "pose/" if kind == "pose" else "corr/"
    checked = [key for key in golden_checksums if key.startswith(prefix)]
    assert checked
    for key in checked:
        values = state[key.removeprefix(prefix)].double().flatten()
        facts = [values.sum(), values.abs().sum(), values[0], values[-1]]
        np.testing.assert_allclose(facts, golden_checksums[key], rtol=1e-5)


@torch.inference_mode()
def test_pose_on_the_small_image(released_pose: PoseNetwork, golden_pose: Arrays) -> None:
    images = image(101, 128, 96)
    np.testing.assert_allclose(images.flatten()[:16].numpy(), golden_pose["small_input_head"], rtol=1e-5)
    first, second, third = (stage[0] for stage in released_pose(images))
    assert_logits(first[:, ::2, ::2], golden_pose["small_stage1"])
    assert_logits(second, golden_pose["small_stage2"])
    assert_logits(third[:, ::2, ::2], golden_pose["small_stage3"])


@torch.inference_mode()
def test_pose_on_a_full_crop(released_pose: PoseNetwork, golden_pose: Arrays) -> None:
    images = image(102, 384, 288)
    np.testing.assert_allclose(images.flatten()[:16].numpy(), golden_pose["big_input_head"], rtol=1e-5)
    for number, stage in enumerate(released_pose(images), start=1):
        assert_logits(stage[0, :, ::8, ::8], golden_pose[f"big_stage{number}_s8"])
        sums = stage[0].double().sum(dim=(1, 2)), stage[0].double().abs().sum(dim=(1, 2))
        np.testing.assert_allclose(sums[0].numpy(), golden_pose[f"big_stage{number}_chansum"], rtol=1e-3, atol=1.0)
        np.testing.assert_allclose(sums[1].numpy(), golden_pose[f"big_stage{number}_chanabssum"], rtol=1e-3)


@torch.inference_mode()
def test_correspondence_on_images(released_correspondence: CorrespondenceNetwork, golden_corr: Arrays) -> None:
    first, second = image(201, 256, 256), image(202, 256, 256)
    np.testing.assert_allclose(first.flatten()[:16].numpy(), golden_corr["img_i1_head"], rtol=1e-5)
    features = released_correspondence.features(torch.cat([first, second]))
    for number, map_ in enumerate(features, start=1):
        assert_logits(map_[:, ::4, ::4], golden_corr[f"img_f{number}_s4"])
        np.testing.assert_allclose(
            map_.sum(dim=(1, 2)).numpy(), golden_corr[f"img_f{number}_chansum"], rtol=1e-3, atol=0.5
        )
    maps, logits = released_correspondence.affinity(features[:1], features[1:], queries(golden_corr["img_queries"]))
    assert_maps(maps[0, :, ::4, ::4], golden_corr["img_maps_s4"])
    np.testing.assert_allclose(maps[0].sum(dim=(1, 2)).numpy(), golden_corr["img_maps_sum"], atol=1e-4)
    assert_maps(maps[0].amax(dim=(1, 2)), golden_corr["img_maps_max"])
    assert_logits(logits[0, :, ::2, ::2], golden_corr["img_refined_s2"])
    np.testing.assert_allclose(logits[0].sum(dim=(1, 2)).numpy(), golden_corr["img_refined_sum"], rtol=1e-3, atol=1.0)


@torch.inference_mode()
def test_maps_and_refinement_of_synthetic_features(
    released_correspondence: CorrespondenceNetwork, golden_corr: Arrays
) -> None:
    first, second = features_of_the_synthetic_pair()
    np.testing.assert_allclose(first.flatten()[:16].numpy(), golden_corr["syn_fA_head"], rtol=1e-5)
    maps, logits = released_correspondence.affinity(first, second, queries(golden_corr["syn_queries"]))
    assert_maps(maps[0], golden_corr["syn_maps_sq"])
    assert_logits(logits[0], golden_corr["syn_refined_logits"])


@torch.inference_mode()
def test_maps_of_synthetic_features_in_the_papers_norm(
    released_correspondence: CorrespondenceNetwork, golden_corr: Arrays
) -> None:
    ours = CorrespondenceNetwork(released_correspondence.siamese, None, norm="l2", cells="released")
    maps = ours.affinity_maps(*features_of_the_synthetic_pair(), queries(golden_corr["syn_queries"]))
    assert_maps(maps[0], golden_corr["syn_maps_l2"])
    assert not maps[0, 13:].any(), "the last four queries lie outside the map"
    np.testing.assert_allclose(maps[0, :13].sum(dim=(1, 2)).numpy(), 1.0, atol=1e-5)
