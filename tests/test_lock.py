"""The committed dvc.lock is of this pipeline: same commands, dependencies and params. Digests are another machine's."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]


def read(name):
    return YAML(typ="safe").load((ROOT / name).read_text())


@pytest.mark.parametrize("stage", list(read("dvc.yaml")["stages"]))
def test_locked_stage_is_the_declared_one(stage):
    declared, locked = read("dvc.yaml")["stages"][stage], read("dvc.lock")["stages"][stage]
    params = read("params.yaml")
    assert locked["cmd"] == declared["cmd"]
    assert sorted(dep["path"] for dep in locked["deps"]) == sorted(declared["deps"])
    assert locked["params"]["params.yaml"] == {name: params[name] for name in declared["params"]}
