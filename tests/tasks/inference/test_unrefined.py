"""Recovery on the maps S does without the refinement network and without other box sources."""

import numpy as np

from tasks.recover import RecoverWork


def rows_of(blocks):
    for block in blocks:
        yield from block.to_pylist()


def test_the_poses_and_maps_s_are_the_same_without_refinement(corpus, params, change):
    corpus.video("a", 3)
    corpus.write()
    corpus.two_walkers("a", 3)
    changed = change(params, recover={"maps": "siamese", "corr_threshold_siamese": 0.0})
    corpus.run(changed, "estimate")
    workspace = corpus.workspace
    weights = {name: workspace.weights(name) for name in ("pose", "correspondence")}
    whole = RecoverWork(workspace.data, workspace.tables, weights, changed)
    part = RecoverWork(workspace.data, workspace.tables, weights, changed, box_sources=("detected",), refine=False)
    assert whole.key_parts() != part.key_parts()
    [shard] = whole.shards(["a"])
    expected, actual = ({name: list(rows_of(blocks)) for name, blocks in work(shard).items()} for work in (whole, part))
    for name, rows in actual.items():
        expected_rows = [row for row in expected[name] if row["box_source"] == "detected"]
        assert expected_rows
        refined = [key for key in expected_rows[0] if key.startswith("refined")]
        for row, other in zip(rows, expected_rows, strict=True):
            assert all(np.all(np.array(row[key]) == 0) for key in refined)
            assert {key: row[key] for key in row if key not in refined} == {
                key: other[key] for key in other if key not in refined
            }
