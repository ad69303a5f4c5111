"""The folders of a trend run: complete params each, fresh seeds, and work that is done once."""

import pytest

from tasks.code_files import REPOSITORY
from tasks.params.loading import load_params
from tasks.trend.finished import key_of, once, stage_key
from tasks.trend.home import fresh_seeds, lay_out, step_names

TEXT = (REPOSITORY / "params.yaml").read_text()
PARAMS = load_params(REPOSITORY / "params.yaml")


@pytest.fixture
def home(tmp_path):
    return lay_out(tmp_path, TEXT, PARAMS, corpora=3, trainings=2, resamples=10)


def test_every_folder_has_whole_params(home):
    assert home.params("training").detect.splits == ["train"]
    assert home.params("training").run.seed == PARAMS.run.seed
    assert home.params("source-posetrack").train_siamese.source == "posetrack"
    corpus = home.params("corpus-2")
    assert corpus.index.demo_corpus.train_videos == corpus.index.demo_corpus.coco_train_images == 0
    assert corpus.index.demo_corpus.val_videos == PARAMS.index.demo_corpus.val_videos
    assert corpus.track == PARAMS.track


def test_seeds_are_fresh_and_stay(home):
    seeds = [home.params(name).run.seed for name in home.corpora]
    assert seeds == fresh_seeds(PARAMS.run.seed, 3) == fresh_seeds(PARAMS.run.seed, 5)[:3]
    assert len({*seeds, PARAMS.run.seed}) == 4


def test_nothing_is_judged_before_every_network_and_threshold_is_there(home):
    steps = step_names(home)
    assert steps["repeat-2"] == ["data"]
    sources = ["source-coco", "source-coco_then_posetrack", "source-posetrack", "source-coco_without_residual"]
    assert steps["thresholds"] == ["training", *sources]
    assert all(steps[name] == ["thresholds", "repeat-2"] for name in home.corpora)
    assert steps["results"] == home.corpora
    known = list(steps)
    assert all(known.index(before) < known.index(step) for step, needed in steps.items() for before in needed)


def test_sources_read_the_training_pictures(home):
    assert home.folder("source-posetrack").data == home.folder("training").data
    assert home.folder("source-posetrack").models != home.folder("training").models


def test_corpora_take_turns_with_the_trainings_of_the_correspondence_network(home):
    assert [home.training_of(name) for name in home.corpora] == [1, 2, 1]
    first, second = (home.correspondence_weights(name) for name in home.corpora[:2])
    assert first == home.folder("training").weights("correspondence")
    assert second == home.folder("repeat-2").weights("correspondence")


def test_a_repeated_training_differs_in_its_seed_alone(home):
    training, again = home.params("training"), home.params("repeat-2")
    assert home.folder("repeat-2").data == home.folder("training").data
    assert again.run.seed != training.run.seed
    assert again.train_refinement == training.train_refinement
    assert again.train_siamese == training.train_siamese


def test_sources_are_compared_from_random_weights(home):
    assert home.sources["coco"].models != home.folder("training").models
    assert home.params("training").train_siamese.start_weights is not None
    for source in home.sources:
        params = home.params(f"source-{source}")
        assert (params.train_siamese.start_weights, params.train_refinement.start_weights) == (None, None)
        assert params.train_siamese.epochs > home.params("training").train_siamese.epochs
        assert params.train_refinement.epochs > home.params("training").train_refinement.epochs


def test_the_refinement_without_residual_is_trained_as_that_on_coco(home):
    with_residual, without = home.params("source-coco"), home.params("source-coco_without_residual")
    assert (with_residual.train_refinement.residual, without.train_refinement.residual) == (True, False)
    assert without.train_siamese == with_residual.train_siamese
    assert without.train_refinement.model_copy(update={"residual": True}) == with_residual.train_refinement


def test_other_starting_weights_are_trained_on_anew(tmp_path):
    weights = tmp_path / "pose.safetensors"
    weights.write_bytes(b"one")
    section = PARAMS.pretrain.model_copy(update={"start_weights": str(weights)})
    params = PARAMS.model_copy(update={"pretrain": section})
    before = stage_key("pretrain", params, "index")
    assert stage_key("pretrain", params, "index") == before
    weights.write_bytes(b"two")
    assert stage_key("pretrain", params, "index") != before


def test_trainings_that_are_made_for_random_weights_are_those_of_the_sources_too(tmp_path):
    (tmp_path / "params.yaml").write_text(TEXT.replace("start_weights: models/weights/", "start_weights: null  # "))
    params = load_params(tmp_path / "params.yaml")
    assert params.train_siamese.start_weights is None
    home = lay_out(tmp_path, (tmp_path / "params.yaml").read_text(), params, corpora=1, trainings=1, resamples=10)
    for source in home.sources:
        of_source = home.params(f"source-{source}")
        assert of_source.train_siamese.epochs == home.params("training").train_siamese.epochs
        assert of_source.train_refinement.epochs == home.params("training").train_refinement.epochs


def test_work_is_done_once_for_each_key(tmp_path):
    done, result = [], tmp_path / "result"

    def work():
        done.append(1)
        result.write_text("here")

    marker = tmp_path / "marker"
    assert [once(marker, key, work, results=[result]) for key in ("a", "a", "b")] == [True, False, True]
    result.unlink()
    assert once(marker, "b", work, results=[result])
    assert len(done) == 3


def test_work_that_breaks_off_is_not_done(tmp_path):
    def broken():
        raise RuntimeError

    marker = tmp_path / "marker"
    once(marker, "a", lambda: None)
    with pytest.raises(RuntimeError):
        once(marker, "b", broken)
    assert not marker.exists()


def test_a_key_follows_params_and_inputs_but_not_the_workers(tmp_path):
    weights = tmp_path / "weights"
    weights.write_bytes(b"1")
    first = key_of("tasks.track", PARAMS, weights)
    other_workers = PARAMS.model_copy(update={"compute": PARAMS.compute.model_copy(update={"workers": 7})})
    other_track = PARAMS.model_copy(update={"track": PARAMS.track.model_copy(update={"tau_corr": 0.77})})
    assert key_of("tasks.track", other_workers, weights) == first
    assert key_of("tasks.track", other_track, weights) != first
    weights.write_bytes(b"2")
    assert key_of("tasks.track", PARAMS, weights) != first
