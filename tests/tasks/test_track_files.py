"""The formats for people's own tools, read back by the libraries of those who use them."""

import json
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace

import motmetrics
import numpy as np
import pandas as pd
import pytest
import sleap_io
from pycocotools.coco import COCO
from pynwb import NWBHDF5IO
from rerun.chunk import RrdReader

from models.keypoints import BODY, POSETRACK_KEYPOINTS
from tasks.errors import InputError
from tasks.formats.mot import read_detections
from tasks.formats.pose_files.registry import read_poses
from tasks.formats.track_formats import TRACK_FORMATS, require_formats
from tasks.formats.tracked_video import TrackedVideo, TrackedWindow

FRAMES, EMPTY = 6, 2
NAMES = [POSETRACK_KEYPOINTS[index] for index in BODY]
NOSE, WRIST = (POSETRACK_KEYPOINTS.index(name) for name in ("nose", "left_wrist"))
SECONDS = [0.0, 0.04, 0.08, 0.2, 0.24, 0.28]


@pytest.fixture(scope="module")
def video():
    """Persons 3 and 7 in six frames but the third; person 7 is there in the first two only, without left wrist."""
    return video_of([range(2), range(2, FRAMES)])


def video_of(windows, shown=True):
    """The video in windows of these frames."""
    poses = [(frame, 3, 100.0 + frame) for frame in range(FRAMES) if frame != EMPTY] + [(0, 7, 300.0), (1, 7, 301.5)]
    poses.sort()
    frame, track, x = (np.array(column) for column in zip(*poses, strict=True))
    xy = np.zeros((len(poses), 17, 2))
    xy[..., 0], xy[..., 1] = x[:, None] + np.arange(17), 20 + 5 * np.arange(17)
    is_shown = np.zeros((len(poses), 17), dtype=bool)
    is_shown[:, BODY] = shown
    is_shown[track == 7, WRIST] = False
    score = np.where(is_shown, 0.9, 0.1)
    rows = [{"frame_index": at, "image_id": at + 1, "file_name": f"walk/{at:06d}.jpg"} for at in range(FRAMES)]
    rows = [row | {"path": None, "seconds": SECONDS[row["frame_index"]]} for row in rows]
    columns = (frame + 1, track, xy, score, is_shown, frame == 3)
    parts = []
    for window in windows:
        here = np.isin(frame, window)
        first = int((frame < window[0]).sum())
        parts.append(TrackedWindow([rows[at] for at in window], first, *(column[here] for column in columns)))
    return TrackedVideo("walk", parts, None, width=640, height=480, frames_per_second=25.0)


@pytest.fixture
def file_of(video, tmp_path):
    """Writes the video in a format and gives the file."""

    def write(name):
        path = tmp_path / f"walk{TRACK_FORMATS[name].ending}"
        path.write_bytes(b"".join(TRACK_FORMATS[name].content(video)))
        return path

    return write


def test_pandas_reads_the_table_with_names_times_and_whole_identities(file_of):
    table = pd.read_parquet(file_of("table"))
    assert table.groupby("frame")["seconds"].first().tolist() == SECONDS
    assert [str(table[name].dtype) for name in ("track_id", "recovered")] == ["Int64", "boolean"]
    tracked = table.dropna(subset=["track_id"])
    assert len(tracked) == 7 * 15
    assert tracked["keypoint"].unique().tolist() == NAMES
    assert tracked.groupby("track_id")["frame"].unique().map(list).to_dict() == {3: [0, 1, 3, 4, 5], 7: [0, 1]}
    assert tracked[tracked["recovered"]]["frame"].unique().tolist() == [3]
    nose = tracked[(tracked["keypoint"] == "nose") & (tracked["track_id"] == 7)]
    assert nose[["x", "y", "score"]].to_numpy().tolist() == [[300.0, 20.0, 0.9], [301.5, 20.0, 0.9]]
    hidden = tracked[tracked["x"].isna()]
    assert hidden[["track_id", "keypoint", "score"]].to_numpy().tolist() == [[7, "left_wrist", 0.1]] * 2


