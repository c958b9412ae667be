"""The least rights that the page names are enough, and none of them can be left out."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.pages import block
from support.pictures import picture
from support.program import make
from support.s3_server import ENVIRONMENT, KEY_ID, SECRET, serving

pytest.importorskip("obstore", reason="the extra s3 is not installed")
boto3 = pytest.importorskip("boto3", reason="the extra s3 is not installed")
pytest.importorskip("moto.server", reason="moto with Flask is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.extra]

# What is asked of the server before it begins to check rights.
_PREPARATIONS = 5

POLICY: dict[str, Any] = json.loads(block('{"Version"').text)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that checks rights; whoever asks has all of them for the first few requests."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("INITIAL_NO_AUTH_ACTION_COUNT", str(_PREPARATIONS))
    with serving(tmp_path) as (endpoint, _):
        yield endpoint


def code_with(policy: dict[str, Any], endpoint: str, folder: Path, monkeypatch: Any) -> int:
    """The exit code of a run by a user with these rights."""
    login = {"aws_access_key_id": KEY_ID, "aws_secret_access_key": SECRET}
    s3, iam = (
        boto3.client(service, endpoint_url=endpoint, region_name="us-east-1", **login)
        for service in ("s3", "iam")
    )
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="photos/a.jpg", Body=picture(folder / "a.jpg").read_bytes())
    iam.create_user(UserName="user")
    iam.put_user_policy(UserName="user", PolicyName="policy", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="user")["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    where = "s3://bucket/photos", "--output", "s3://bucket/thumbs", "--endpoint", endpoint
    return make(*where).code


def test_they_are_enough(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_with(POLICY, server, tmp_path, monkeypatch) == 0


@pytest.mark.parametrize("statement", range(len(POLICY["Statement"])))
def test_each_is_needed(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    policy = copy.deepcopy(POLICY)
    del policy["Statement"][statement]
    assert code_with(policy, server, tmp_path, monkeypatch) != 0
