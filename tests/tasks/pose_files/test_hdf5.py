"""Poses in HDF5, in files that pandas writes as DeepLabCut does, and that sleap-io writes as SLEAP does."""

import json
import pickle
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
import sleap_io

from tasks.errors import InputError
from tasks.formats.pose_files.registry import read_poses
from tasks.formats.pose_files.video_frames import match_frames
from tests.tasks.pose_files.test_pose_formats import ROWS, VIDEO

NODES = ["nose", "left_shoulder"]
XY = np.array([[[12.5, 30.0], [14.0, 60.25]], [[13.5, 31.0], [np.nan, np.nan]]])
"""Frames, nodes, x and y."""
SKELETON = sleap_io.Skeleton(nodes=[*NODES], edges=[tuple(NODES)])
TRACKS = [sleap_io.Track(name) for name in "ab"]


def deeplabcut_table(*individuals):
    """A table of two frames as DeepLabCut keeps it in memory, for one animal without a name or several."""
    names = ["scorer", *(["individuals"] if individuals else []), "bodyparts", "coords"]
    above = [(name,) for name in individuals] or [()]
    columns = [("DLC_net", *name, node, part) for name in above for node in NODES for part in ("x", "y", "likelihood")]
    scored = np.dstack([XY, np.where(np.isnan(XY[..., :1]), np.nan, 0.8)]).reshape(2, -1)
    return pd.DataFrame(np.tile(scored, len(above)), columns=pd.MultiIndex.from_tuples(columns, names=names))


@pytest.mark.parametrize("individuals", [(), ("mouse1", "mouse2")], ids=["one animal", "several"])
def test_a_file_of_deeplabcut_is_read_as_its_csv(tmp_path, individuals):
    table = deeplabcut_table(*individuals)
    path = tmp_path / "streetDLC_net.h5"
    table.to_hdf(path, key="df_with_missing", format="table", mode="w")
    table.to_csv(path.with_suffix(".csv"))
    file, written = read_poses(path), read_poses(path.with_suffix(".csv"))
    assert (file.format_name, file.names, file.keys) == ("deeplabcut", tuple(NODES), written.keys)
    assert [pose.keypoints.tolist() for pose in file.poses] == [pose.keypoints.tolist() for pose in written.poses]
    assert len(file.poses) == 2 * max(1, len(individuals))
    assert file.poses[0].keypoints.tolist() == [[12.5, 30.0, 0.8], [14.0, 60.25, 0.8]]


def sleap_labels(*frames, videos=("street.mp4",)):
    """Labels of frames, each its index, its instances and the position of its video."""
    opened = [sleap_io.Video(name, open_backend=False) for name in videos]
    labelled = [
        sleap_io.LabeledFrame(video=opened[position], frame_idx=index, instances=instances)
        for index, instances, position in frames
    ]
    return sleap_io.Labels(labeled_frames=labelled, videos=opened, skeletons=[SKELETON], tracks=TRACKS)


def predicted(xy, track):
    return sleap_io.PredictedInstance.from_numpy(
        xy, SKELETON, point_scores=np.array([0.9, 0.7]), score=0.5, track=track
    )


def two_frames():
    return sleap_labels(
        *(
            (frame, [predicted(xy + shift, track) for shift, track in zip((0, 40), TRACKS, strict=True)], 0)
            for frame, xy in zip((0, 2), XY, strict=True)
        )
    )


@pytest.mark.parametrize("ending", ["analysis.h5", "slp"])
def test_a_file_of_sleap_is_read_with_its_frames_and_scores(tmp_path, ending):
    path = tmp_path / f"street.{ending}"
    if ending == "slp":
        sleap_io.save_slp(two_frames(), path)
    else:
        sleap_io.save_analysis_h5(two_frames(), path)
    file = read_poses(path)
    assert (file.format_name, file.names) == ("sleap", tuple(NODES))
    match = match_frames(file, VIDEO, ROWS)
    assert [match.frame_of(pose.key) for pose in file.poses] == [0, 0, 2, 2]
    assert [pose.keypoints[0].tolist() for pose in file.poses] == [
        *([12.5, 30.0, 0.9], [52.5, 70.0, 0.9]),
        *([13.5, 31.0, 0.9], [53.5, 71.0, 0.9]),
    ]
    assert file.poses[2].keypoints[1].tolist() == [0, 0, 0]
    assert {pose.score for pose in file.poses} == {0.5}


