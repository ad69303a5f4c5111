"""What a run on another corpus reads, by what the user names."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from rich.console import Console

from flows.reprocess import reprocess
from flows.reprocess_params import base_params, keys_of, params_for
from flows.reprocess_request import ReprocessRequest
from flows.runtime.repository import find_repository
from flows.runtime.run_weights import NETWORKS, STARTING_WEIGHTS, find_weights, starting_weights_notice
from tasks.errors import InputError
from tasks.formats.pose_files.registry import FORMATS
from tasks.params.loading import load_params
from tasks.params.rules import broken_rules

ASKED = ReprocessRequest(Path("street.mp4"), Path("out"), None, ())


@pytest.fixture
def params():
    return load_params(find_repository().params)


def test_poses_of_files_are_tracked_instead_of_estimated_ones(params):
    chosen = params_for(replace(ASKED, poses=Path("street.json"), pose_format="openpose"), params)
    assert (chosen.detect.source, chosen.detect.box_sources) == ("poses", ["detected"])
    assert (chosen.estimate.source, chosen.index.pose_format) == ("file", "openpose")
    assert list(broken_rules(chosen)) == []
    assert chosen.track == params.track
    assert params_for(ASKED, params) == params


def test_a_public_network_gives_boxes_and_poses(params):
    chosen = params_for(replace(ASKED, pretrained="torchvision", people="skeletons"), params)
    assert (chosen.detect.source, chosen.detect.box_sources) == ("torchvision", ["detected"])
    assert (chosen.estimate.source, chosen.report.people) == ("torchvision", "skeletons")
    assert list(broken_rules(chosen)) == []


@pytest.mark.parametrize(
    ("name", "first"),
    [("notes.txt", "the stages run"), ("street.mp4", "weights are fetched"), (None, "corpus: .* got an empty folder")],
)
def test_weights_are_fetched_before_the_stages_unless_there_is_no_video(monkeypatch, tmp_path, name, first):
    def ends_with(sentence):
        return MagicMock(side_effect=InputError(sentence))

    monkeypatch.setattr("flows.reprocess_params.detector_weights", ends_with("weights are fetched"))
    monkeypatch.setattr("flows.reprocess._track_what_changed", ends_with("the stages run"))
    (tmp_path / "corpus").mkdir()
    if name is not None:
        (tmp_path / "corpus" / name).write_bytes(b"video")
    asked = replace(ASKED, corpus=tmp_path / "corpus", out=tmp_path / "out", pretrained="torchvision")
    with pytest.raises(InputError, match=first):
        reprocess(find_repository(), asked, Console())


def test_further_formats_are_written_beside_those_of_the_params(params):
    chosen = params_for(replace(ASKED, formats=("nwb", "csv")), params).export
    assert chosen.formats == [*params.export.formats, "nwb", *({"csv"} - set(params.export.formats))]
    assert set(chosen.formats_without_annotations) == {*params.export.formats_without_annotations, "nwb", "csv"}
    with pytest.raises(InputError, match=r"--format must be one of posetrack18, .*, got xml"):
        params_for(replace(ASKED, formats=("xml",)), params)


def test_what_is_shown_of_people_is_named_beside_other_changes(params):
    asked = replace(ASKED, people="faces_blurred", poses=Path("street.json"))
    assert params_for(asked, params).report.people == "faces_blurred"
    assert params_for(asked, params).estimate.source == "file"


def test_profile_and_settings_are_those_of_the_run_and_params_yaml_stays():
    repository = find_repository()
    before = repository.params.read_bytes()
    asked = replace(ASKED, profile="released", settings=("track.min_track_frames=7",))
    chosen = base_params(repository, asked)
    assert (chosen.track.mode, chosen.estimate.output_stage, chosen.track.min_track_frames) == ("released", 1, 7)
    assert base_params(repository, ASKED) == load_params(repository.params)
    assert repository.params.read_bytes() == before
    with pytest.raises(InputError, match=r"--set track\.mood=1: .*did you mean track\.mode"):
        base_params(repository, replace(ASKED, settings=("track.mood=1",)))
    with pytest.raises(InputError, match=r"expected one of .*released"):
        base_params(repository, replace(ASKED, profile="realeased"))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"pose_format": "coco"}, "expected --poses too"),
        ({"poses": Path("a.json"), "pose_format": "cocoa"}, "must be auto or one of .*coco.*, got cocoa"),
        ({"poses": Path("a.json"), "detections": (Path("a.txt"),)}, "expected --poses or --detections, got both"),
        ({"pretrained": "nowhere"}, "--pretrained must be one of torchvision, got nowhere"),
        ({"pretrained": "torchvision", "poses": Path("a.json")}, "expected --poses or --pretrained, got both"),
        ({"pretrained": "torchvision", "detections": (Path("a.txt"),)}, "--pretrained or --detections, got both"),
    ],
)
def test_poses_that_contradict_the_rest_are_refused(params, named, message):
    with pytest.raises(InputError, match=message):
        params_for(replace(ASKED, **named), params)


def test_poses_of_files_need_the_correspondence_network_alone(tmp_path):
    (tmp_path / "correspondence.safetensors").write_bytes(b"x")
    repository = find_repository()
    assert list(find_weights(repository, tmp_path, needs_pose=False)) == ["correspondence"]
    with pytest.raises(InputError, match=r"found no pose\.safetensors"):
        find_weights(repository, tmp_path, needs_pose=True)


def test_without_trained_networks_the_starting_weights_are_taken_and_reported(tmp_path):
    untrained = replace(find_repository(), root=tmp_path)
    weights = find_weights(untrained, None, needs_pose=True)
    assert weights == {name: STARTING_WEIGHTS / f"{name}.safetensors" for name in NETWORKS}
    assert "pose and correspondence: the starting weights of models/weights" in (starting_weights_notice(weights) or "")


def test_the_starting_pose_network_is_taken_only_where_poses_are_estimated(tmp_path):
    weights = find_weights(replace(find_repository(), root=tmp_path), None, needs_pose=False)
    assert weights == {"correspondence": STARTING_WEIGHTS / "correspondence.safetensors"}


def test_a_trained_network_goes_before_a_starting_one(tmp_path):
    trained = tmp_path / "artifacts" / "models" / "pose.safetensors"
    trained.parent.mkdir(parents=True)
    trained.write_bytes(b"x")
    weights = find_weights(replace(find_repository(), root=tmp_path), None, needs_pose=True)
    assert (weights["pose"], weights["correspondence"].parent) == (trained, STARTING_WEIGHTS)
    assert (starting_weights_notice(weights) or "").startswith("correspondence: ")
    assert starting_weights_notice({"pose": trained}) is None


def test_the_bytes_of_a_detector_that_the_user_names_decide_whether_anything_changed(params, tmp_path):
    file = tmp_path / "detector.safetensors"
    named = params.detect.model_copy(update={"source": "network", "network_weights": str(file)})
    keys = []
    for content in (b"one", b"two", b"two"):
        file.write_bytes(content)
        keys.append(keys_of(params.model_copy(update={"detect": named}), {}))
    assert keys[0].weights != keys[1].weights
    assert keys[1] == keys[2]


def test_the_help_names_every_format_of_poses():
    from flows.cli.pipeline import reprocess

    words = (reprocess.__doc__ or "").replace(",", " ").replace(".", " ").split()
    assert set(FORMATS) <= set(words)
