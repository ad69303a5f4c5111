"""A warped keypoint is found when its peak lies within 2 cells of it; hidden keypoints are tallied apart."""

import torch

from tasks.training.pair_accuracy import KeypointMaps, measure_pairs, query_cells


def maps_with_peaks(columns):
    """One map of 1 x 20 cells for each keypoint, with its peak of 0.5 in the given column."""
    maps = torch.zeros(1, len(columns), 1, 20)
    for keypoint, column in enumerate(columns):
        maps[0, keypoint, 0, column] = 0.5
    return maps


def test_only_peaks_within_two_cells_count_as_found():
    target_px = torch.tensor([[[42.0, 2.0]] * 4])  # column 10
    labelled, shown = torch.tensor([[True, True, True, False]]), torch.tensor([[True, True, False, False]])
    maps = KeypointMaps(maps_with_peaks([12, 13, 10, 10]), target_px, labelled, shown, "floor")
    assert maps.tally().tolist() == [[1, 1, 0.5, 0.5], [1, 0, 0.5, 0.5], [0, 1, 0.5, 0.5]]


def test_pairs_are_measured_without_a_training_job():
    class TwoPictures:
        def __len__(self):
            return 2

        def batch(self, samples, generators):
            asked.extend(zip(samples.tolist(), generators, strict=True))
            return {"first": torch.zeros(len(samples), 1)}

    def maps_of(network, batch):
        count = len(batch["first"])
        labelled = torch.ones(count, 1, dtype=torch.bool)
        maps = maps_with_peaks([10]).expand(count, 1, 1, 20)
        return {"siamese": KeypointMaps(maps, torch.full((count, 1, 2), 42.0), labelled, labelled, "released")}

    asked = []
    metrics = measure_pairs(
        torch.nn.Linear(1, 1), TwoPictures(), maps_of, count=5, batch_size=2, generator=lambda number: number
    )
    assert asked == [(0, 0), (1, 1), (0, 2), (1, 3), (0, 4)]
    assert set(metrics) == {"pck_siamese", "peak_siamese"}
    assert metrics["peak_siamese"] == 0.5


def test_a_keypoint_without_a_label_is_no_query():
    cells = query_cells(torch.tensor([[8.0, 4.0], [8.0, 4.0]]), torch.tensor([True, False]))
    assert cells[0].tolist() == [1.0, 2.0]
    assert cells[1].isnan().all()
