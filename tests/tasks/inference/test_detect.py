"""Person boxes from files, annotations and the detector."""

import json

import pytest
import torch

import tasks.detect
from models.networks.detector import PersonDetector
from tasks.errors import InputError
from tasks.inference.box_sources import require_boxes
from tasks.progress import Progress, as_current


@pytest.fixture
def results(corpus):
    """`results(*(image_id, box, score), name="val")` writes a file of detections in COCO results form."""

    def write(*boxes, name="val"):
        entries = [
            {"image_id": image_id, "category_id": 1, "bbox": box, "score": score} for image_id, box, score in boxes
        ]
        path = corpus.workspace.data / f"posetrack/detections/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(entries))

    return write


@pytest.fixture
def detect(corpus, params):
    """Runs detect on the corpus and gives what it detect."""

    def run(chosen=params):
        with as_current(Progress(None, "detect")) as progress:
            tasks.detect.run(corpus.write(), chosen)
        return progress

    return run


BOX = [10.0, 12.0, 20.0, 30.0]


def test_boxes_of_a_file_meet_their_frames_by_image_id(corpus, results, detect):
    corpus.video("a", 3, persons=0)
    corpus.video("b", 2, persons=0)
    results((2, [1.0, 2.0, 3.0, 4.0], 0.9), (1001, BOX, 0.8), (0, BOX, 0.7))
    results((1000, BOX, 0.6), name="more")
    progress = detect()
    boxes = [
        (video, row["frame_index"], row["detection_id"], row["box_xywh"], row["score"], row["drop_reason"])
        for video in "ab"
        for row in corpus.table("detections", video)
    ]
    assert boxes == [
        ("a", 0, 0, BOX, 0.7, None),
        ("a", 2, 1, [1.0, 2.0, 3.0, 4.0], 0.9, None),
        ("b", 0, 0, BOX, 0.6, None),
        ("b", 1, 1, BOX, 0.8, None),
    ]
    assert progress.notices == []


@pytest.mark.parametrize(
    ("box", "score", "expected", "reason"),
    [
        (BOX, 0.5, BOX, None),
        (BOX, 0.49, BOX, "low_score"),
        ([-5.0, -6.0, 20.0, 30.0], 0.9, [0.0, 0.0, 15.0, 24.0], None),
        ([70.0, 50.0, 40.0, 40.0], 0.9, [70.0, 50.0, 9.0, 13.0], None),
        ([90.0, 10.0, 20.0, 20.0], 0.9, [90.0, 10.0, 20.0, 20.0], "outside_picture"),
    ],
)
def test_boxes_are_cut_to_their_picture_and_weak_ones_kept_as_dropped(
    corpus, results, detect, box, score, expected, reason
):
    corpus.video("a", 1, persons=0)
    results((0, box, score))
    detect()
    [row] = corpus.table("detections", "a")
    assert (row["box_xywh"], row["score"], row["drop_reason"]) == (expected, score, reason)


def test_broken_boxes_are_rejected_and_the_others_used(corpus, results, detect):
    corpus.video("a", 1, persons=0)
    results((0, [1.0, 2.0, 0.0, 4.0], 0.9), (0, BOX, 0.9), (0, BOX, None), ("x", BOX, 0.9))
    (corpus.workspace.data / "posetrack/detections/cut.json").write_text('[{"image_id"')
    progress = detect()
    assert len(corpus.table("detections", "a")) == 1
    assert [(entry["source"], entry["location"]) for entry in progress.rejects] == [
        ("posetrack/detections/cut.json", ""),
        ("posetrack/detections/val.json", "detection 0"),
        ("posetrack/detections/val.json", "detection 2"),
        ("posetrack/detections/val.json", "detection 3"),
    ]


