"""How buckets are reached: by the variables and files that the services' own tools read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support import az_server
from support.certificates import new_authority
from support.cloud import NewBucket
from support.flaky_proxy import Target, interfering
from support.pictures import tree
from support.program import make
from support.s3_server import KEY_ID, SECRET, Storage, photos_in, statuses

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.extra]


class Heard(list[tuple[str, Mapping[str, str]]]):
    """What a server between has heard: method and headers of each request."""

    def __call__(self, method: str, target: Target) -> str:
        self.append((method, {name.lower(): value for name, value in target.headers.items()}))
        return ""


def test_certificates_of_a_private_authority_are_trusted_where_they_are_named(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="no certificates can be made")
    photos_in(storage, tmp_path, "photos/a.jpg")
    bundle, tls = new_authority(tmp_path)
    for variable in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(variable, raising=False)
    source, output = f"{storage.url}/photos", f"{storage.url}/thumbs"
    with interfering(storage.endpoint, lambda *_: "", tls=tls) as endpoint:
        run = make(source, "--output", output, "--endpoint", endpoint)
        assert run.code == 1
        assert "the certificate of the server is not trusted" in run.err
        for number, variable in enumerate(("AWS_CA_BUNDLE", "SSL_CERT_FILE")):
            with monkeypatch.context() as context:
                context.setenv(variable, str(bundle))
                made = statuses(source, f"{output}{number}", endpoint=endpoint)
                assert made == {"a.jpg": "made"}
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "nothing.pem"))
    run = make(source, "--output", output)
    assert (run.code, run.err.count("\n")) == (2, 1)
    assert "nothing.pem: this file of certificates can't be read" in run.err
    (tmp_path / "notes.txt").write_text("nothing of that kind")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "notes.txt"))
    run = make(source, "--output", output)
    assert (run.code, run.err.count("\n")) == (2, 1)
    assert "notes.txt: this file holds no certificates" in run.err


def test_a_profile_says_where_the_service_is(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    config, heard = tmp_path / "config", Heard()
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with interfering(storage.endpoint, heard) as endpoint:
        config.write_text(
            f"[profile plain]\nregion = eu-north-1\nendpoint_url = {endpoint}\n"
            f"[profile named]\nregion = eu-north-1\nservices = local\n"
            f"[services local]\ns3 =\n  endpoint_url = {endpoint}\n"
        )
        for number, profile in enumerate(("plain", "named")):
            monkeypatch.setenv("AWS_PROFILE", profile)
            where = f"{storage.url}/photos", f"{storage.url}/thumbs{number}"
            assert statuses(*where) == {"a.jpg": "made"}
        assert {region(headers) for _, headers in heard} == {"eu-north-1"}
        heard.clear()
        monkeypatch.setenv("AWS_REGION", "eu-south-2")  # the environment is asked first
        assert statuses(f"{storage.url}/photos", f"{storage.url}/t") == {"a.jpg": "made"}
        assert {region(headers) for _, headers in heard} == {"eu-south-2"}


def region(headers: Mapping[str, str]) -> str:
    """The region for which a request was signed."""
    return headers["authorization"].split("/")[2]


def test_a_profile_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: Storage
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    run = make(storage.url, "--output", tmp_path / "t")
    assert (run.code, run.err.count("\n")) == (2, 1)
    assert "there is no profile 'nobody', which AWS_PROFILE names" in run.err


def test_without_credentials_it_is_said_which_there_could_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: Storage
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    run = make(storage.url, "--output", tmp_path / "t")
    assert (run.code, run.err.count("\n")) == (2, 1)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SKIP_SIGNATURE"):
        assert variable in run.err


@pytest.mark.parametrize("variable", ["AWS_SKIP_SIGNATURE", "AWS_NO_SIGN_REQUEST"])
def test_a_public_bucket_needs_no_credentials(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    storage.client.put_object_acl(Bucket=storage.name, Key="photos/a.jpg", ACL="public-read")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv(variable, "true")
    heard = Heard()
    with interfering(storage.endpoint, heard) as endpoint:
        made = statuses(f"{storage.url}/photos", tmp_path / "thumbs", endpoint=endpoint)
    assert made == {"a.jpg": "made"}
    assert [method for method, headers in heard if "authorization" in headers] == []


def test_whoever_asks_pays_if_he_says_so(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    heard = Heard()
    with interfering(storage.endpoint, heard) as endpoint:
        where = f"{storage.url}/photos", f"{storage.url}/thumbs"
        assert statuses(*where, endpoint=endpoint) == {"a.jpg": "made"}
    assert {headers.get("x-amz-request-payer") for _, headers in heard} == {"requester"}


def test_the_role_of_a_virtual_machine_is_found(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", storage.endpoint)
    heard = Heard()
    with interfering(storage.endpoint, heard) as endpoint:
        where = f"{storage.url}/photos", f"{storage.url}/thumbs"
        assert statuses(*where, endpoint=endpoint) == {"a.jpg": "made"}
    assert all(headers.get("x-amz-security-token") for _, headers in heard)


def test_a_change_of_the_environment_counts_at_once(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that goes on may get other credentials."""
    photos_in(storage, tmp_path, "photos/a.jpg")
    heard = Heard()
    with interfering(storage.endpoint, heard) as endpoint:
        for key in (KEY_ID, "AKIAANOTHEROFTHETEST"):
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
            heard.clear()
            statuses(f"{storage.url}/photos", tmp_path / key, endpoint=endpoint)
            assert {headers["authorization"].count(key) for _, headers in heard} == {1}


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewBucket]:
    if reason := az_server.hindrance():
        pytest.skip(reason)
    with az_server.serving(tmp_path_factory.mktemp("azurite")) as new_bucket:
        yield new_bucket


@pytest.mark.parametrize("way", ["connection string", "names of the command line", "endpoint"])
def test_azure_is_found_by_the_variables_of_its_own_tools(
    azurite: NewBucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    cloud = azurite(f"tests-{way.replace(' ', '-')}")
    photos_in(cloud, tmp_path, "photos/a.jpg")
    account, key, endpoint = az_server.ACCOUNT, az_server.KEY, cloud.endpoint
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    environment = {
        "connection string": {
            "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;"
            f"AccountName={account};AccountKey={key};BlobEndpoint={endpoint};"
        },
        "names of the command line": {
            "AZURE_STORAGE_ACCOUNT": account,
            "AZURE_STORAGE_KEY": key,
            "AZURE_STORAGE_SERVICE_ENDPOINT": endpoint,
        },
        "endpoint": {
            "AZURE_STORAGE_ACCOUNT_NAME": account,
            "AZURE_STORAGE_ACCOUNT_KEY": key,
            "AZURE_STORAGE_ENDPOINT": endpoint,
        },
    }[way]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert statuses(f"{cloud.url}/photos", f"{cloud.url}/thumbs") == {"a.jpg": "made"}


def test_azure_needs_an_account(tmp_path: Path) -> None:
    run = make("az://photos", "--output", tmp_path / "t")
    assert (run.code, run.err.count("\n")) == (2, 1)
    assert "set AZURE_STORAGE_ACCOUNT_NAME, or AZURE_STORAGE_CONNECTION_STRING" in run.err


def test_a_connection_string_that_is_none_is_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", SECRET)
    tree(tmp_path, "a.jpg")
    run = make(tmp_path, "--output", "az://photos/t", "--json")
    assert run.code == 2
    assert "AZURE_STORAGE_CONNECTION_STRING is no connection string" in run.err
    assert SECRET not in run.err + json.dumps(run.out)
