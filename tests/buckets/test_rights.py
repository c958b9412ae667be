"""The least rights that the page names are enough, and none of them can be left out."""

from __future__ import annotations

import copy
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from support.pages import HELP, block
from support.pictures import picture
from support.program import make, thumbnailer
from support.s3_server import ENVIRONMENT, KEY_ID, SECRET, serving, settled

pytest.importorskip("obstore", reason="the extra s3 is not installed")
boto3 = pytest.importorskip("boto3", reason="the extra s3 is not installed")
pytest.importorskip("moto.server", reason="moto with Flask is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.extra]

# What is asked of the server before it begins to check rights.
_PREPARATIONS = 5

POLICY: dict[str, Any] = json.loads(block('{"Version"').text)


LISTS = "s3:ListBucket"

# What each command needs in the source and in the output, as the page's table has it.
COMMANDS = {
    name: (source.split("`")[1::2], output.split("`")[1::2])
    for names, source, output in re.findall(
        r"^\| (`[^|]*) \| ([^|]*`s3:[^|]*) \| ([^|]*`s3:[^|]*) \|$",
        (HELP / "buckets.md").read_text("utf-8"),
        re.MULTILINE,
    )
    for name in names.split("`")[1::2]
}


def policy_of(source: list[str], output: list[str]) -> dict[str, Any]:
    """A policy with some rights in the folder of the pictures, and in that of the thumbnails."""
    rights = {"photos": source, "thumbs": output}
    statements = [
        {"Effect": "Allow", "Action": action, "Resource": _resource(action, folder)}
        for folder, actions in rights.items()
        for action in actions
    ]
    harmless = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [harmless, *statements]}


def _resource(action: str, folder: str) -> list[str]:
    bucket = "arn:aws:s3:::bucket"
    if action == LISTS:
        return [bucket]
    # Of who deletes several, moto asks for the right to delete the bucket's own name.
    more = [bucket] if action == "s3:DeleteObject" else []
    return [f"{bucket}/{folder}/*", *more]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that checks rights; whoever asks has all of them for the first few requests."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("INITIAL_NO_AUTH_ACTION_COUNT", str(_PREPARATIONS))
    with serving(tmp_path) as (endpoint, _):
        yield endpoint


def code_with(policy: dict[str, Any], endpoint: str, folder: Path, monkeypatch: Any) -> int:
    """The exit code of a `make` by a user with these rights."""
    prepare(policy, endpoint, folder, monkeypatch)
    return make(*WHERE, "--endpoint", endpoint).code


WHERE = "s3://bucket/photos", "--output", "s3://bucket/thumbs"


def prepare(policy: dict[str, Any], endpoint: str, folder: Path, monkeypatch: Any) -> None:
    """Put a picture into a bucket, and become a user with some rights."""
    login = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
    s3, iam = (
        boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **login)
        for service in ("s3", "iam")
    )
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="photos/a.jpg", Body=picture(folder / "a.jpg").read_bytes())
    become(policy, iam, monkeypatch)


def become(policy: dict[str, Any], iam: Any, monkeypatch: Any) -> None:
    """Become a new user with some rights."""
    name = f"user-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="policy", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])


def test_they_are_enough(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_with(POLICY, server, tmp_path, monkeypatch) == 0


@pytest.mark.parametrize("statement", range(len(POLICY["Statement"])))
def test_each_is_needed(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    policy = copy.deepcopy(POLICY)
    del policy["Statement"][statement]
    assert code_with(policy, server, tmp_path, monkeypatch) != 0


def test_without_the_right_to_delete_what_is_outdated_stays(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = copy.deepcopy(POLICY)
    policy["Statement"][-1]["Action"].remove("s3:DeleteObject")
    assert code_with(policy, server, tmp_path, monkeypatch) == 0
    settled()
    begun = time.monotonic()
    assert make(*WHERE, "--endpoint", server, "--size", "64").statuses == {"a.jpg": "made"}
    assert time.monotonic() - begun < 60, "it is not asked again"


@pytest.mark.parametrize("command", ["status", "verify", "explain", "gallery", "prune", "clean"])
def test_those_of_each_command_are_enough_and_needed(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    prepare({"Version": "2012-10-17", "Statement": [everything]}, server, tmp_path, monkeypatch)
    login = {
        "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"],
    }
    s3, iam = (
        boto3.client(service, endpoint_url=server, region_name="us-east-1", **login)
        for service in ("s3", "iam")
    )
    data = s3.get_object(Bucket="bucket", Key="photos/a.jpg")["Body"].read()
    for name in ("b", "c", "gone"):
        s3.put_object(Bucket="bucket", Key=f"photos/{name}.jpg", Body=data)
    settled()
    make(*WHERE, "--endpoint", server)
    s3.delete_object(Bucket="bucket", Key="photos/gone.jpg")
    where = ["s3://bucket/photos/a.jpg", "--in", *WHERE] if command == "explain" else [*WHERE]
    words = command, *where, "--endpoint", server, *(["--yes"] if command == "clean" else [])

    def result(source: list[str], output: list[str]) -> tuple[int, str, str, bytes]:
        become(policy_of(source, output), iam, monkeypatch)
        run = thumbnailer(*words)
        page = b""
        with suppress(s3.exceptions.NoSuchKey):
            page = s3.get_object(Bucket="bucket", Key="thumbs/index.html")["Body"].read()
        s3.delete_object(Bucket="bucket", Key="thumbs/index.html")
        return run.code, re.sub(r"in [0-9.]+ s", "", run.out), run.err, page

    source, output = COMMANDS[command]
    with_less = {
        f"{right} in the source": result([one for one in source if one != right], output)
        for right in source
        if right != LISTS
    }
    for right in output:
        # One to list is one for the whole bucket.
        left = [one for one in source if one != right] if right == LISTS else source
        less = result(left, [one for one in output if one != right])
        with_less[f"{right} in the output"] = less
    whole = result(source, output)
    assert (whole[0], whole[2]) == (0, "")
    assert whole not in with_less.values(), with_less
