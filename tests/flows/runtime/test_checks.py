"""Each check finds what it looks for, and says what to do."""

import os
import shutil
from pathlib import Path

import pytest

from flows.runtime.checks import (
    check_data,
    check_disk,
    check_gpu,
    check_leftovers,
    check_packages,
    check_params,
    check_ports,
    check_video,
    check_weights,
    findings,
)
from flows.runtime.processes import RunFile

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("check", [check_disk, check_ports, check_video, check_params, check_leftovers, check_data])
def test_all_is_well(checkout, check):
    finding = check(checkout)
    assert (finding.verdict, finding.remedy) == ("ok", "")


def test_packages_are_compared_with_the_lock(checkout):
    lock = checkout.root / "requirements.lock"
    shutil.copy(ROOT / "requirements.lock", lock)
    assert check_packages(checkout).verdict == "ok"
    lock.write_text('numpy==0.1 \\\n    --hash=sha256:00\nno-such-thing==1\npywin32==1 ; sys_platform == "win32"\n')
    finding = check_packages(checkout)
    assert finding.verdict == "wrong"
    assert "2 of 2" in finding.state
    assert "no-such-thing missing" in finding.state


def test_a_gpu_is_only_missed_when_it_is_asked_for(checkout, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    finding = check_gpu(checkout)
    assert (finding.verdict, finding.state) == (
        "note",
        "CPU, since compute.gpus_per_worker is auto and torch sees no GPU",
    )
    checkout.params.write_text(checkout.params.read_text().replace("gpus_per_worker: auto", "gpus_per_worker: 1"))
    finding = check_gpu(checkout)
    assert finding.verdict == "wrong"
    assert "gpus_per_worker=auto" in finding.remedy


def test_a_gpu_that_is_seen_is_named_with_the_reason_for_taking_it(checkout, monkeypatch):
    monkeypatch.setattr("tasks.gpus.visible_gpus", lambda: 2)
    finding = check_gpu(checkout)
    assert (finding.verdict, finding.remedy) == ("ok", "")
    assert finding.state == "one GPU per worker, since compute.gpus_per_worker is auto and torch sees 2"


def test_a_broken_params_file_is_found(checkout):
    checkout.params.write_text(checkout.params.read_text().replace("seed: ", "sead: "))
    finding = check_params(checkout)
    assert finding.verdict == "wrong"
    assert "run.sead" in finding.state


def test_weights_are_opened(checkout, tmp_path):
    finding = check_weights(checkout)
    assert (finding.verdict, finding.state) == ("note", "not trained yet: pose, correspondence")
    assert "import-weights" in finding.remedy
    checkout.workspace.models.mkdir(parents=True)
    checkout.workspace.weights("pose").write_bytes(b"half a file")
    finding = check_weights(checkout)
    assert finding.verdict == "wrong"
    assert "pose.safetensors" in finding.state


def test_processes_of_another_run_are_named(checkout):
    RunFile(checkout.state / "run.json").add("prefect", os.getppid())
    assert f"prefect (pid {os.getppid()})" in check_leftovers(checkout).state


def test_an_installed_package_is_checked_against_what_it_requires(checkout, monkeypatch):
    monkeypatch.setattr("flows.runtime.repository.REPOSITORY", checkout.root)
    (checkout.root / "dvc.yaml").unlink()
    wanted = ["numpy>1", "no-such-thing<2", 'pytest==0.1; extra == "dev"']
    monkeypatch.setattr(
        "flows.runtime.checks.metadata.requires", lambda name: wanted[: 2 if name == "corrtrack" else 0]
    )
    by_name = {finding.what: finding for finding in findings(checkout)}
    assert by_name["packages"].state == "1 of 2 not as corrtrack requires: no-such-thing missing (<2)"
    assert "make" not in by_name["packages"].remedy
    assert by_name["weights"].verdict == "ok"
    assert "drawn persons" in by_name["weights"].state
    assert not {"dvc", "data"} & set(by_name)


def test_a_check_that_breaks_does_not_end_the_round(checkout):
    by_name = {finding.what: finding for finding in findings(checkout)}
    assert by_name["packages"].verdict == "wrong", "this checkout has no requirements.lock"
    assert list(by_name)[-1] == "leftovers"
