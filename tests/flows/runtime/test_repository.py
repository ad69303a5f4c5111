"""The environment of a run's own servers and programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.runtime.repository import private_environment

ROOT = Path(__file__).parents[3]
SETTINGS = """
import sys
from pathlib import Path

from flows.runtime.prefect_program import import_settings

import_settings(Path(sys.argv[1]))
from prefect import flow
from prefect.settings import get_current_settings

print(get_current_settings().logging.level)
"""

FOREIGN = {
    "PREFECT_API_URL": "https://company/api",
    "PREFECT_SERVER_API_AUTH_STRING": "admin:pass",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://u:p@127.0.0.1:1/prod",
    "http_proxy": "http://proxy:3128",
    "HTTPS_PROXY": "http://proxy:3128",
    "ALL_PROXY": "socks5://proxy:1080",
    "SSL_CERT_FILE": "/gone/company.pem",
}
RAY = {"RAY_ADDRESS": "ray://cluster:10001", "RAY_TMPDIR": "/scratch", "CORRTRACK_RAY_ADDRESS": "127.0.0.1:1"}
KEPT = {"PATH": "/usr/bin", "HOME": "/users/one", "CUDA_VISIBLE_DEVICES": "1", "no_proxy": "localhost"}


@pytest.mark.parametrize(("keep_ray", "kept"), [(False, KEPT), (True, KEPT | RAY)])
def test_variables_of_other_servers_and_of_proxies_are_left_out(keep_ray, kept):
    assert private_environment(FOREIGN | RAY | KEPT, keep_ray=keep_ray) == kept


def test_programs_of_a_run_see_no_prefect_of_the_users(checkout, monkeypatch):
    for name, value in FOREIGN.items():
        monkeypatch.setenv(name, value)
    assert not FOREIGN.keys() & checkout.environment().keys()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "PREFECT_SERVER_API_PORT=none\nPREFECT_LOGGING_LEVEL=ERROR\n"),
        ("prefect.toml", '[logging]\nlevel = "ERROR"\n[server.api]\nport = "none"\n'),
        ("pyproject.toml", "no TOML at all"),
    ],
)
def test_prefects_settings_of_the_working_folder_are_not_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (tmp_path / "home").mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", SETTINGS, str(tmp_path / "home")]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.stdout == "INFO\n", ran.stderr
