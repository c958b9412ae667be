"""The servers that tests put in the place of others answer as those do."""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import NamedTuple
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import pytest
from support.flaky_proxy import Target, interfering
from support.gs_server import Google
from support.http_server import running

pytestmark = pytest.mark.slow


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    data: bytes

    def texts(self, name: str) -> list[str]:
        """What is in all elements of a name."""
        root = ElementTree.fromstring(self.data)
        return [found.text or "" for found in root.iter() if found.tag.rpartition("}")[2] == name]


class Client:
    def __init__(self, endpoint: str) -> None:
        self.host = endpoint.removeprefix("http://")

    def ask(self, method: str, target: str, data: bytes = b"", **headers: str) -> Answer:
        """Send a request; `_` in the name of a header stands for `-`."""
        names = {name.replace("_", "-"): text for name, text in headers.items()}
        with closing(http.client.HTTPConnection(self.host)) as connection:
            connection.request(method, target, data, names)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def listing(self, **query: str) -> Answer:
        return self.ask("GET", f"/bucket?{urlencode({'list-type': '2'} | query)}")


@pytest.fixture
def google() -> Google:
    google = Google()
    google.buckets["bucket"] = {}
    return google


@pytest.fixture
def client(google: Google) -> Iterator[Client]:
    with running(google.answer) as endpoint:
        yield Client(endpoint)


def test_an_object_of_google_s(client: Client) -> None:
    stored = {"Content_Type": "image/png", "x_goog_meta_made": "today"}
    put = client.ask("PUT", "/bucket/a%2Fb%20c.png", b"0123456789", **stored)
    got = client.ask("GET", "/bucket/a/b%20c.png")
    head = client.ask("HEAD", "/bucket/a%2Fb%20c.png")
    assert (put.status, got.status, head.status) == (200, 200, 200)
    assert (got.data, head.data) == (b"0123456789", b"")
    assert head.headers["Content-Length"] == "10"
    assert head.headers["content-type"] == "image/png"
    assert head.headers["x-goog-meta-made"] == "today"
    for name in ("ETag", "x-goog-generation"):
        assert put.headers[name] == got.headers[name] == head.headers[name]
    assert client.ask("DELETE", "/bucket/a%2Fb%20c.png").status == 204
    for method in ("GET", "DELETE"):
        missing = client.ask(method, "/bucket/a%2Fb%20c.png")
        assert (missing.status, missing.texts("Code")) == (404, ["NoSuchKey"])
    assert client.ask("GET", "/nowhere/a").texts("Code") == ["NoSuchBucket"]


@pytest.mark.parametrize(
    ("wanted", "status", "data"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=10-", 416, None),
    ],
)
def test_a_range_of_an_object(client: Client, wanted: str, status: int, data: bytes | None) -> None:
    client.ask("PUT", "/bucket/a", b"0123456789")
    answer = client.ask("GET", "/bucket/a", Range=wanted)
    assert answer.status == status
    assert data in (None, answer.data)


def test_conditions_of_google_s_are_generations(client: Client) -> None:
    def put(generation: str) -> Answer:
        return client.ask("PUT", "/bucket/a", b"same", x_goog_if_generation_match=generation)

    first = put("0")
    assert first.status == 200
    assert (put("0").status, put("0").texts("Code")) == (412, ["PreconditionFailed"])
    second = put(first.headers["x-goog-generation"])
    assert second.status == 200
    assert second.headers["ETag"] == first.headers["ETag"]
    assert put(first.headers["x-goog-generation"]).status == 412


def test_listings_of_google_s(client: Client, google: Google) -> None:
    for key in ("b/1", "a", "b/2", "c/3", "ä", "b!"):
        client.ask("PUT", f"/bucket/{quote(key)}")
    assert client.listing().texts("Key") == ["a", "b!", "b/1", "b/2", "c/3", "ä"]
    assert client.listing(prefix="b/").texts("Key") == ["b/1", "b/2"]
    assert client.listing(**{"start-after": "b/1"}).texts("Key") == ["b/2", "c/3", "ä"]
    pages: list[tuple[list[str], list[str]]] = []
    token = ""
    while not pages or token:
        more = {"continuation-token": token} if token else {}
        page = client.listing(delimiter="/", **{"max-keys": "2"}, **more)
        pages.append((page.texts("Key"), page.texts("Prefix")[1:]))
        token = "".join(page.texts("NextContinuationToken"))
        assert page.texts("IsTruncated") == [str(bool(token)).lower()]
    assert pages == [(["a", "b!"], []), ([], ["b/", "c/"]), (["ä"], [])]
    assert google.requests == {"PUT": 6, "LIST": 6}


@pytest.mark.parametrize(
    ("mood", "status", "code"),
    [
        ("busy", 503, "SlowDown"),
        ("denied", 403, "SignatureDoesNotMatch"),
        ("301", 301, "PermanentRedirect"),
        ("expired", 400, "ExpiredToken"),
        ("archived", 403, "InvalidObjectState"),
    ],
)
def test_a_server_in_a_mood(client: Client, mood: str, status: int, code: str) -> None:
    count = Counter[str]()
    with interfering(f"http://{client.host}", lambda *_: mood, count=count) as endpoint:
        answer = Client(endpoint).ask("GET", "/bucket/a")
        head = Client(endpoint).ask("HEAD", "/bucket/.thumbnailer")
    assert (answer.status, answer.texts("Code")) == (status, [code])
    assert (head.status, head.data) == (status, b"")
    is_redirect = status == 301
    assert (
        ("x-amz-bucket-region" in answer.headers) == bool(answer.texts("Endpoint")) == is_redirect
    )
    assert "Location" not in answer.headers
    assert count == {"GET": 1, "HEAD mark": 1}


def test_a_server_that_resets_connections(client: Client) -> None:
    with interfering(f"http://{client.host}", lambda *_: "reset") as endpoint:
        with pytest.raises(ConnectionResetError):
            Client(endpoint).ask("PUT", "/bucket/a")
        with pytest.raises(ConnectionResetError):
            Client(endpoint).ask("GET", "/bucket/a")


def test_a_server_without_conditions(client: Client) -> None:
    with interfering(f"http://{client.host}", lambda *_: "501") as endpoint:
        proxy = Client(endpoint)
        for refused in (
            proxy.ask("PUT", "/bucket/a", If_None_Match="*"),
            proxy.ask("PUT", "/bucket/a", If_Match='"a"'),
        ):
            assert (refused.status, refused.texts("Code")) == (501, ["NotImplemented"])
        assert proxy.ask("PUT", "/bucket/a").status == 200
        assert proxy.ask("GET", "/bucket/a", If_None_Match='"a"').status == 200


def test_a_mood_may_see_headers(client: Client) -> None:
    def mood(method: str, target: Target) -> str:
        return "busy" if target.headers.get("Range") else ""

    client.ask("PUT", "/bucket/a", b"0123456789")
    with interfering(f"http://{client.host}", mood) as endpoint:
        proxy = Client(endpoint)
        assert proxy.ask("GET", "/bucket/a").status == 200
        assert proxy.ask("GET", "/bucket/a", Range="bytes=0-1").status == 503