@pytest.mark.parametrize("by", ["track", "origin"])
def test_a_corrected_pose_of_sleap_replaces_its_prediction(tmp_path, by):
    tracks = TRACKS if by == "track" else [None, None]
    wrong, other = predicted(XY[0], tracks[0]), predicted(XY[0] + 40, tracks[1])
    corrected = sleap_io.Instance.from_numpy(XY[0] + 1, SKELETON, track=tracks[0])
    corrected.from_predicted = wrong if by == "origin" else None
    sleap_io.save_slp(sleap_labels((0, [wrong, other, corrected], 0)), tmp_path / "street.slp")
    poses = read_poses(tmp_path / "street.slp").poses
    assert [pose.keypoints[0].tolist() for pose in poses] == [[52.5, 70.0, 0.9], [13.5, 31.0, 1.0]]
    assert [pose.score for pose in poses] == [0.5, None]


def test_labels_of_old_sleap_are_moved_to_centres_of_pixels(tmp_path):
    path = tmp_path / "street.slp"
    sleap_io.save_slp(two_frames(), path)
    with h5py.File(path, "a") as file:
        file["metadata"].attrs["format_id"] = 1.0
    assert read_poses(path).poses[0].keypoints[0].tolist() == [12.0, 29.5, 0.9]


def test_nodes_of_sleap_keep_the_order_of_their_skeleton(tmp_path):
    path = tmp_path / "street.slp"
    sleap_io.save_slp(two_frames(), path)
    with h5py.File(path, "a") as file:
        metadata = json.loads(file["metadata"].attrs["json"])
        metadata["nodes"].reverse()
        metadata["skeletons"][0]["nodes"] = [{"id": 1}, {"id": 0}]
        file["metadata"].attrs["json"] = np.bytes_(json.dumps(metadata))
    assert read_poses(path).names == tuple(NODES)


def test_labels_of_several_videos_are_refused_with_their_names(tmp_path):
    path = tmp_path / "project.slp"
    videos = ("day/street.mp4", "yard.mp4")
    frames = [(0, [predicted(XY[0], TRACKS[0])], position) for position in (0, 1)]
    sleap_io.save_slp(sleap_labels(*frames, videos=videos), path)
    with pytest.raises(InputError, match=r"labels of one video, got those of 2 \(day/street\.mp4, yard\.mp4\)"):
        read_poses(path)


@pytest.mark.parametrize("part", ["frames", "instances", "pred_points"])
def test_labels_whose_arrays_do_not_fit_are_refused(tmp_path, part):
    path = tmp_path / "street.slp"
    sleap_io.save_slp(two_frames(), path)
    with h5py.File(path, "a") as file:
        del file[part]
        file[part] = np.zeros((2, 3))
    with pytest.raises(InputError, match="labels of SLEAP, got another HDF5 file"):
        read_poses(path)


class _Trap:
    """Unpickling it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_file_is_refused_and_does_not_run(tmp_path):
    path, trace = tmp_path / "trap.h5", tmp_path / "it ran"
    deeplabcut_table().to_hdf(path, key="df_with_missing", format="table", mode="w")
    with h5py.File(path, "a") as file:
        file["df_with_missing"].attrs["non_index_axes"] = np.bytes_(pickle.dumps([(1, [_Trap(trace)])], 0))
    with pytest.raises(InputError, match="is more than a name"):
        read_poses(path)
    assert not trace.exists()


@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
@pytest.mark.parametrize("kind", ["cut off", "another table", "fixed form"])
def test_other_hdf5_is_refused_with_the_way_out(tmp_path, kind):
    path = tmp_path / "poses.h5"
    if kind == "cut off":
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    elif kind == "another table":
        pd.DataFrame({"a": [1.0]}).to_hdf(path, key="a", format="table", mode="w")
    else:
        deeplabcut_table().to_hdf(path, key="df_with_missing", format="fixed", mode="w")
    with pytest.raises(InputError, match="got another HDF5 file; export csv instead"):
        read_poses(path)


def test_without_h5py_the_extra_is_named(tmp_path, monkeypatch):
    path = tmp_path / "poses.h5"
    deeplabcut_table().to_hdf(path, key="df_with_missing", format="table", mode="w")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"no h5py found; install them with pip install"):
        read_poses(path)
