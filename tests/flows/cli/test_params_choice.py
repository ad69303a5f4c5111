"""--profile and --set write params.yaml, and never over a user's own changes."""

import pytest

from flows.cli.params_choice import choose_params, read_chosen_params
from tasks.errors import InputError
from tasks.params.loading import load_params


def edit(checkout, old="seed: ", new="seed: 7"):
    checkout.params.write_text(checkout.params.read_text().replace(old, new, 1))


def test_set_changes_one_value_and_keeps_the_comments(checkout):
    before = checkout.params.read_text()
    assert choose_params(checkout, profile=None, settings=["track.tau_corr=0.125", "merge.enabled=false"])
    params, after = load_params(checkout.params), checkout.params.read_text()
    assert (params.track.tau_corr, params.merge.enabled) == (0.125, False)
    assert sum(old != new for old, new in zip(before.splitlines(), after.splitlines(), strict=True)) == 2


def test_settings_follow_each_other(checkout):
    choose_params(checkout, profile=None, settings=["track.tau_corr=0.125"])
    choose_params(checkout, profile=None, settings=["track.duplicate_oks=0.25"])
    params = load_params(checkout.params)
    assert (params.track.tau_corr, params.track.duplicate_oks) == (0.125, 0.25)


@pytest.mark.parametrize("wanted", [{"profile": "demo"}, {"settings": ["track.tau_corr=0.125"]}])
def test_own_changes_are_kept_unless_forced(checkout, wanted):
    edit(checkout)
    edited = checkout.params.read_text()
    wanted = {"profile": None, "settings": []} | wanted
    with pytest.raises(InputError, match="changes of your own"):
        choose_params(checkout, **wanted)
    assert checkout.params.read_text() == edited
    choose_params(checkout, **wanted, force=True)
    assert checkout.params.read_text() != edited


def test_a_profile_may_be_left_for_another(checkout):
    other = checkout.root / "profiles" / "other.yaml"
    other.write_text(checkout.params.read_text().replace("seed: ", "seed: 7"))
    assert choose_params(checkout, profile="other", settings=[])
    assert choose_params(checkout, profile="demo", settings=["track.tau_corr=0.125"])
    assert load_params(checkout.params).track.tau_corr == 0.125


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"profile": "papier"}, "expected one of demo, got papier"),
        ({"settings": ["track.tau_corr"]}, "expected section.key=value"),
        ({"settings": ["track.tau_cor=0.2"]}, "did you mean track.tau_corr"),
        ({"settings": ["track.tau_corr=2"]}, r"^--set track\.tau_corr=2: track\.tau_corr must be <= 1"),
        ({"settings": ["run.seed=big"]}, r"^--set run\.seed=big: run\.seed must be a valid integer"),
    ],
)
def test_what_does_not_fit_changes_nothing(checkout, wanted, message):
    before = checkout.params.read_text()
    with pytest.raises(InputError, match=message):
        choose_params(checkout, **({"profile": None, "settings": []} | wanted))
    assert checkout.params.read_text() == before


def test_what_is_wrong_in_the_file_is_not_said_of_the_settings(checkout):
    edit(checkout, "seed: ", "seed: x")
    with pytest.raises(InputError, match=r"^params\.yaml: run\.seed must be a valid integer"):
        read_chosen_params(checkout, profile=None, settings=["track.tau_corr=0.2"])


def test_nothing_asked_nothing_written(checkout):
    edit(checkout)
    assert not choose_params(checkout, profile=None, settings=[])