def test_videos_without_boxes_and_boxes_without_video_are_reported(corpus, results, detect):
    corpus.video("a", 1)
    corpus.video("b", 1)
    results((0, BOX, 0.9), (77, BOX, 0.9))
    progress = detect()
    assert [row["box_source"] for row in corpus.table("detections", "b")] == ["annotated", "annotated"]
    assert "posetrack/detections/val.json: 1 of 2 boxes are of pictures outside" in progress.notices[0]
    assert progress.notices[1].startswith("1 of 2 videos have no detected person boxes (b)")


def test_annotated_boxes_are_those_of_labelled_persons_with_keypoints(corpus, detect):
    corpus.video("a", 3, labelled=[0, 2])
    corpus.persons[1]["visibility"] = [0] * 17
    corpus.persons[2]["is_crowd"] = True
    detect()
    rows = corpus.table("detections", "a", box_source="annotated")
    assert [(row["frame_index"], row["detection_id"], row["drop_reason"]) for row in rows] == [
        (0, 0, None),
        (0, 1, "no_keypoints"),
        (2, 2, "crowd"),
        (2, 3, None),
    ]
    assert {row["score"] for row in rows} == {1.0}


def test_only_the_chosen_splits_and_sources(corpus, results, detect, params, change):
    corpus.video("a", 1)
    corpus.video("b", 1)
    corpus.videos[1]["split"] = "train"
    results((0, BOX, 0.9), (1000, BOX, 0.9))
    detect()
    detect(change(params, detect={"splits": ["val"], "box_sources": ["detected"]}))
    assert {row["box_source"] for row in corpus.table("detections", "a")} == {"detected"}
    assert not (corpus.workspace.tables / "detections/b.parquet").exists()


def bare(corpus, lines):
    """Make the corpus one bare video with these lines of a MOT file beside it."""
    corpus.videos[0] |= {"source": None, "media": "walk.mp4"}
    for index, frame in enumerate(corpus.frames):
        frame |= {"path": None, "image_id": index + 1, "is_labelled": False}
    (corpus.workspace.data / "walk.mp4").write_bytes(b"")
    (corpus.workspace.data / "walk.det.txt").write_text("\n".join(lines))


def test_a_bare_video_takes_the_mot_file_beside_it(corpus, detect):
    corpus.video("a", 2, persons=0)
    lines = ["1,-1,11,13,20,30,0.9,-1,-1,-1", "2,-1,11,13,20,30,0.2,-1,-1,-1", "3,-1,11,13,20,30,0.9,-1,-1,-1"]
    bare(corpus, lines)
    progress = detect()
    rows = corpus.table("detections", "a")
    assert [(row["frame_index"], row["box_xywh"], row["drop_reason"]) for row in rows] == [
        (0, BOX, None),
        (1, BOX, "low_score"),
    ]
    assert [(entry["source"], entry["location"]) for entry in progress.rejects] == [("walk.det.txt", "frame 3")]


def test_boxes_behind_the_end_of_a_video_are_one_reject(corpus, detect):
    corpus.video("a", 2, persons=0)
    bare(corpus, [f"{frame},-1,11,13,20,30,0.9,-1,-1,-1" for frame in range(1, 1001)])
    [reject] = detect().rejects
    assert (reject["source"], reject["location"]) == ("walk.det.txt", "frames 3 to 1000")
    assert reject["reason"] == "expected a frame of the video, which has 2; 998 boxes are ignored"
    assert len(corpus.table("detections", "a")) == 2


def test_a_video_whose_boxes_are_all_dropped_is_rejected_with_counts_and_reason(corpus, results, detect):
    corpus.video("a", 1)
    corpus.video("b", 1)
    results((0, BOX, 0.3), (0, BOX, 0.4), (0, [90.0, 10.0, 20.0, 20.0], 0.9), (1000, BOX, 0.9), (1000, BOX, 0.1))
    [reject] = detect().rejects
    assert (reject["source"], reject["location"]) == ("a", "")
    assert reject["reason"] == (
        "all 3 detected boxes are dropped: 2 low score, 1 outside picture; "
        "detect.score_threshold is 0.5, the highest score 0.9; the video gets no tracks from detected boxes"
    )
    assert len(corpus.table("detections", "a", box_source="detected")) == 3


