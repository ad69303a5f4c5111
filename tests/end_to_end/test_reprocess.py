"""`corrtrack reprocess` on corpora outside the checkout, with the real Prefect server."""

import json
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.end_to_end


def write_video(path: Path, frames: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(frames):
            picture = np.full((64, 96, 3), 60, np.uint8)
            picture[8:56, 10 + index : 26 + index] = (200, 40, 30)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def test_a_broken_video_is_rejected_and_the_rest_is_tracked(corrtrack, tmp_path, untrained_weights):
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    corpus.mkdir()
    write_video(corpus / "street.mp4", 6)
    (corpus / "broken.mp4").write_bytes(b"no video at all")
    boxes = "".join(f"{frame},-1,{10 + frame},8,16,48,0.9\n" for frame in range(1, 7))
    (tmp_path / "street.txt").write_text(boxes)
    before = sorted(path.name for path in corpus.rglob("*"))

    code, text = corrtrack(
        *("reprocess", corpus, "--out", out, "--weights", untrained_weights, "--detections", tmp_path / "street.txt")
    )

    assert code == 3, text
    assert "1 rejected, such as broken.mp4: expected a video that decodes" in text
    assert len(pd.read_parquet(out / "artifacts/tables/detections/street.parquet")) == 6
    assert (out / "artifacts/tables/merged_tracks/street.parquet").is_file()
    assert (out / "reports/index.html").is_file()
    code, text = corrtrack("status", out)
    assert code == 3, text
    assert "1 done, 1 rejected; nothing runs" in text
    assert sorted(path.name for path in corpus.rglob("*")) == before


def files_of(out: Path, video_id: str) -> list[str]:
    """Files below `out` that are of this video alone, outside the store of finished shards."""
    return sorted(str(path.parent.relative_to(out)) for path in out.glob(f"*/**/{video_id}.*") if path.is_file())


def test_the_results_of_a_video_that_is_gone_stay_and_are_reported(corrtrack, tmp_path, untrained_weights):
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    corpus.mkdir()
    boxes = "".join(f"{frame},-1,{10 + frame},8,16,48,0.9\n" for frame in range(1, 5))
    for name in ("street", "square"):
        write_video(corpus / f"{name}.mp4", 4)
        (corpus / f"{name}.det.txt").write_text(boxes)
    code, text = corrtrack("reprocess", corpus, "--out", out, "--weights", untrained_weights)
    assert code == 0, text
    of_the_first = files_of(out, "square")  # small params ask for one clip, which is of the first video
    assert {"artifacts/tables/tracks", "artifacts/exports/posetrack18/merged", "reports/clips"} <= set(of_the_first)

    of_the_user = [
        out / "reports/clips/holiday.mp4",
        out / "artifacts/exports/posetrack18/merged/x.json",
        out / "notes.txt",
    ]
    for path in of_the_user:
        path.write_text("of the user")

    (corpus / "square.mp4").unlink()
    (corpus / "square.det.txt").unlink()
    code, text = corrtrack("reprocess", corpus, "--out", out, "--weights", untrained_weights)
    assert code == 0, text
    assert "removed: square" in text
    assert files_of(out, "square") == of_the_first
    assert files_of(out, "street") == of_the_first
    assert [path.read_text() for path in of_the_user] == ["of the user"] * 3

    code, text = corrtrack("status", out, "--json")
    assert code == 0, text
    states = {video["video_id"]: (video["state"], video["stale"]) for video in json.loads(text)["videos"]}
    assert states == {"square": ("removed", []), "street": ("done", [])}
    code, text = corrtrack("prune", out)
    assert code == 0, text
    assert f"square: {len(of_the_first)} files deleted" in text
    assert files_of(out, "square") == []
    assert files_of(out, "street") == of_the_first
    assert [path.read_text() for path in of_the_user] == ["of the user"] * 3


def test_videos_called_alike_keep_their_folders_in_all_results(corrtrack, tmp_path, untrained_weights):
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    for name, frames in (("day/street", 4), ("night/v1.0/street", 5)):
        (corpus / name).parent.mkdir(parents=True)
        write_video(corpus / f"{name}.mp4", frames)
        boxes = (f"{frame},-1,{10 + frame},8,16,48,0.9\n" for frame in range(1, frames + 1))
        (corpus / f"{name}.det.txt").write_text("".join(boxes))
    arguments = ("reprocess", corpus, "--out", out, "--weights", untrained_weights)

    code, text = corrtrack(*arguments)

    assert code == 0, text
    for name, frames in (("day/street", 4), ("night/v1.0/street", 5)):
        assert len(pd.read_parquet(out / f"artifacts/tables/detections/{name}.parquet")) == frames
        table = pd.read_csv(out / f"artifacts/exports/csv/merged/{name}.csv")
        assert table["frame"].nunique() == frames
        assert (out / f"overlays/{name}.mp4").is_file()
    (clip,) = (out / "reports/clips").rglob("*.mp4")
    assert clip.relative_to(out / "reports").as_posix() in (out / "reports/index.html").read_text()
    of_day = [path for path in files_of(out, "street") if path.endswith("/day")]
    assert {"artifacts/tables/tracks/day", "reports/clips/day", "overlays/day"} <= set(of_day)
    code, text = corrtrack("export", out, "--format", "mot", "--out", tmp_path / "mot")
    assert code == 0, text
    assert {path.relative_to(tmp_path / "mot").as_posix() for path in (tmp_path / "mot").rglob("*.txt")} == {
        *("day/street.txt", "night/v1.0/street.txt")
    }

    (corpus / "day/street.mp4").unlink()
    code, text = corrtrack(*arguments)
    assert code == 0, text
    assert "removed: day/street" in text
    assert [path for path in files_of(out, "street") if path.endswith("/day")] == of_day
    code, text = corrtrack("prune", out)
    assert code == 0, text
    assert f"day/street: {len(of_day)} files deleted" in text
    assert {path.rpartition("/")[2] for path in files_of(out, "street")} == {"v1.0"}


def test_poses_of_a_file_become_an_overlay_and_files_for_other_programs(corrtrack, tmp_path, untrained_weights):
    out = tmp_path / "out"
    write_video(tmp_path / "street.mp4", 6)
    points = [(8 + place % 4 * 4, 10 + 2.5 * place) for place in range(17)]
    persons = [
        {"frame_index": frame, "score": 0.9, "keypoints": [v for x, y in points for v in (x + frame, y, 0.9)]}
        for frame in range(5)
    ]
    (tmp_path / "poses.json").write_text(json.dumps(persons))
    arguments = ("reprocess", tmp_path / "street.mp4", "--out", out, "--weights", untrained_weights)

    code, text = corrtrack(*arguments, "--poses", tmp_path / "poses.json", "--blur-faces")

    assert code == 0, text
    table = pd.read_csv(out / "artifacts/exports/csv/merged/street.csv")
    assert table["seconds"].drop_duplicates().tolist() == [0.0, 0.04, 0.08, 0.12, 0.16, 0.2]
    tracked = table.dropna(subset=["track_id"])
    counts = (6, tracked["track_id"].nunique(), len(tracked))
    assert len(tracked) >= 5
    rows = [line.replace("│", " ").split() for line in text.splitlines()]
    (row,) = [row for row in rows if row[:1] == ["street"]]
    assert (int(row[1]), int(row[2]), int(row[4])) == counts
    for place in ("overlays", "artifacts/tables/merged_tracks", "artifacts/exports", "reports/index.html"):
        assert f": {out / place}" in text
    assert "undefined" not in text
    with av.open(str(out / "overlays/street.mp4")) as container:
        assert len(list(container.decode(video=0))) == 6
    assert {path.name for path in (out / "artifacts/exports").iterdir()} == {
        *("posetrack18", "table", "csv", "jsonl", "mot", "coco-tracks", "cvat")
    }

    code, text = corrtrack("export", out, "--format", "cvat", "--out", tmp_path / "cvat")
    assert code == 0, text
    assert (tmp_path / "cvat/street.xml").is_file()

    stages = {
        "artifacts/tables/tracks/street.parquet": "track",
        "artifacts/exports/csv/merged/street.csv": "export",
        "overlays/street.mp4": "report",
        "reports/clips/street.mp4": "report",
        "reports/index.html": "report",
    }
    for file, stage in stages.items():
        code, text = corrtrack("explain", out / file, "--json")
        assert code == 0, text
        answer = json.loads(text)
        assert (answer["file"], answer["stage"], answer["is_recorded"]) == (file, stage, True)
        assert list(answer["data"]) == ["videos/street.mp4"]
        assert {Path(name).parent for name in answer["weights"]} == {untrained_weights}
    assert [part["stage"] for part in answer["chain"]][:5] == ["index", "detect", "estimate", "recover", "track"]
    assert answer["versions"]["torch"] and answer["hardware"]["cores"] >= 1
    page = (out / "reports/index.html").read_text()
    revision = answer["chain"][-1]["revision"]
    for text in (
        revision.partition("+")[0][:12],
        answer["hardware"]["processor"],
        next(iter(answer["weights"].values())),
    ):
        assert text in page
    (out / "reports/index.html").write_text("changed by hand")
    code, text = corrtrack("explain", out / "reports/index.html")
    assert code == 0 and "it was changed since the last finished run" in text, text
    for file, got in (
        ("artifacts/models/pose.safetensors", "that no stage writes"),
        ("overlays/x.mp4", "no such file"),
    ):
        code, text = corrtrack("explain", out / file)
        assert code == 2 and got in text, text


def test_a_folder_with_files_of_the_user_is_refused_and_so_is_a_corpus_inside_the_out_folder(
    corrtrack, tmp_path, untrained_weights
):
    corpus, out = tmp_path / "run/corpus", tmp_path / "run"
    corpus.mkdir(parents=True)
    write_video(corpus / "street.mp4", 4)
    (out / "reports").mkdir()
    (out / "reports/index.html").write_text("of the user")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    options = ("--out", out, "--weights", untrained_weights)

    code, text = corrtrack("reprocess", corpus / "street.mp4", *options)
    assert code == 2
    assert f"--out {out}: expected a folder apart from the input" in text
    write_video(tmp_path / "street.mp4", 4)
    code, text = corrtrack("reprocess", tmp_path / "street.mp4", *options)
    assert code == 2
    assert f"--out {out}: expected a new or empty folder, or one that corrtrack made, found corpus, reports" in text
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_without_weights_it_names_the_ways_to_get_them(corrtrack, tmp_path):
    code, text = corrtrack("reprocess", tmp_path, "--out", tmp_path / "out", "--weights", tmp_path / "nothing")
    assert code == 2
    assert "make demo" in text
    assert "corrtrack import-weights" in text
    assert not (tmp_path / "out").exists()


def test_a_corpus_that_is_not_there_is_bad_input(corrtrack, tmp_path, untrained_weights):
    nowhere = tmp_path / "nowhere.mp4"
    code, text = corrtrack("reprocess", nowhere, "--out", tmp_path / "out", "--weights", untrained_weights)
    assert code == 2
    assert f"{nowhere}: expected a video" in text


def test_without_person_boxes_it_stops_after_the_index_and_names_the_ways_out(corrtrack, tmp_path, untrained_weights):
    out = tmp_path / "out"
    write_video(tmp_path / "street.mp4", 3)
    code, text = corrtrack("reprocess", tmp_path / "street.mp4", "--out", out, "--weights", untrained_weights)
    assert code == 2, text
    assert "no person boxes for any of 1 videos" in text
    assert "--detections" in text
    assert "detect.source" in text
    assert (out / "artifacts/tables/videos.parquet").is_file()
    assert not (out / "artifacts/tables/detections").exists()
