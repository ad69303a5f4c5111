"""`from corrtrack import track_video`, as in the README, with poses of another program."""

import json
import os
from pathlib import Path

import pytest

from corrtrack import InputError, track_video
from tests.end_to_end.test_reprocess import write_video

pytestmark = pytest.mark.end_to_end


def write_poses(path: Path, frames: int) -> None:
    """One pose in each frame as COCO keypoint results."""
    xy = [(18 + keypoint % 4, 8 + 2.5 * keypoint) for keypoint in range(17)]
    results = [
        {
            "frame_index": frame,
            "category_id": 1,
            "score": 0.9,
            "keypoints": [value for x, y in xy for value in (x + frame, y, 0.9)],
        }
        for frame in range(frames)
    ]
    path.write_text(json.dumps(results))


@pytest.fixture
def street(tmp_path: Path) -> tuple[Path, Path]:
    """A video of six frames, and one pose in each as COCO keypoint results."""
    video, poses = tmp_path / "street.mp4", tmp_path / "street.json"
    write_video(video, 6)
    write_poses(poses, 6)
    return video, poses


def test_a_video_with_poses_from_a_file_becomes_a_data_frame(street, tmp_path, monkeypatch, capfd):
    video, poses = street
    monkeypatch.chdir(tmp_path)
    settings = ["track.tau_corr=0.0", "track.min_track_frames=1"]
    tracks = track_video(video, poses=poses, settings=settings)
    assert capfd.readouterr().err.endswith(
        "these files are not kept; out=FOLDER keeps them, with an overlay of each video\n"
    )
    frame = tracks.to_pandas()
    assert (tracks.out, tracks.rejects.num_rows) == (None, 0)
    assert set(frame["frame"]) == set(range(6)), "as many frames out as in"
    nose = frame[(frame["keypoint"] == "nose") & (frame["frame"] == 3)]
    assert nose[["x", "y"]].to_numpy().tolist() == [[21.0, 8.0]]
    assert frame["seconds"].max() == pytest.approx(0.2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["street.json", "street.mp4"]


def test_calls_follow_each_other_and_leave_the_environment_as_it_is(street):
    video, poses = street
    before = dict(os.environ)
    first, second = (track_video(video, poses=poses, quiet=True).to_pandas() for _ in range(2))
    assert first.equals(second)
    assert dict(os.environ) == before


def test_what_cannot_be_used_is_an_error_of_the_interface(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        track_video(tmp_path / "nowhere.mp4", quiet=True)
