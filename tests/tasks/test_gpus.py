"""How many GPUs a worker takes: logical numbers, no GPU is needed."""

import pytest

from models.gpu_use import gpu_allowed
from models.networks.inference import device
from tasks.errors import InputError
from tasks.gpus import choose_gpus, gpus_here, gpus_on_ray


@pytest.mark.parametrize(
    ("torch_sees", "ray_offers", "per_worker", "reason"),
    [
        (0, None, 0, "torch sees no GPU"),
        (0, 2, 0, "torch sees no GPU"),
        (1, None, 1, "torch sees 1"),
        (4, 2, 1, "torch sees 4"),
        (4, 0, 0, "no node of Ray offers a GPU"),
        (4, 0.5, 0, "no node of Ray offers a GPU"),
    ],
)
def test_auto_takes_one_gpu_where_torch_sees_it_and_ray_offers_it(torch_sees, ray_offers, per_worker, reason):
    choice = choose_gpus("auto", torch_sees=torch_sees, ray_offers=ray_offers)
    assert (choice.per_worker, choice.device) == (per_worker, "cuda" if per_worker else "cpu")
    assert "auto" in choice.reason
    assert reason in choice.reason


@pytest.mark.parametrize(("asked", "device"), [(0, "cpu"), (0.5, "cuda"), (2, "cuda")])
def test_a_number_is_obeyed(asked, device):
    choice = choose_gpus(asked, torch_sees=4, ray_offers=2)
    assert (choice.per_worker, choice.device) == (asked, device)
    assert f"is {asked}" in choice.reason


@pytest.mark.parametrize(
    ("torch_sees", "ray_offers", "message"),
    [
        (8, 1, "expected at most 1, the most that one node of Ray has, got 2; set it to 1 or auto, .*compute.address"),
        (1, None, "expected at most 1, the GPUs that torch sees here, got 2; set it to auto or 0"),
    ],
)
def test_a_number_that_cannot_be_had_is_refused(torch_sees, ray_offers, message):
    with pytest.raises(InputError, match=f"compute.gpus_per_worker: {message}"):
        choose_gpus(2, torch_sees=torch_sees, ray_offers=ray_offers)


def test_on_ray_a_number_needs_no_gpu_in_this_process(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert gpus_on_ray(1, offered=2).per_worker == 1
    assert gpus_on_ray("auto", offered=2).per_worker == 0
    assert gpus_here("auto").device == "cpu"


def test_without_a_driver_torch_is_not_loaded_to_count_gpus(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    monkeypatch.setattr("torch.cuda.is_available", lambda: pytest.fail("torch was asked"))
    assert gpus_here("auto").reason == "CPU, since compute.gpus_per_worker is auto and torch sees no GPU"


def test_networks_stay_off_a_gpu_that_was_not_given(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with gpu_allowed(False):
        assert device().type == "cpu"
    assert device().type == "cuda"
