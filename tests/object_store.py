"""An S3 store on loopback, for tests of corpora that lie in one."""

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer


@contextmanager
def object_store() -> Iterator[str]:
    """A server; gives its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def empty_bucket(server: str, environment: pytest.MonkeyPatch) -> Any:
    """The bucket `lab` of an emptied store, which the environment names with its credentials."""
    for name, value in (("ACCESS_KEY_ID", "any"), ("SECRET_ACCESS_KEY", "any"), ("DEFAULT_REGION", "us-east-1")):
        environment.setenv(f"AWS_{name}", value)
    environment.setenv("AWS_ENDPOINT_URL", server)
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST"), timeout=20).close()
    return boto3.resource("s3", endpoint_url=server).create_bucket(Bucket="lab")
