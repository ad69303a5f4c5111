import pytest
import torch

from models.networks.detector import PersonDetector


@pytest.fixture(scope="module")
def detector() -> PersonDetector:
    torch.manual_seed(0)
    detector = PersonDetector().eval()
    detector.network.transform.min_size = (64,)
    detector.network.transform.max_size = 96
    return detector


def test_random_weights_give_boxes_inside_each_image_best_first(detector: PersonDetector) -> None:
    torch.nn.init.constant_(detector.network.roi_heads.box_predictor.cls_score.bias[1], 9.0)
    images = [torch.rand(3, 48, 64), torch.rand(3, 64, 40)]
    boxes = detector.detect_persons(images)
    assert len(boxes) == 2
    assert sum(len(persons.scores) for persons in boxes) > 0
    for image, persons in zip(images, boxes, strict=True):
        assert persons.boxes_xyxy.shape == (len(persons.scores), 4)
        assert (persons.boxes_xyxy >= 0).all()
        assert (persons.boxes_xyxy[:, 2] <= image.shape[2]).all()
        assert (persons.boxes_xyxy[:, 3] <= image.shape[1]).all()
        assert torch.equal(persons.scores, persons.scores.sort(descending=True).values)


def test_only_persons_are_kept(detector: PersonDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = torch.arange(12.0).reshape(3, 4)
    detections = {"boxes": boxes, "labels": torch.tensor([1, 7, 1]), "scores": torch.tensor([0.9, 0.8, 0.2])}
    monkeypatch.setattr(detector.network, "forward", lambda images: [detections])
    (persons,) = detector.detect_persons([torch.rand(3, 32, 32)])
    assert persons.boxes_xyxy.tolist() == boxes[[0, 2]].tolist()
    assert persons.scores.tolist() == pytest.approx([0.9, 0.2])