def test_pandas_reads_the_csv_with_a_line_for_a_frame_without_persons(file_of):
    table = pd.read_csv(file_of("csv"))
    assert table["frame"].tolist() == [0, 0, 1, 1, 2, 3, 4, 5]
    assert table.drop_duplicates("frame")["seconds"].tolist() == SECONDS
    assert [name[:-2] for name in table.columns if name.endswith("_x")] == NAMES
    assert table[table["frame"] == EMPTY].drop(columns=["video", "frame", "seconds"]).isna().all(axis=None)
    last = table.iloc[-1]
    assert (last["track_id"], last["recovered"], last["nose_x"], last["nose_y"]) == (3, 0, 105, 20)
    assert last["left"] < 105 < last["left"] + last["width"] < 105 + 17 + 5
    assert table[table["track_id"] == 7]["left_wrist_x"].isna().all()


def test_every_frame_is_one_json_line(file_of):
    frames = [json.loads(line) for line in file_of("jsonl").read_text().splitlines()]
    assert [(frame["frame"], frame["seconds"]) for frame in frames] == list(enumerate(SECONDS))
    assert [[person["track_id"] for person in frame["persons"]] for frame in frames] == [
        [3, 7],
        [3, 7],
        [],
        [3],
        [3],
        [3],
    ]
    person = frames[1]["persons"][1]
    assert person["keypoints"]["nose"] == [301.5, 20.0, 0.9]
    assert set(person["keypoints"]) == set(NAMES) - {"left_wrist"}
    assert [person["recovered"] for frame in frames for person in frame["persons"]] == [False] * 4 + [
        True,
        False,
        False,
    ]


def test_motmetrics_finds_its_boxes_equal_to_themselves(file_of):
    path = file_of("mot")
    boxes = motmetrics.io.loadtxt(path, fmt="mot15-2D")
    assert Counter(boxes.index.get_level_values("Id")) == {3: 5, 7: 2}
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for _, rows in boxes.groupby(level="FrameId"):
        ids = rows.index.get_level_values("Id").tolist()
        accumulator.update(ids, ids, 1.0 - np.eye(len(ids)))
    metrics = motmetrics.metrics.create().compute(accumulator, metrics=["mota", "num_switches", "num_objects"])
    assert metrics.iloc[0].tolist() == [1.0, 0, 7]


def test_its_boxes_are_read_as_detections_at_the_pixels_of_the_keypoints(file_of, video):
    boxes, rejects = read_detections(file_of("mot"))
    assert rejects == []
    assert sorted({box.image_id for box in boxes}) == [1, 2, 4, 5, 6]
    left, top, width, height = boxes[0].box_xywh
    assert (left + width / 2, top + height / 2) == pytest.approx((108.0, 60.0), abs=0.002)


def test_pycocotools_reads_every_frame_and_track(file_of):
    coco = COCO(file_of("coco-tracks"))
    assert [image["seconds"] for image in coco.loadImgs(coco.getImgIds())] == SECONDS
    assert coco.imgs[2] | {"width": 640, "height": 480, "file_name": "walk/frame_000001.jpg"} == coco.imgs[2]
    annotations = coco.loadAnns(coco.getAnnIds())
    assert Counter(annotation["track_id"] for annotation in annotations) == {3: 5, 7: 2}
    assert all(annotation["keyframe"] is annotation["attributes"]["keyframe"] is True for annotation in annotations)
    (person,) = coco.loadAnns(coco.getAnnIds(imgIds=[4]))
    assert person["keypoints"][3 * NOSE : 3 * NOSE + 3] == [103, 20, 2]
    assert (person["num_keypoints"], person["attributes"]["recovered"]) == (15, True)
    category = coco.loadCats(1)[0]
    assert category["keypoints"] == list(POSETRACK_KEYPOINTS)
    assert {end for bone in category["skeleton"] for end in bone} == {index + 1 for index in BODY}


