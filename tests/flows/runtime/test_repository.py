"""The environment of a run's own servers and programs."""

import pytest

from flows.runtime.repository import private_environment

FOREIGN = {
    "PREFECT_API_URL": "https://company/api",
    "PREFECT_SERVER_API_AUTH_STRING": "admin:pass",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://u:p@127.0.0.1:1/prod",
    "http_proxy": "http://proxy:3128",
    "HTTPS_PROXY": "http://proxy:3128",
    "ALL_PROXY": "socks5://proxy:1080",
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
