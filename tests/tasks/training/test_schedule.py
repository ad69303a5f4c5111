"""Learning rates at times that the paper names."""

import pytest

from tasks.training.schedule import learning_rate


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