def test_cvat_gets_a_skeleton_for_each_frame_and_an_end_before_each_gap(file_of):
    root = ET.parse(file_of("cvat")).getroot()
    assert (root.findtext("version"), root.findtext("meta/task/size")) == ("1.1", str(FRAMES))
    shown = {
        track.get("id"): {
            int(skeleton.get("frame")): [point.get("label") for point in skeleton if point.get("outside") == "0"]
            for skeleton in track
        }
        for track in root.iter("track")
    }
    assert {track: list(frames) for track, frames in shown.items()} == {"3": [0, 1, 2, 3, 4, 5], "7": [0, 1, 2]}
    assert shown["3"][1] == NAMES
    assert shown["3"][EMPTY] == shown["7"][2] == []
    assert shown["7"][1] == [name for name in NAMES if name != "left_wrist"]
    point = root.find("track[@id='7']/skeleton[@frame='1']/points[@label='nose']")
    assert point.get("points") == "301.50,20.00"
    assert [label.findtext("name") for label in root.iter("label")] == ["person", *NAMES]


def test_deeplabcuts_form_has_a_row_for_each_frame_and_columns_for_each_track(file_of):
    path = file_of("deeplabcut")
    table = pd.read_csv(path, header=[0, 1, 2, 3], index_col=0)  # as DeepLabCut itself reads it
    assert table.index.tolist() == list(range(FRAMES))
    assert table.columns.get_level_values("individuals").unique().tolist() == ["person3", "person7"]
    assert table.columns.get_level_values("bodyparts").unique().tolist() == NAMES
    assert table["corrtrack", "person7", "nose", "x"].dropna().to_dict() == {0: 300.0, 1: 301.5}
    assert table["corrtrack", "person7", "left_wrist", "x"].isna().all()
    assert table.loc[EMPTY].isna().all()
    again = read_poses(path, "deeplabcut")
    assert len(again.poses) == 7


def test_pandas_reads_deeplabcuts_h5_as_its_csv(file_of):
    path = file_of("deeplabcut-h5")
    table = pd.read_hdf(path)
    written = pd.read_csv(file_of("deeplabcut"), header=[0, 1, 2, 3], index_col=0)
    assert table.index.tolist() == list(range(FRAMES))
    assert list(table.columns.names) == ["scorer", "individuals", "bodyparts", "coords"]
    pd.testing.assert_frame_equal(table, written, check_names=False, check_dtype=False, check_column_type=False)


def test_pynwb_reads_each_track_with_the_times_of_all_frames(file_of):
    with NWBHDF5IO(file_of("nwb"), "r") as reader:
        module = reader.read().processing["behavior"]
        assert set(module.data_interfaces) == {"Skeletons", "person3", "person7"}
        skeleton = module["Skeletons"]["person"]
        assert skeleton.nodes[:].tolist() == NAMES
        named = [{NAMES[start], NAMES[end]} for start, end in skeleton.edges[:].tolist()]
        assert {"left_elbow", "left_wrist"} in named
        person = module["person7"]
        assert (person.skeleton.name, person.dimensions[:].tolist()) == ("person", [[640, 480]])
        nose, wrist = (person.pose_estimation_series[name] for name in ("nose", "left_wrist"))
        assert nose.timestamps[:].tolist() == SECONDS
        assert nose.data[:2].tolist() == [[300.0, 20.0], [301.5, 20.0]]
        assert np.isnan(nose.data[2:]).all()
        assert np.isnan(wrist.data[:]).all()
        assert wrist.confidence[:2].tolist() == [0.1, 0.1]


def test_nwb_has_no_form_for_a_video_without_times(video):
    timeless = [
        replace(window, frames=[frame | {"seconds": None} for frame in window.frames]) for window in video.windows
    ]
    with pytest.raises(InputError, match="expected times of the frames"):
        b"".join(TRACK_FORMATS["nwb"].content(replace(video, windows=timeless)))


