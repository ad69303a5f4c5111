"""What annotators see, on scripted scenes with written answers."""

import numpy as np
import pytest

from tasks.demo_corpus import motion
from tasks.demo_corpus.backdrops import View, occluder
from tasks.demo_corpus.body import Build, Posture, pose_skeleton
from tasks.demo_corpus.camera import Camera
from tasks.demo_corpus.canvas import Layer
from tasks.demo_corpus.figures import Figure
from tasks.demo_corpus.identities import Wardrobe
from tasks.demo_corpus.motion import Style, Walk
from tasks.demo_corpus.scenes import Light, Scene
from tasks.demo_corpus.truth import HIDDEN, LIMB_POINTS, OUTSIDE, SEEN, SELF_HIDDEN, PersonTruth, people_of

TOWARDS, AWAY, TO_THE_RIGHT, TO_THE_LEFT = np.pi, 0.0, np.pi / 2, -np.pi / 2
WIDTH, HEIGHT, FOCAL, EYE = 200, 200, 250.0, 1.2
STILL = Style(phase=0.0, vigour=1.0, tempo=1.0, detail=np.zeros(12))


def camera() -> Camera:
    still = np.zeros(1)
    return Camera(WIDTH, HEIGHT, EYE, still + FOCAL, still, still, still)


def person(number: int, x: float, z: float, heading: float) -> Figure:
    """Someone who stands at (x, z) metres."""
    walk = Walk(np.zeros(1), np.array([[x, z]]), np.array([heading]), np.zeros(1))
    identity = Wardrobe(3, "train").identity(0, number)
    return Figure(identity, pose_skeleton(motion.stand(walk, STILL), Build(1.75, 1.0, 1.0, 1.0, 1.0)), camera())


def seen(figures: list[Figure], layers: list[Layer] | None = None) -> dict[int, PersonTruth]:
    view = View(WIDTH, HEIGHT, FOCAL, HEIGHT / 2, EYE)
    scene = Scene(
        name="scripted", tags=(), seed=0, camera=camera(), figures=figures, view=view,
        backdrop=np.full((HEIGHT, WIDTH, 3), 128, np.uint8), turns=np.eye(3)[None], layers=layers or [],
        light=Light(1.0, (1.0, 1.0, 1.0), 0.0, 0.0), frames=1, subframes=1, crowd=[],
        clutter=np.zeros((0, 4)), labelled=(True,),
    )  # fmt: skip
    return {person.person: person for person in people_of(scene, 0, scene.canvas(0))}


def test_someone_alone_who_looks_at_us_is_all_seen() -> None:
    truth = seen([person(0, 0.0, 3.5, TOWARDS)])[0]
    assert set(truth.states.values()) == {SEEN}
    assert truth.visible_share == 1.0
    assert not truth.cut


@pytest.mark.parametrize(("heading", "side"), [(TOWARDS, 1), (AWAY, -1)])
def test_left_is_on_the_right_of_those_who_look_at_us(heading: float, side: int) -> None:
    points = seen([person(0, 0.0, 3.5, heading)])[0].positions
    for limb in ("shoulder", "elbow", "hip", "knee", "ankle"):
        assert side * (points[f"left_{limb}"][0] - points[f"right_{limb}"][0]) > 3


def test_a_face_is_hidden_from_behind() -> None:
    states = seen([person(0, 0.0, 3.5, AWAY)])[0].states
    assert {states[name] for name in ("nose", "left_eye", "right_eye")} == {SELF_HIDDEN}
    assert {states[name] for name in ("head_top", "head_bottom", "left_shoulder", "right_knee")} == {SEEN}


@pytest.mark.parametrize(("heading", "near", "far"), [(TO_THE_RIGHT, "right", "left"), (TO_THE_LEFT, "left", "right")])
def test_in_profile_the_far_side_is_hidden_by_the_own_body(heading: float, near: str, far: str) -> None:
    states = seen([person(0, 0.0, 3.5, heading)])[0].states
    assert states[f"{near}_shoulder"] == states[f"{near}_hip"] == states[f"{near}_ear"] == SEEN
    assert states[f"{far}_shoulder"] == states[f"{far}_hip"] == states[f"{far}_ear"] == SELF_HIDDEN
    assert states["nose"] == SEEN


