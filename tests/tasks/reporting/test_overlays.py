"""Overlays: size, times and sound of the source, what is drawn, and what is not shown of people."""

import struct
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from models.keypoints import POSETRACK_KEYPOINTS
from tasks.formats.corpus_part import joined
from tasks.formats.videos import read_videos
from tasks.out_folder import claim_out_folder
from tasks.params.loading import load_params
from tasks.progress import Progress, as_current
from tasks.reporting.drawing import draw_poses, overlay_style, track_colour
from tasks.reporting.faces import blur, head_circle, heads
from tasks.reporting.overlays import write_overlays
from tasks.tables import read_table, write_table
from tasks.tables.schemas import FRAMES, MERGED_TRACKS, TRACKS, VIDEOS
from tasks.workspace import Workspace
from tests.test_house import ROOT

WIDTH, HEIGHT, RATE = 160, 120, 8000
STAMPS = (0, 40, 120, 130, 400, 440)
"""Milliseconds."""
BACKGROUND = (60, 90, 40)
HEAD = [POSETRACK_KEYPOINTS.index(name) for name in ("nose", "head_bottom", "head_top")]


OFFSETS = {
    **{"nose": (0, -32), "head_bottom": (0, -26), "head_top": (0, -40), "left_ear": (0, 0), "right_ear": (0, 0)},
    **{"left_shoulder": (8, -24), "left_elbow": (12, -12), "left_wrist": (14, 0), "left_hip": (5, 0)},
    **{"left_knee": (6, 20), "left_ankle": (6, 40)},
}


def body(x, y=60.0, scale=1.0):
    """A standing person of 80 px whose hips are at (x, y)."""
    mirrored = {name.replace("left", "right"): (-dx, dy) for name, (dx, dy) in OFFSETS.items()}
    return np.array([(mirrored | OFFSETS)[name] for name in POSETRACK_KEYPOINTS]) * scale + (x, y)


def row(frame, xy, *, track_id=2, origin="detected", score=0.9):
    values = {"x": xy[:, 0].tolist(), "y": xy[:, 1].tolist(), "score": [score] * 17}
    return {
        **{"video_id": "walk", "box_source": "detected", "frame_index": frame, "track_id": track_id, "pose_id": frame},
        **{"origin": origin, "similarity": None, "source_track_id": track_id, **values},
    }


def write_source(path, *, sound=True, size=(WIDTH, HEIGHT), late_ms=0):
    """Frames of one colour at uneven times, and a tone of half a second."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = *size, "yuv444p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=RATE, layout="mono") if sound else None
        for stamp in STAMPS:
            picture = np.full((size[1], size[0], 3), BACKGROUND, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp + late_ms, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start in range(0, RATE // 2, 1024) if audio else ():
            tone = np.sin(np.arange(start, start + 1024) / 3, dtype=np.float32)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None) if audio else [])
    return path


@pytest.fixture
def workspace(tmp_path):
    out = claim_out_folder(tmp_path / "out")
    (tmp_path / "data").mkdir()
    return Workspace(tmp_path / "data", out / "artifacts", out / "reports", out / ".corrtrack", out / "overlays")


def overlay(workspace, people="shown", tracks=None):
    """Index the data, write the tracks and give the overlay's path and what was reported."""
    part = joined(read_videos(workspace.data))
    for table, rows in ((VIDEOS, part.videos), (FRAMES, part.frames["walk"])):
        write_table(table, rows, table.path(workspace.tables))
    merged = [row(frame, body(60 + 4 * frame)) for frame in range(len(STAMPS))] if tracks is None else tracks
    plain = [{name: value for name, value in pose.items() if name != "source_track_id"} for pose in merged]
    for table, rows in ((TRACKS, plain), (MERGED_TRACKS, merged)):
        write_table(table, rows, table.path(workspace.tables, "walk"))
    params = load_params(ROOT / "params.yaml")
    params = params.model_copy(update={"report": params.report.model_copy(update={"people": people})})
    with as_current(Progress(None, "report")) as progress:
        assert write_overlays(workspace, params) == {"walk": "../overlays/walk.mp4"}
    return workspace.overlays / "walk.mp4", progress