def test_sleap_io_reads_instances_with_their_tracks(file_of):
    labels = sleap_io.load_slp(file_of("sleap"), open_videos=False)
    assert [track.name for track in labels.tracks] == ["person3", "person7"]
    assert labels.skeleton.node_names == NAMES
    assert [frame.frame_idx for frame in labels] == [0, 1, 3, 4, 5]
    last = next(instance for instance in labels[1] if instance.track.name == "person7")
    points = dict(zip(NAMES, last.numpy(scores=True).tolist(), strict=True))
    assert points["nose"] == [301.5, 20.0, 0.9]
    assert np.isnan(points["left_wrist"][:2]).all()


def test_reruns_reader_gives_each_track_on_the_frames_that_it_is_in(file_of):
    frames, names = {}, {}
    for chunk in RrdReader(file_of("rerun")).stream():
        if chunk.entity_path.endswith("/keypoints"):
            rows = chunk.to_record_batch().to_pydict()
            track = chunk.entity_path.split("/")[1]
            for frame, points, labels in zip(
                rows["frame"], rows["Points2D:positions"], rows["Points2D:labels"], strict=True
            ):
                frames.setdefault(track, {})[frame] = dict(zip(labels, points, strict=True))
                names[track] = labels
    assert {track: sorted(of_track) for track, of_track in frames.items()} == {
        "person3": [0, 1, 3, 4, 5],
        "person7": [0, 1],
    }
    assert (names["person3"], names["person7"]) == (NAMES, [name for name in NAMES if name != "left_wrist"])
    assert frames["person7"][1]["nose"] == [301.5, 20.0]


@pytest.mark.parametrize("name", ["deeplabcut-h5", "nwb", "sleap", "rerun"])
def test_a_video_without_tracks_has_a_file_too(name):
    nobody = video_of([range(FRAMES)], shown=False)
    assert b"".join(TRACK_FORMATS[name].content(nobody))


@pytest.mark.parametrize("name", sorted(set(TRACK_FORMATS) - {"rerun"}))
def test_windows_of_any_length_give_the_same_bytes(name):
    cuts = ([range(FRAMES)], [range(2), range(2, FRAMES)], [range(at, at + 1) for at in range(FRAMES)])
    assert len({b"".join(TRACK_FORMATS[name].content(video_of(windows))) for windows in cuts}) == 1


@pytest.mark.parametrize("shown", [True, False])
def test_pandas_gives_the_columns_the_same_types_where_nobody_is_in_the_video(shown, tmp_path):
    path = tmp_path / "walk.parquet"
    path.write_bytes(b"".join(TRACK_FORMATS["table"].content(video_of([range(FRAMES)], shown=shown))))
    table = pd.read_parquet(path)
    types = {name: str(kind) for name, kind in table.dtypes.items()}
    assert types["track_id"] == "Int64" and types["recovered"] == "boolean"
    assert {types[name] for name in ("seconds", "pose_score", "x", "y", "score")} == {"float64"}
    assert table["frame"].nunique() == FRAMES


@pytest.mark.parametrize("name", ["deeplabcut-h5", "nwb", "sleap", "rerun"])
def test_a_format_whose_package_is_missing_is_refused_with_what_to_install(monkeypatch, name):
    for package in ("tables", "pynwb", "sleap_io", "rerun"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=f'format {name}: .*pip install "PATH_OF_THE_CHECKOUT\\[formats\\]"'):
        require_formats(["csv", name])


def test_the_same_tracks_give_the_same_bytes(video):
    for name in set(TRACK_FORMATS) - {"rerun"}:  # whose rows have ids by the clock
        first, second = (b"".join(TRACK_FORMATS[name].content(video)) for _ in range(2))
        assert first == second, name


@pytest.mark.parametrize("name", ["posetrack18", "csv", "jsonl", "mot", "coco-tracks"])
def test_a_long_video_is_written_frame_by_frame(video, name):
    assert len(list(TRACK_FORMATS[name].content(video))) >= FRAMES - 1
