"""The page of a gallery in Chromium, from the disk and from a server."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pytest
from PIL import ExifTags, Image, ImageColor, ImageStat
from support import thumbhash
from support.chromium import opened, until
from support.pictures import UPRIGHT, picture

from thumbnailer import make_thumbnails, write_gallery

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EVIL = "<img src=x onerror=alert(1)>.jpg"
HASH = "100% #1?.jpg"
LATIN = "caf\udce9.jpg"

pytestmark = [
    pytest.mark.slow,
    # Of a server's connections that the browser keeps open until it ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with pictures of many shapes and names, in two sizes, and some that failed."""
    root = tmp_path_factory.mktemp("site") / "photos"
    for number in range(120):
        shape = [(600, 400), (400, 600), (500, 500), (900, 300)][number % 4]
        exif = Image.Exif()
        taken = exif.get_ifd(ExifTags.IFD.Exif)
        taken[ExifTags.Base.DateTimeOriginal] = f"20{number % 20:02}:01:02 03:04:05"
        folder = ["", "2023", "2024/May in Rome"][number % 3]
        picture(root / folder / f"IMG_{number}.jpg", shape, exif=exif.tobytes())
    for name in (EVIL, HASH, LATIN):
        picture(root / "odd" / "x.jpg", (600, 400)).rename(root / "odd" / name)
    picture(root / "odd" / "clear.png", (600, 400), "RGBA")
    (root / "odd" / "broken.jpg").write_text("text")
    make_thumbnails(root, size=["128", "512"], format="auto")
    write_gallery(root, size=["128", "512"], format="auto")
    return root


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a web server for a folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/favicon.ico":  # which browsers ask for unasked
                self.send_response(204)
                self.end_headers()
            else:
                super().do_GET()

        def translate_path(self, path: str) -> str:  # its own knows no bytes but UTF-8
            return os.fsdecode(os.fsencode(folder) + unquote_to_bytes(path))

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(params=["file", "http"])
def url(request: pytest.FixtureRequest, photos: Path) -> Iterator[str]:
    if request.param == "file":
        yield (photos / "thumbs" / "index.html").as_uri()
        return
    with served(photos) as address:
        yield f"{address}/thumbs/index.html"