def decoded(path):
    """Pictures and times in ms of the video, and the bytes of the packets of the sound."""
    with av.open(str(path)) as container:
        frames = [(frame.to_ndarray(format="rgb24"), round(1000 * frame.time)) for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        streams = container.streams.audio
        sound = [bytes(packet) for packet in container.demux(streams) if packet.size] if streams else []
    pictures, times = zip(*frames, strict=True)
    return pictures, times, sound


def test_an_overlay_has_the_size_times_and_sound_of_its_source(workspace):
    source = write_source(workspace.data / "walk.mp4")
    path, progress = overlay(workspace)
    pictures, times, sound = decoded(path)
    assert times == STAMPS
    assert {picture.shape for picture in pictures} == {(HEIGHT, WIDTH, 3)}
    assert sound
    assert sound == decoded(source)[2]
    assert progress.notices == []


def test_frames_of_which_two_share_a_millisecond_are_all_shown(workspace):
    with av.open(str(workspace.data / "walk.mkv"), "w") as container:
        video = container.add_stream("libx264", rate=2000)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for _ in STAMPS:
            container.mux(video.encode(av.VideoFrame.from_ndarray(black, format="rgb24")))
        container.mux(video.encode(None))
    path, progress = overlay(workspace)
    with av.open(str(path)) as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert times == [Fraction(index, 2000) for index in range(len(STAMPS))]
    assert progress.notices == []


def write_with_sound(path, codec, samples, rate=RATE):
    """Black frames with samples (channels, N) in a codec that has a container of its own."""
    form = "s16" if samples.dtype == np.int16 else "fltp"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream(codec, rate=rate, layout="stereo")
        black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for _ in STAMPS:
            container.mux(video.encode(av.VideoFrame.from_ndarray(black, format="rgb24")))
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(samples, format=form, layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def test_uncompressed_sound_of_an_avi_whose_channels_have_no_names_is_copied(workspace):
    samples = np.arange(2000, dtype=np.int16)[None]
    write_with_sound(workspace.data / "walk.avi", "pcm_s16le", samples)
    path, progress = overlay(workspace)
    assert progress.notices == []
    assert b"".join(decoded(path)[2]) == samples.tobytes()


def test_sound_that_mp4_has_no_place_for_is_left_out_with_a_notice(workspace):
    write_with_sound(workspace.data / "walk.avi", "adpcm_ms", np.zeros((1, 4096), np.int16))
    path, progress = overlay(workspace)
    pictures, _, sound = decoded(path)
    assert (len(pictures), sound) == (len(STAMPS), [])
    assert progress.notices == ["The overlay of walk is silent: its sound (adpcm_ms) has no place in MP4"]


def test_pictures_that_start_after_the_sound_still_do(workspace):
    write_source(workspace.data / "walk.mp4", late_ms=80)
    assert decoded(overlay(workspace)[0])[1] == tuple(stamp + 80 for stamp in STAMPS)


def test_a_pose_and_its_trail_are_drawn_in_the_colour_of_its_identity(workspace):
    write_source(workspace.data / "walk.mp4", sound=False)
    *_, last = decoded(overlay(workspace)[0])[0]
    colour = np.array(track_colour(2))
    is_drawn = (np.abs(last.astype(int) - colour) < 60).all(axis=2)
    assert is_drawn[20:100, 64:96].sum() > 100
    differs = np.abs(last.astype(int) - BACKGROUND).max(axis=2) > 30
    assert differs[57:63, 61:65].any(), "where the person was before"
    assert not differs[:, 110:].any()


def test_an_odd_side_grows_by_one_pixel_and_a_rotation_is_obeyed(workspace):
    write_source(workspace.data / "walk.mp4", sound=False, size=(WIDTH + 1, HEIGHT))
    assert decoded(overlay(workspace)[0])[0][0].shape == (HEIGHT, WIDTH + 2, 3)
    data = bytearray((workspace.data / "walk.mp4").read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, HEIGHT << 16, 0, 1 << 30)
    (workspace.data / "walk.mp4").write_bytes(data)
    path, _ = overlay(workspace)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (HEIGHT, WIDTH + 2, 0)


def test_the_same_tracks_give_the_same_bytes_and_are_not_drawn_again(workspace):
    write_source(workspace.data / "walk.mp4")
    path, _ = overlay(workspace)
    content, stamp = path.read_bytes(), path.stat().st_mtime_ns
    assert overlay(workspace)[0].stat().st_mtime_ns == stamp
    path.unlink()
    assert overlay(workspace)[0].read_bytes() == content
    assert overlay(workspace, tracks=[])[0].read_bytes() != content


def test_skeletons_alone_show_no_picture_and_let_nobody_be_heard(workspace):
    write_source(workspace.data / "walk.mp4")
    pictures, _, sound = decoded(overlay(workspace, "skeletons")[0])
    assert pictures[-1][:, 120:].max() < 12
    assert pictures[-1].max() > 100
    assert sound == []


def test_pictures_in_a_folder_have_the_rate_of_clips(workspace, picture_file, paint):
    for index in range(3):
        picture_file(workspace.data / "walk" / f"{index:06d}.png", paint(index))
    assert decoded(overlay(workspace, tracks=[row(0, body(30, 24))])[0])[1] == (0, 83, 167)


def test_where_overlays_are_off_or_have_no_folder_none_is_written_and_none_is_left(workspace):
    write_source(workspace.data / "walk.mp4")
    path, _ = overlay(workspace)
    params = load_params(ROOT / "params.yaml")
    off = params.model_copy(update={"report": params.report.model_copy(update={"overlays": False})})
    assert write_overlays(workspace, off) == {}
    assert not path.exists()
    assert write_overlays(replace(workspace, overlays=None), params) == {}
    assert not path.exists()


def test_a_source_that_breaks_leaves_no_earlier_overlay(workspace):
    source = write_source(workspace.data / "walk.mp4")
    path, _ = overlay(workspace)
    source.write_bytes(source.read_bytes()[:1000])
    params = load_params(ROOT / "params.yaml")
    blurred = params.model_copy(update={"report": params.report.model_copy(update={"people": "faces_blurred"})})
    with as_current(Progress(None, "report")) as progress:
        assert write_overlays(workspace, blurred) == {}
    assert not path.exists()
    assert progress.notices[0].startswith("walk has no overlay: ")


def test_a_source_that_lost_frames_has_no_overlay_and_the_notice_names_the_first(workspace):
    source = write_source(workspace.data / "walk.mp4", sound=False)
    path, _ = overlay(workspace)
    rows = read_table(VIDEOS, VIDEOS.path(workspace.tables)).to_pylist()
    longer = [row | {"frame_count": len(STAMPS) + 2} for row in rows]
    write_table(VIDEOS, longer, VIDEOS.path(workspace.tables))
    with as_current(Progress(None, "report")) as progress:
        assert write_overlays(workspace, load_params(ROOT / "params.yaml")) == {}
    assert not path.exists()
    reason = f"{source.name} frame {len(STAMPS)}: expected this frame, got the end of the file"
    assert progress.notices == [f"walk has no overlay: {reason}"]


def test_a_recovered_pose_is_dashed():
    style = overlay_style(270)
    canvases = []
    for origin in ("detected", "recovered"):
        canvas = np.zeros((200, 200, 3), np.uint8)
        draw_poses(canvas, [row(0, body(100, 100, 2.4), origin=origin)], style=style, scale=1.0, keypoint_threshold=0.3)
        canvases.append(canvas.any(axis=2).sum())
    assert 0.4 < canvases[1] / canvases[0] < 0.9


def test_a_head_is_left_with_few_colours_and_the_rest_as_it_was():
    picture = np.random.default_rng(3).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    before = picture.copy()
    x, y, radius = circle = head_circle(row(0, body(80)))
    assert all(np.hypot(*(point - (x, y))) < radius for point in body(80)[HEAD])
    blur(picture, [circle])
    inside = np.hypot(*(np.mgrid[:HEIGHT, :WIDTH][::-1] - np.array([x, y])[:, None, None])) <= radius
    assert (picture[~inside] == before[~inside]).all()
    steps = [np.abs(np.diff(image.astype(int), axis=1))[inside[:, 1:]].mean() for image in (picture, before)]
    assert steps[0] < steps[1] / 4


def test_the_circle_of_a_head_that_is_not_seen_lies_above_the_shoulders():
    pose = row(0, body(80))
    pose["score"] = [0.0 if index in HEAD else 0.9 for index in range(17)]
    x, y, radius = head_circle(pose)
    assert all(np.hypot(*(point - (x, y))) < radius for point in body(80)[HEAD])
    assert radius < 20


def test_heads_stay_covered_between_the_poses_of_a_track_and_around_them():
    covered = heads([row(50, body(10))], [row(10, body(40)), row(14, body(80))])
    assert sorted(covered) == [7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 50]
    assert covered[12][0][0] == pytest.approx(60)


def test_faces_are_blurred_also_where_the_pose_is_too_weak_to_be_drawn(workspace, picture_file):
    rng = np.random.default_rng(5)
    for index in range(2):
        picture_file(workspace.data / "walk" / f"{index:06d}.png", rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8))
    shown, blurred = (
        decoded(overlay(workspace, people, [row(0, body(80), score=0.2)])[0])[0][0]
        for people in ("shown", "faces_blurred")
    )
    differs = np.abs(shown.astype(int) - blurred).max(axis=2) > 40
    assert differs[15:40, 70:90].mean() > 0.3
    assert differs[60:].mean() < 0.02
