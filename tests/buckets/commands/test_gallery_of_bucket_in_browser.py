"""The page of a gallery in a bucket, in Chromium, from where the bucket is a website."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest
from support.chromium import opened, until
from support.pictures import picture
from support.s3_server import Storage, settled, statuses

from thumbnailer import write_gallery

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("obstore", reason="the extra s3 is not installed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.extra,
    # Of a server's connections that the browser keeps open until it ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

EVIL = "<img src=x onerror=alert(1)>.jpg"
ODD = ["100% #1?.jpg", "a+b & c.jpg", EVIL]


@contextmanager
def website(storage: Storage, bucket: str, prefix: str = "") -> Iterator[str]:
    """A server of what is below a prefix, as a website's address or a network of caches has it."""
    reading = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/favicon.ico":  # which browsers ask for unasked
                self.send_response(204)
                self.end_headers()
                return
            try:
                with reading:
                    got = storage.client.get_object(Bucket=bucket, Key=self._key())
                    data = got["Body"].read()
            except storage.client.exceptions.NoSuchKey:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", got["ContentType"])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _key(self) -> str:
            path = unquote(self.path.partition("?")[0])
            return prefix + path[1:] + ("index.html" if path.endswith("/") else "")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def fill(storage: Storage, tmp_path: Path) -> None:
    """Pictures of many shapes and names, and one that fails."""
    for number in range(12):
        shape = [(600, 400), (400, 600), (500, 500)][number % 3]
        data = picture(tmp_path / f"{number}.jpg", shape).read_bytes()
        folder = ["", "2024/May in Rome/"][number % 2]
        storage.put(f"photos/{folder}IMG_{number}.jpg", data)
    data = picture(tmp_path / "x.jpg", (600, 400)).read_bytes()
    for name in ODD:
        storage.put(f"photos/ü ö/{name}", data)
    storage.put("photos/bad.jpg", b"some text")
    settled()


def written(source: str, output: str) -> None:
    statuses(source, output, size=["64", "256"])
    write_gallery(source, output=output, size=["64", "256"])


def test_it_shows_pictures_and_leads_to_them(
    browser: Browser, storage: Storage, tmp_path: Path
) -> None:
    fill(storage, tmp_path)
    written(f"{storage.url}/photos", f"{storage.url}/thumbs")
    with (
        website(storage, storage.name) as site,
        opened(browser, f"{site}/thumbs/index.html") as page,
    ):
        assert page.inner_text("#count").startswith("15 pictures")
        until(page, "document.querySelectorAll('.tile.there').length === 15")
        assert page.locator(".tile.broken").count() == 0
        page.click("#without summary")
        failed = page.locator("#without li a")
        assert failed.get_attribute("href") == "../photos/bad.jpg"
        page.fill("#search", "ö")
        until(page, "total === 3")
        for at in range(len(ODD)):
            page.locator(".tile a").nth(at).click()
            until(page, "picture.naturalWidth === 600")  # the original came
            assert page.is_visible("#original")
            page.keyboard.press("Escape")
        candidates = page.get_attribute(".tile img", "srcset") or ""
        assert [one.split()[-1] for one in candidates.split(", ")] == ["64w", "256w"]


def test_where_pictures_are_elsewhere_it_shows_thumbnails_only(
    browser: Browser, storage: Storage, tmp_path: Path
) -> None:
    """As behind a network of caches that has the folder of the thumbnails at its root."""
    fill(storage, tmp_path)
    storage.client.create_bucket(Bucket=f"{storage.name}-web")
    written(f"{storage.url}/photos", f"{storage.url}-web/thumbs")
    with (
        website(storage, f"{storage.name}-web", "thumbs/") as site,
        opened(browser, f"{site}/") as page,
    ):
        until(page, "document.querySelectorAll('.tile.there').length === 15")
        page.locator(".tile a").first.click()
        page.wait_for_selector("#box[open]")
        assert page.inner_text("#facts").startswith("600 \xd7 400 \xb7 ")
        assert not page.is_visible("#original")
        until(page, "picture.naturalWidth === 256")
        page.keyboard.press("Escape")
        page.click("#without summary")
        assert page.inner_text("#without li") == "bad.jpg: is text, no picture"
        assert page.locator("#without li a").count() == 0


def test_a_thumbnail_that_can_not_be_read_spoils_no_line(
    browser: Browser, storage: Storage, tmp_path: Path
) -> None:
    fill(storage, tmp_path)
    trees = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*trees)
    storage.put("thumbs/IMG_0.jpg", b"some text")
    write_gallery(trees[0], output=trees[1])
    with (
        website(storage, storage.name) as site,
        opened(browser, f"{site}/thumbs/index.html") as page,
    ):
        until(page, "document.querySelectorAll('.tile.there').length === 14")
        until(page, "document.querySelectorAll('.tile.broken').length === 1")
        boxes = page.evaluate(
            "[...document.querySelectorAll('.tile')].map((tile) => tile.getBoundingClientRect())"
            ".map(({width, height}) => width > 20 && height > 20 && width < 1000)"
        )
        assert all(boxes)
