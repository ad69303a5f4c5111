"""`corrtrack schedule` tracks by the same options as `corrtrack reprocess`, down to the flow of each run."""

import inspect
from pathlib import Path

import pytest
from typer.main import get_command

from flows.cli import app
from flows.cli.schedule import schedule
from flows.reprocess_request import ReprocessRequest
from flows.runtime.repository import find_repository
from flows.scheduling.scheduled_run import Policy
from flows.scheduling.serving import Serving, parameters_of
from flows.scheduling.timing import Timetable
from tasks.errors import InputError

OF_A_SINGLE_RUN = {"--save", "--dry-run", "--json"}
WRONG = {
    "profile": ({"profile": "nowhere"}, "nowhere"),
    "settings": ({"settings": ["track.tau_corr=high"]}, "--set track.tau_corr=high"),
    "formats": ({"formats": ["vhs"]}, "--format must be one of"),
}


@pytest.fixture
def named(tmp_path):
    """Corpus, out folder and weights; nothing gets as far as to read a video or a network."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/a.mp4").write_bytes(b"x")
    (tmp_path / "weights").mkdir()
    for name in ("pose", "correspondence"):
        (tmp_path / "weights" / f"{name}.safetensors").write_bytes(b"x")
    return {"corpus": str(tmp_path / "corpus"), "out": tmp_path / "out", "weights": tmp_path / "weights"}


def options_of(name):
    """Each option of a command with its help."""
    command = get_command(app).commands[name]
    return {option: part.help for part in command.params if part.param_type_name == "option" for option in part.opts}


def test_schedule_has_the_options_of_reprocess_in_the_same_words():
    shared = {name: text for name, text in options_of("reprocess").items() if name not in OF_A_SINGLE_RUN}
    assert shared.items() <= options_of("schedule").items()


def test_the_flow_gets_all_that_the_request_names(named, tmp_path):
    from flows.scheduling.deployment import scheduled_reprocess  # after the tests that set Prefect's settings

    choices = {"profile": "released", "settings": ("track.tau_corr=0.25",), "formats": ("cvat", "mot")}
    request = ReprocessRequest(**named | {"corpus": Path(named["corpus"])}, detections=(), **choices)
    serving = Serving(request, Timetable(every_seconds=60, anchor=""), Policy(), None, has_own_server=False)
    parameters = parameters_of(tmp_path / "out", find_repository(), serving)
    assert set(parameters) == set(inspect.signature(scheduled_reprocess.fn).parameters)
    assert {name: tuple(parameters[name]) for name in ("settings", "formats")} | {"profile": parameters["profile"]} == (
        choices
    )


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_refused_before_anything_is_served(named, case):
    choice, sentence = WRONG[case]
    with pytest.raises(InputError, match=sentence):
        schedule(**named, every="1h", **choice)
    assert not named["out"].exists()


@pytest.mark.parametrize("case", WRONG)
def test_each_run_tracks_by_what_its_flow_is_given(named, case):
    from flows.scheduling.deployment import scheduled_reprocess

    choice, sentence = WRONG[case]
    state = scheduled_reprocess.fn(**{name: str(value) for name, value in named.items()}, **choice)
    assert state.is_failed() and sentence in state.message
