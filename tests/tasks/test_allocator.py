"""Arrow gives back what it has freed, whoever is first; in processes of their own, since the choice stays."""

import os
import subprocess
import sys

import pytest

NAME = "pyarrow.default_memory_pool().backend_name"
CALL = "from tasks.determinism import give_freed_memory_back; give_freed_memory_back()"


@pytest.mark.parametrize("lines", [f"{CALL}; import pyarrow", f"import pyarrow; {CALL}"])
@pytest.mark.parametrize(
    ("chosen", "expected"), [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")]
)
def test_arrow_has_the_allocator_of_the_system_or_that_of_the_user(lines, chosen, expected):
    environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"} | chosen
    command = [sys.executable, "-c", f"{lines}; print({NAME})"]
    ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == expected
