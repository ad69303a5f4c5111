"""A video file with detections in MOT form, from the index to merged tracks."""

from tasks.detect import run as detect
from tasks.index import run as index
from tasks.progress import Progress, as_current
from tasks.tables import read_table
from tasks.tables.schemas import FRAMES
from tests.tasks.test_foreign_inputs import with_display_matrix


def test_every_frame_of_a_video_file_gets_its_tracks(corpus, params, change, video_file):
    workspace = corpus.workspace
    video_file(workspace.data / "videos/walk.mp4", 20)
    boxes = [(frame, 3 * frame - 2) for frame in range(1, 21) if frame != 9]
    lines = [f"{frame},-1,{left},9,14,22,0.9,-1,-1,-1" for frame, left in boxes]
    (workspace.data / "videos/walk.det.txt").write_text("\n".join(lines))
    with as_current(Progress(None, "index")):
        index(workspace, params)
    corpus.run(change(params, recover={"backward": True}), "detect", "estimate", "recover", "track", "merge")
    assert len(read_table(FRAMES, FRAMES.path(workspace.tables))) == 20
    assert len(corpus.table("poses", "walk")) == 19
    assert {row["frame_index"] for row in corpus.table("recovered_poses", "walk", drop_reason=None)} >= {8}
    for name in ("tracks", "merged_tracks"):
        assert {row["frame_index"] for row in corpus.table(name, "walk")} == set(range(20))
        assert {row["box_source"] for row in corpus.table(name, "walk")} == {"detected"}


def test_boxes_that_fit_only_the_picture_without_its_rotation_are_rejected(corpus, params, video_file):
    workspace = corpus.workspace
    path = with_display_matrix(video_file(workspace.data / "videos/phone.mp4", 4), (0, 1, -1, 0))
    lines = [f"{frame},-1,{44 + frame},9,12,22,0.9" for frame in range(1, 5)]
    path.with_name("phone.det.txt").write_text("\n".join(lines))
    progress = Progress(None, "detect")
    with as_current(progress):
        index(workspace, params)
        detect(workspace, params)
    assert corpus.table("detections", "phone") == []
    reasons = [reject["reason"] for reject in progress.rejects if reject["source"] == "phone"]
    assert reasons[0].startswith("expected boxes in the picture of 48x64 that a person sees, got 4 that fit only 64x48")
