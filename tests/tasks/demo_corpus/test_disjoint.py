"""Nothing is shared between the COCO part, training and validation: people, clothes, settings, motion."""

import hashlib
from itertools import combinations

import pytest

from tasks.demo_corpus.identities import NAMESPACES, Wardrobe, outfits_of
from tasks.demo_corpus.params import CorpusParams
from tasks.demo_corpus.scenes import Scene
from tasks.demo_corpus.staging import stage_picture, stage_video

SEED = 7


@pytest.fixture(scope="module")
def scenes(tiny: CorpusParams) -> dict[str, list[Scene]]:
    return {
        "coco_train": [stage_picture(tiny, seed=SEED, namespace="coco_train", number=n) for n in range(8)],
        "coco_val": [stage_picture(tiny, seed=SEED, namespace="coco_val", number=n) for n in range(8)],
        "train": [stage_video(tiny, seed=SEED, namespace="train", number=n) for n in range(8)],
        "val": [stage_video(tiny, seed=SEED, namespace="val", number=n) for n in range(8)],
    }


def traits(scene: Scene, kind: str) -> set[object]:
    if kind == "backdrop":
        return {hashlib.sha256(scene.backdrop.tobytes()).hexdigest()}
    if kind == "motion":
        relative = [figure.world["left_wrist"] - figure.world["pelvis"] for figure in scene.figures]
        return {hashlib.sha256(moves.tobytes()).hexdigest() for moves in relative}
    if kind == "texture":
        return {figure.identity.texture_seed for figure in scene.figures}
    return {getattr(figure.identity, kind) for figure in scene.figures}


@pytest.mark.parametrize("kind", ["key", "outfit", "texture", "backdrop", "motion"])
def test_no_two_parts_share(scenes: dict[str, list[Scene]], kind: str) -> None:
    by_part = {
        part: set().union(*(traits(scene, kind) for scene in part_scenes)) for part, part_scenes in scenes.items()
    }
    assert all(len(seen) >= 8 for seen in by_part.values())
    for first, second in combinations(by_part, 2):
        assert not by_part[first] & by_part[second], f"{first} and {second} share a {kind}"


@pytest.mark.parametrize("seed", [0, 1, 20201])
def test_wardrobes_are_disjoint_and_large(seed: int) -> None:
    wardrobes = {name: set(outfits_of(seed, name)) for name in NAMESPACES}
    assert all(len(outfits) > 3000 for outfits in wardrobes.values())
    assert sum(map(len, wardrobes.values())) == len(set().union(*wardrobes.values()))


def test_look_alikes_wear_the_same_but_are_two_people() -> None:
    wardrobe = Wardrobe(SEED, "train")
    model = wardrobe.identity(3, 0)
    twin = wardrobe.look_alike(model, 3, 2)
    assert (twin.outfit, twin.lower_kind, twin.sleeves, twin.shoes) == (
        model.outfit,
        model.lower_kind,
        model.sleeves,
        model.shoes,
    )
    assert twin.key != model.key
    assert twin.build != model.build


def test_some_videos_have_look_alikes_and_say_so(scenes: dict[str, list[Scene]]) -> None:
    for part in ("train", "val"):
        for scene in scenes[part]:
            outfits = [figure.identity.outfit for figure in scene.figures]
            assert ("look_alike" in scene.tags) == (len(set(outfits)) < len(outfits))
        assert any("look_alike" in scene.tags for scene in scenes[part])


def test_every_difficulty_is_in_both_splits(scenes: dict[str, list[Scene]]) -> None:
    wanted = {
        *("crossing", "occlusion", "motion_blur", "low_light", "look_alike", "camera_motion", "fast_motion"),
        *("scale_change", "entering", "crowd", "easy"),
    }
    for part in ("train", "val"):
        assert set().union(*(scene.tags for scene in scenes[part])) == wanted