def test_a_video_without_any_box_is_rejected_and_one_with_annotated_boxes_is_not(corpus, results, detect):
    corpus.video("a", 1)
    corpus.video("b", 1, persons=0)
    results((77, BOX, 0.9))
    progress = detect()
    assert [(entry["source"], entry["reason"][:29]) for entry in progress.rejects] == [
        ("posetrack/detections/val.json", "none of its 1 boxes has the i"),
        ("b", "expected person boxes, got no"),
    ]
    assert progress.notices[-1].startswith("1 of 2 videos have no detected person boxes (a)")


def test_a_corpus_of_pictures_alone_is_rejected(detect):
    [reject] = detect().rejects
    assert reject["reason"] == "expected videos of the splits train, val, test, got none: nothing is tracked"


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        (
            (-0.7, 0.2, 1.8),
            "expected scores from 0 to 1, got -0.7 to 1.8; detect.score_threshold 0.5 drops 2 of 3 boxes",
        ),
        ((12, 88), "expected scores from 0 to 1, got 12 to 88; detect.score_threshold 0.5 drops 0 of 2 boxes"),
        ((0.0, 1.0), None),
        ((-1, -1), None),
    ],
)
def test_scores_that_are_no_probabilities_are_reported_with_what_is_dropped(corpus, detect, scores, sentence):
    corpus.video("a", len(scores), persons=0)
    bare(corpus, [f"{frame},-1,11,13,20,30,{score},-1,-1,-1" for frame, score in enumerate(scores, start=1)])
    assert detect().notices == ([] if sentence is None else [f"walk.det.txt: {sentence}"])


def test_a_file_of_boxes_of_other_pictures_is_rejected_unless_another_file_fits(corpus, results, detect):
    corpus.video("a", 1)
    results((77, BOX, 0.9), (78, BOX, 0.9))
    [reject] = detect().rejects
    results((0, BOX, 0.9), name="train")
    assert detect().rejects == []
    assert reject["source"] == "posetrack/detections/val.json"
    assert reject["reason"] == "none of its 2 boxes has the image_id of a picture of this corpus"


def test_without_any_source_of_boxes_the_ways_out_are_named(corpus, params, change):
    corpus.video("a", 2, persons=0)
    workspace = corpus.write()
    with pytest.raises(InputError, match=r"no person boxes for any of 1 videos.*--detections.*detect\.source"):
        require_boxes(workspace, params)
    detector = change(params, detect={"source": "network", "network_weights": "detector.pth"})
    require_boxes(workspace, detector)


@pytest.mark.parametrize("source", ["annotations", "results", "MOT file"])
def test_any_source_of_boxes_is_enough(corpus, params, results, source):
    corpus.video("a", 2, persons=2 if source == "annotations" else 0)
    if source == "results":
        results((0, BOX, 0.9))
    if source == "MOT file":
        bare(corpus, ["1,-1,11,13,20,30,0.9,-1,-1,-1"])
    require_boxes(corpus.write(), params)


def test_the_detector_finds_boxes_in_every_frame(corpus, detect, params, change, tmp_path):
    """Random weights whose person class is likely everywhere: what matters is the way from picture to table."""
    torch.manual_seed(1)
    detector = PersonDetector()
    detector.network.roi_heads.box_predictor.cls_score.bias.data[1] = 6.0
    torch.save(detector.network.state_dict(), tmp_path / "detector.pth")
    corpus.video("a", 1)
    network = {"source": "network", "network_weights": str(tmp_path / "detector.pth")}
    detect(change(params, detect=network))
    rows = corpus.table("detections", "a", box_source="detected", drop_reason=None)
    assert rows
    for row in rows:
        x, y, width, height = row["box_xywh"]
        assert 0 <= x < x + width <= 79
        assert 0 <= y < y + height <= 63
        assert 0.5 <= row["score"] <= 1
    assert len(corpus.table("detections", "a", box_source="annotated")) == 2