def names(page: Page) -> list[str]:
    """The pictures that are elements, in their order."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.tile img')].map((i) => i.alt)"
    )
    return found


def test_the_thumbnails_stand_in_lines_that_fill_the_width(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        assert page.inner_text("#count").startswith("124 pictures \xb7 ")
        boxes = page.evaluate(
            "[...document.querySelectorAll('section .tile')].map((tile) => {"
            " const {left, right, top, bottom} = tile.getBoundingClientRect();"
            " const {naturalWidth: w, naturalHeight: h} = tile.querySelector('img');"
            " return [left, right, top, bottom, w && w / h] })"
        )
        lines: dict[float, list[list[float]]] = {}
        for box in boxes:
            lines.setdefault(box[2], []).append(box)
        ends = [line[-1][1] for line in lines.values()]
        edge = page.evaluate("view.getBoundingClientRect().right")
        assert max(ends) <= edge + 0.5
        assert sum(end > edge - 1 for end in ends) > len(ends) / 2
        for line in lines.values():
            for one, other in pairwise(line):
                assert 3 <= other[0] - one[1] <= 5
        for left, right, top, bottom, shape in boxes:
            if shape:
                assert (right - left) / (bottom - top) == pytest.approx(shape, rel=0.05)


def test_a_blurred_picture_is_shown_until_the_thumbnail_is_there(
    browser: Browser, photos: Path
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.route(
        "**/*", lambda route: route.abort() if "/128/" in route.request.url else route.continue_()
    )
    page.goto((photos / "thumbs" / "index.html").as_uri())
    until(page, "document.querySelectorAll('.tile canvas').length > 20")
    for corner, colour in enumerate(UPRIGHT):
        found = page.evaluate(
            """corner => {
                const canvas = document.querySelector('.tile canvas');
                const [x, y] = [corner % 2, corner >> 1].map((one) => 0.25 + one / 2);
                const place = [x * canvas.width, y * canvas.height, 1, 1];
                return [...canvas.getContext('2d').getImageData(...place).data];
            }""",
            corner,
        )
        assert found == pytest.approx([*ImageColor.getrgb(colour), 255], abs=120)
    canvas, tile = (
        page.evaluate(f"JSON.stringify(document.querySelector('{one}').getBoundingClientRect())")
        for one in (".tile canvas", ".tile")
    )
    assert canvas == tile, "it fills the place of the picture"
    page.unroute("**/*")
    page.reload()
    until(page, "document.querySelector('.tile.there')")
    until(page, "getComputedStyle(document.querySelector('.tile.there canvas')).opacity === '0'")
    page.close()


def test_a_blurred_picture_is_painted_as_it_is_defined(browser: Browser, photos: Path) -> None:
    page = browser.new_page()
    page.goto((photos / "thumbs" / "index.html").as_uri())
    hashes = page.evaluate(
        "folders.flatMap(({rows}) => rows.map((row) => row[PLACEHOLDER])).slice(-9)"
    )
    for text in hashes:
        width, height, data = page.evaluate(
            """text => {
                const {width, height} = placeholderCanvas(text);
                const context = placeholderCanvas(text).getContext('2d');
                return [width, height, [...context.getImageData(0, 0, width, height).data]];
            }""",
            text,
        )
        right = thumbhash.shown(text, (width, height))
        painted = Image.frombytes("RGBA", (width, height), bytes(data))
        # What is transparent has no colour in a canvas.
        grey = Image.new("RGBA", (width, height), "grey")
        both = [Image.alpha_composite(grey, one).tobytes() for one in (painted, right)]
        assert max(abs(one - other) for one, other in zip(*both, strict=True)) <= 2
    page.close()


def test_only_what_is_near_is_there_and_headings_stay_in_sight(browser: Browser, url: str) -> None:
    with opened(browser, url, width=500) as page:
        assert 0 < len(names(page)) < 60
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        until(page, "document.querySelector('.tile img[alt=\"clear.png\"]')")
        assert "IMG_0.jpg" not in names(page)
        page.evaluate("scrollTo(0, view.offsetTop + sections[1].top + 400)")
        page.wait_for_timeout(200)
        heading = page.evaluate(
            "document.elementFromPoint(40, document.querySelector('#bar').offsetHeight + 20)"
            ".closest('h2').textContent"
        )
        assert heading.startswith("2023")


def test_search_and_order(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        assert names(page)[:4] == ["IMG_0.jpg", "IMG_3.jpg", "IMG_6.jpg", "IMG_9.jpg"]
        page.fill("#search", "img_11 rome")
        until(page, "total === 5")
        assert names(page) == [f"IMG_{number}.jpg" for number in (11, 110, 113, 116, 119)]
        page.fill("#search", "img_")
        until(page, "total === 120")
        page.select_option("#sort", "newest")
        dates = page.evaluate("sections[0].rows.map((row) => row[TAKEN])")
        assert dates == sorted(dates, reverse=True)
        page.select_option("#sort", "largest")
        sizes = page.evaluate("sections[0].rows.map((row) => row[BYTES])")
        assert sizes == sorted(sizes, reverse=True)
        page.fill("#search", "no such name")
        page.wait_for_selector("#nothing:visible")
        assert names(page) == []


def test_folders_and_the_way_back(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.click("#folders a:has-text('2024')")
        until(page, "total === 40")
        page.click("#folders a:has-text('May in Rome')")
        until(page, "document.title === 'May in Rome \u2013 photos'")
        assert page.inner_text("#crumbs").split("/") == ["photos", "2024", "May in Rome"]
        page.reload()
        assert page.evaluate("total") == 40
        page.click("#crumbs a:has-text('photos')")
        until(page, "total === 124")


def test_density_changes_the_height_and_keeps_the_place(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        height = "document.querySelector('.tile').offsetHeight"
        before = page.evaluate(height)
        page.evaluate("scrollTo(0, 900)")
        page.wait_for_timeout(200)
        middle = "document.elementFromPoint(200, 300).closest('.tile').querySelector('img').alt"
        first = page.evaluate(middle)
        page.locator("#density").fill("100")
        page.wait_for_timeout(300)
        assert page.evaluate(height) < before * 0.8
        assert first in names(page)


def test_the_lightbox_by_keyboard(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.locator(".tile a").nth(1).focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#box[open]")
        assert page.inner_text("#name") == "IMG_3.jpg"
        assert "900 \xd7 300 \xb7 " in page.inner_text("#facts")
        assert "2003" in page.inner_text("#facts")
        until(page, "picture.naturalWidth === 900")  # the original came
        assert page.get_attribute("#picture", "alt") == "IMG_3.jpg"
        for key, name in [("ArrowRight", "IMG_6.jpg"), ("ArrowLeft", "IMG_3.jpg")]:
            page.keyboard.press(key)
            assert page.inner_text("#name") == name
        page.keyboard.press("End")
        assert page.is_disabled("#next")
        last = page.inner_text("#name")
        page.keyboard.press("Escape")
        page.wait_for_selector("#box:not([open])", state="attached")
        # The focus is where the reader is now, though that was far away.
        assert page.evaluate("document.activeElement.querySelector('img').alt") == last
        page.keyboard.press("Home")
        assert page.evaluate("document.activeElement.querySelector('img').alt") == "IMG_0.jpg"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        assert page.evaluate("document.activeElement.querySelector('img').alt") == "IMG_3.jpg"


def test_the_lightbox_by_mouse(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.locator(".tile a").first.click()
        page.click("#next")
        assert page.inner_text("#name") == "IMG_3.jpg"
        assert page.get_attribute("#original", "href") == "../IMG_3.jpg"
        page.click("#close")
        page.wait_for_selector("#box:not([open])", state="attached")
        page.locator(".tile a").first.click()
        page.mouse.click(5, 200)  # beside the picture
        page.wait_for_selector("#box:not([open])", state="attached")


KEYS = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", " ", "Shift+ ", "End", "Home"]


def shown_name(page: Page) -> str:
    until(page, "box.open")
    return page.inner_text("#name")


@pytest.mark.parametrize("start", ["first", "last", "clicked", "nowhere", "on a button"])
def test_keys_lead_on_wherever_the_focus_is(browser: Browser, url: str, start: str) -> None:
    """From the first opening on, at both ends, and after a button has lost its use."""
    with opened(browser, url) as page:
        order = page.evaluate("sections.flatMap(({rows}) => rows.map((row) => row[NAME]))")
        page.locator(".tile a").first.click()
        assert shown_name(page) == order[0]
        if start == "last":
            page.keyboard.press("End")
        elif start == "clicked":  # to the start by the mouse: the button ends where it is of no use
            page.click("#next")
            page.click("#back")
            page.click("#back", force=True)
        elif start == "nowhere":
            page.evaluate("document.activeElement.blur()")
        elif start == "on a button":
            page.locator("#close").focus()
        at = len(order) - 1 if start == "last" else 0
        for key in KEYS * 2:
            if key.endswith(" ") and start in ("clicked", "on a button"):
                continue  # which it presses
            by = {"ArrowLeft": -1, "ArrowUp": -1, "Shift+ ": -1, "Home": -1000, "End": 1000}
            at = min(max(at + by.get(key, 1), 0), len(order) - 1)
            page.keyboard.press(key.replace(" ", "Space"))
            assert shown_name(page) == order[at], key
        page.keyboard.press("Escape")
        until(page, "!box.open")


def test_the_way_back_closes_a_picture_and_stays_where_the_reader_is(
    browser: Browser, url: str
) -> None:
    with opened(browser, url, width=500) as page:
        address = page.url
        for close in ("back", "Escape", "button", "back"):
            page.locator(".tile a").first.click()
            until(page, "box.open")
            page.keyboard.press("End")
            last = shown_name(page)
            if close == "back":
                page.go_back()
            elif close == "Escape":
                page.keyboard.press("Escape")
            else:
                page.click("#close")
            until(page, "!box.open && !history.state")
            page.wait_for_timeout(100)
            assert page.url == address
            assert page.evaluate("document.activeElement.querySelector('img').alt") == last
            assert page.evaluate("scrollY") > 500
            page.keyboard.press("Home")
        page.go_back()  # no entry is left over
        assert page.url == "about:blank"
        page.goto(url)
        page.wait_for_selector(".tile.there")


def test_f_fills_the_screen_with_the_picture(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.locator(".tile a").first.click()
        until(page, "box.open")
        page.keyboard.press("f")
        until(page, "document.fullscreenElement === figure")
        before = shown_name(page)
        page.keyboard.press("ArrowRight")
        assert shown_name(page) != before
        page.keyboard.press("F")
        until(page, "!document.fullscreenElement")
        assert page.evaluate("box.open")
        page.keyboard.press("f")
        until(page, "document.fullscreenElement === figure")
        page.evaluate("box.close()")
        until(page, "!document.fullscreenElement && !box.open")


def test_fingers_swipe_to_the_next_and_pinch_to_look_closer(browser: Browser, url: str) -> None:
    phone = {"width": 400, "has_touch": True, "is_mobile": True}
    with opened(browser, url, **phone) as page:
        hand = page.context.new_cdp_session(page)

        def touch(*points: tuple[float, float]) -> None:
            kind = "touchMove" if points else "touchEnd"
            where = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
            hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})

        def swipe(start: float, end: float) -> None:
            first = {"type": "touchStart", "touchPoints": [{"x": start, "y": 300}]}
            hand.send("Input.dispatchTouchEvent", first)
            for part in range(1, 6):
                touch((start + (end - start) * part / 5, 300 + part))
            touch()

        page.locator(".tile a").first.tap()
        first = shown_name(page)
        swipe(300, 100)
        second = shown_name(page)
        assert second != first
        swipe(100, 300)
        assert shown_name(page) == first
        swipe(200, 160)  # a finger that trembles
        assert shown_name(page) == first
        pinch = {"x": 200, "y": 300, "scaleFactor": 2.5, "relativeSpeed": 2000}
        hand.send("Input.synthesizePinchGesture", pinch)
        assert page.evaluate("visualViewport.scale") > 1.5
        assert shown_name(page) == first
        left = page.evaluate("visualViewport.pageLeft")
        swipe(300, 100)  # moves what is seen
        assert shown_name(page) == first
        until(page, f"visualViewport.pageLeft > {left} + 20")


def test_pictures_of_another_place_are_shown(browser: Browser, tmp_path: Path) -> None:
    """As of a site that is copied to elsewhere than they are."""
    picture(tmp_path / "photos" / "sub" / "a b.jpg", (900, 300))
    site = tmp_path / "site"
    make_thumbnails(tmp_path / "photos", output=site)
    with served(tmp_path / "photos") as pictures, served(site) as pages:
        write_gallery(tmp_path / "photos", link_prefix=pictures, output=site)
        with opened(browser, f"{pages}/index.html") as page:
            page.locator(".tile a").first.click()
            until(page, "picture.naturalWidth === 900")
            original = page.get_attribute("#original", "href")
            assert original == f"{pictures}/sub/a%20b.jpg"
        write_gallery(tmp_path / "photos", link_prefix="", output=site)
        with opened(browser, f"{pages}/index.html") as page:
            page.locator(".tile a").first.click()
            until(page, "box.open")
            assert page.locator("#original").is_hidden()


def test_failures_are_shown_with_their_reasons(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        assert page.inner_text("#without summary") == "1 failed"
        page.click("#without summary")
        assert page.inner_text("#without li") == "odd/broken.jpg: is text, no picture"


def test_odd_names_are_text_and_lead_to_their_files(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.fill("#search", "odd/")
        until(page, "document.querySelectorAll('.tile.there').length === 4")
        assert {EVIL, HASH} < {*names(page)}
        for at in range(4):
            page.locator(".tile a").nth(at).click()
            until(page, "picture.naturalWidth === 600")
            page.keyboard.press("Escape")
        assert page.locator("img[src=x]").count() == 0


def test_the_browser_chooses_among_sizes(browser: Browser, url: str) -> None:
    chosen = "document.querySelector('.tile.there img').currentSrc"
    with opened(browser, url, device_scale_factor=1) as page:
        candidates = page.get_attribute(".tile img", "srcset") or ""
        assert [one.split()[1] for one in candidates.split(", ")] == ["128w", "512w"]
    with opened(browser, url, device_scale_factor=3) as page:
        assert "/512/" in page.evaluate(chosen)


def test_a_phone_has_no_sideways_scroll(browser: Browser, url: str) -> None:
    with opened(browser, url, width=390, is_mobile=True, has_touch=True) as page:
        overflow = "document.documentElement.scrollWidth - screen.width"
        assert page.evaluate(overflow) == 0
        page.locator(".tile a").first.tap()
        page.wait_for_selector("#box[open]")
        assert page.evaluate(overflow) == 0
        assert page.locator("#close").bounding_box()["width"] >= 44  # type: ignore[index]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system(browser: Browser, url: str, scheme: Any) -> None:
    with opened(browser, url, color_scheme=scheme) as page:
        shot = page.screenshot(clip={"x": 0, "y": 60, "width": 1280, "height": 8})
        mean = ImageStat.Stat(Image.open(io.BytesIO(shot)).convert("L")).mean[0]
        assert mean > 240 if scheme == "light" else mean < 40


def test_less_motion_where_that_is_wished(browser: Browser, url: str) -> None:
    lasts = "getComputedStyle(document.querySelector('.tile img')).transitionDuration"
    with opened(browser, url) as page:
        assert page.evaluate(lasts) == "0.18s"
    with opened(browser, url, reduced_motion="reduce") as page:
        assert page.evaluate(lasts) == "0s"


def test_on_paper_it_is_a_contact_sheet(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert page.locator("#sheet img").count() == 124
        assert not page.is_visible("#controls")
        until(page, "[...document.querySelectorAll('#sheet img')].every((i) => i.complete)")
        assert page.inner_text("#sheet h2 >> nth=2") == "photos / 2024 / May in Rome"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("#sheet img").count() == 0
        assert page.pdf().startswith(b"%PDF")


def test_what_a_screen_reader_is_told(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        page.get_by_role("searchbox", name="Search by name").wait_for()
        page.get_by_role("slider", name="Size of the thumbnails").wait_for()
        page.get_by_role("combobox", name="Order").wait_for()
        page.get_by_role("navigation", name="Folders").wait_for()
        page.get_by_role("link", name="IMG_0.jpg", exact=True).wait_for()
        page.get_by_role("heading", name="photos").first.wait_for()
        item = page.locator(".tile").first
        told = [item.get_attribute(name) for name in ("aria-posinset", "aria-setsize", "role")]
        assert told == ["1", "124", "listitem"]
        page.locator(".tile a").first.click()
        page.get_by_role("dialog", name="Picture 1 of 124").wait_for()
        spoken = page.locator("figcaption[aria-live=polite][aria-atomic=true]")
        assert spoken.inner_text().startswith("IMG_0.jpg 1 of 124")
        page.keyboard.press("ArrowRight")
        assert spoken.inner_text().startswith("IMG_3.jpg 2 of 124")
        for name in ("Next picture", "Close"):
            page.get_by_role("button", name=name).wait_for()