def test_who_stands_behind_another_is_hidden_by_the_other_and_not_the_other_way_round() -> None:
    truths = seen([person(0, 0.0, 3.0, TOWARDS), person(1, 0.0, 6.0, TOWARDS)])
    assert set(truths[0].states.values()) == {SEEN}
    assert truths[1].states["left_hip"] == truths[1].states["right_hip"] == HIDDEN
    assert truths[1].visible_share < 0.3
    assert truths[0].visible_share == 1.0


def test_order_of_the_cast_does_not_matter_only_depth() -> None:
    near, far = person(0, 0.0, 3.0, TOWARDS), person(1, 0.1, 5.0, TOWARDS)
    first, second = seen([near, far]), seen([far, near])
    assert first[1].states == second[0].states
    assert first[1].visible_share == second[0].visible_share


def test_a_car_hides_the_legs_and_not_the_head() -> None:
    view = View(WIDTH, HEIGHT, FOCAL, HEIGHT / 2, EYE)
    car = occluder(view, np.random.default_rng(0), kind="car", x=0.0, z=2.8)
    states = seen([person(0, 0.0, 3.4, TOWARDS)], [car])[0].states
    assert states["left_knee"] == states["right_knee"] == states["left_hip"] == HIDDEN
    assert states["nose"] == states["head_top"] == SEEN


def test_a_car_behind_hides_nothing() -> None:
    view = View(WIDTH, HEIGHT, FOCAL, HEIGHT / 2, EYE)
    car = occluder(view, np.random.default_rng(0), kind="car", x=0.0, z=4.5)
    assert set(seen([person(0, 0.0, 3.4, TOWARDS)], [car])[0].states.values()) == {SEEN}


def test_what_leaves_the_picture_is_outside() -> None:
    truth = seen([person(0, 0.0, 1.2, TOWARDS)])[0]
    assert truth.states["left_ankle"] == truth.states["right_ankle"] == OUTSIDE
    assert truth.cut


def test_far_outside_nobody_is_there() -> None:
    assert seen([person(0, 9.0, 3.5, TOWARDS)]) == {}


def test_keypoints_lie_on_the_body() -> None:
    truth = seen([person(0, 0.0, 3.5, TOWARDS)])[0]
    for name in (*LIMB_POINTS, "nose", "left_eye", "right_eye"):
        x, y = np.round(truth.positions[name]).astype(int)
        assert truth.mask[y, x], name


def test_the_head_box_holds_the_face() -> None:
    truth = seen([person(0, 0.0, 3.5, TOWARDS)])[0]
    x, y, w, h = truth.head_box_xywh
    for name in ("nose", "left_eye", "right_eye", "head_top"):
        px, py = truth.positions[name]
        assert x <= px <= x + w and y - 1 <= py <= y + h, name
    assert truth.positions["head_bottom"][1] > y + 0.7 * h


LENGTHS = {
    **{f"{side}_{a}-{side}_{b}": share for side in ("left", "right") for (a, b), share in {
        ("shoulder", "elbow"): 0.165, ("elbow", "wrist"): 0.145, ("hip", "knee"): 0.245, ("knee", "ankle"): 0.24,
    }.items()},
}  # fmt: skip


@pytest.mark.parametrize(
    "gait",
    [
        motion.stroll,
        motion.stride,
        motion.run,
        motion.stand,
        motion.wave,
        motion.dance,
        motion.exercise,
        motion.sit,
        motion.reach,
    ],
)
def test_bones_keep_their_length_and_feet_their_ground(gait: motion.Gait) -> None:
    seconds = np.linspace(0, 2, 25)
    walk = Walk(seconds, np.stack([seconds, seconds + 4], -1), np.full(25, 0.7), np.full(25, 1.5))
    for style_seed in range(5):
        posture: Posture = gait(walk, Style.draw(np.random.default_rng(style_seed)))
        points = pose_skeleton(posture, Build(1.8, 1.0, 1.0, 1.0, 1.0)).points
        for bone, share in LENGTHS.items():
            start, end = bone.split("-")
            assert np.linalg.norm(points[start] - points[end], axis=-1) == pytest.approx(share * 1.8), bone
        assert min(points["left_ankle"][:, 1].min(), points["right_ankle"][:, 1].min()) > 0.05
