"""Learning rates at times that the paper names, and the steps that are taken at them."""

import pytest

from tasks import pretrain
from tasks.progress import Progress, as_current
from tasks.training.loop import Training
from tasks.training.optimisation import learning_rate


@pytest.mark.parametrize(
    ("section", "epoch", "rate"),
    [
        ({"learning_rate": 1e-3, "drop_epochs": [200]}, 0.5, 1e-3),
        ({"learning_rate": 1e-3, "drop_epochs": [200]}, 199.9, 1e-3),
        ({"learning_rate": 1e-3, "drop_epochs": [200]}, 200.1, 1e-4),
        ({"learning_rate": 1e-4, "drop_epochs": [7]}, 7.5, 1e-5),
        ({"learning_rate": 1e-4, "drop_epochs": [2, 4]}, 5.0, 1e-6),
        ({"learning_rate": 1e-4, "drop_epochs": [], "warmup_epochs": 2.0}, 0.5, 2.5e-5),
        ({"learning_rate": 1.0, "schedule": "cosine", "epochs": 10, "drop_factor": 0.0}, 5.0, 0.5),
        ({"learning_rate": 1.0, "schedule": "cosine", "epochs": 10, "drop_factor": 0.1}, 10.0, 0.1),
    ],
)
def test_rate(params, section, epoch, rate):
    settings = {"schedule": "steps", "drop_factor": 0.1, "warmup_epochs": 0.0} | section
    assert learning_rate(params.pretrain.model_copy(update=settings), epoch) == pytest.approx(rate)


def test_the_rate_drops_with_the_first_step_after_the_epoch(workspace, params, changed, monkeypatch):
    taken, original = [], Training._take_step

    def recorded(self, batches, rate):
        taken.append((self.epoch, rate))
        return original(self, batches, rate)

    monkeypatch.setattr(Training, "_take_step", recorded)
    settings = {"schedule": "steps", "drop_epochs": [1], "drop_factor": 0.1, "warmup_epochs": 0.0}
    with as_current(Progress(None, "pretrain")):
        pretrain.run(workspace, changed(params, "pretrain", learning_rate=0.001, passes_per_epoch=3, **settings))
    assert [rate for _, rate in taken] == pytest.approx([0.001 if epoch == 0 else 0.0001 for epoch, _ in taken])
    assert {epoch for epoch, _ in taken} == {0, 1}
