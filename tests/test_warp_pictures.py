"""Videos of known motion: annotated keypoints lie where the picture's marks went."""

import json

import cv2
import numpy as np

from bench import warp_pictures
from models.keypoints import POSETRACK_KEYPOINTS
from tasks.warps.annotated_video import read_annotated_video

MARKED = "left_wrist"
COCO_WRIST, NOSE, SHOULDERS = 9, 0, (5, 6)


def write_corpus(folder):
    """One picture of one person whose left wrist is a bright dot, and COCO keypoints of it."""
    picture = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(picture, (220, 170), 5, (255, 255, 255), -1)
    cv2.imwrite(str(folder / "one.png"), picture)
    keypoints = np.zeros((17, 3))
    keypoints[COCO_WRIST] = 220, 170, 2
    keypoints[NOSE] = 200, 100, 2
    keypoints[SHOULDERS, :] = [(190, 130, 2), (210, 130, 2)]
    person = {"image_id": 7, "num_keypoints": 4, "keypoints": keypoints.ravel().tolist()}
    images = [{"id": 7, "file_name": "one.png"}, {"id": 8, "file_name": "empty.png"}]
    (folder / "coco.json").write_text(json.dumps({"images": images, "annotations": [person]}))


def test_keypoints_lie_where_their_marks_went(tmp_path, monkeypatch):
    write_corpus(tmp_path)
    arguments = [str(tmp_path / "coco.json"), str(tmp_path), str(tmp_path / "out"), "--videos", "1"]
    monkeypatch.setattr("sys.argv", ["warp_pictures", *arguments])
    warp_pictures.main()
    video = read_annotated_video(tmp_path / "out" / "one", tmp_path / "out" / "one.json")
    assert not video.rejects
    places = []
    for index, frame in video.frames.items():
        [place] = frame.poses.xy[:, POSETRACK_KEYPOINTS.index(MARKED)]
        dot = np.argwhere(video.pictures.frame(index)[..., 0] > 128).mean(axis=0)[::-1]
        assert np.linalg.norm(dot - place) < 2
        assert np.isfinite(frame.head_size).all()
        places.append(place)
    assert len(places) > 20
    assert np.ptp(places, axis=0).min() > 20
