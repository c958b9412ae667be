"""The recipes for web servers and the like, run with the frameworks that they are for."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.pages import block
from support.pictures import picture

pytestmark = pytest.mark.extra

# Sends a picture and a text to a handler, and prints what comes back.
PROGRAMS = {
    "flask": """
client = app.test_client()
def send(name, content):
    answer = client.post("/avatar", data={"picture": (io.BytesIO(content), name)})
    return answer.status_code, answer.mimetype, answer.data
""",
    "django": """
from django.conf import settings
from django.test import RequestFactory
from django.core.files.uploadedfile import SimpleUploadedFile
settings.configure(DEFAULT_CHARSET="utf-8")
def send(name, content):
    upload = {"picture": SimpleUploadedFile(name, content)}
    answer = avatar(RequestFactory().post("/avatar", upload))
    return answer.status_code, answer["Content-Type"], answer.content
""",
    "fastapi": """
from fastapi.testclient import TestClient
client = TestClient(app)
def send(name, content):
    answer = client.post("/avatar", files={"picture": (name, content)})
    return answer.status_code, answer.headers["content-type"], answer.content
""",
}

SEND = """
import io
picture = open("a.jpg", "rb").read()
code, kind, content = send("a.jpg", picture)
assert (code, kind) == (200, "image/webp"), (code, kind, content)
open("answer.webp", "wb").write(content)
code, kind, content = send("a.jpg", b"text")
assert (code, kind) == (422, "application/json"), (code, kind, content)
print(content.decode().strip())
"""


def run(code: str, folder: Path) -> str:
    words = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=100)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


@pytest.mark.parametrize("framework", PROGRAMS)
def test_a_web_server_answers_an_upload_with_its_thumbnail(framework: str, tmp_path: Path) -> None:
    pytest.importorskip(framework)
    if framework == "fastapi":
        for name in ("httpx", "python_multipart"):
            pytest.importorskip(name)
    picture(tmp_path / "a.jpg", (640, 480))
    recipe = block(f"from {framework}").text
    assert "is text, no picture" in run(recipe + PROGRAMS[framework] + SEND, tmp_path)
    with Image.open(tmp_path / "answer.webp") as image:
        assert (image.format, image.size) == ("WEBP", (256, 192))


def test_a_task_of_celery_writes_the_thumbnails(tmp_path: Path) -> None:
    pytest.importorskip("celery")
    upload = picture(tmp_path / "a.jpg", (640, 480))
    code = f"print(make_avatars.apply(({upload.read_bytes()!r}, '.')).get())"
    assert run(f"{block('from celery').text}\n{code}", tmp_path) == "['small', 'large']\n"
    for name, size in (("small", (64, 48)), ("large", (512, 384))):
        with Image.open(tmp_path / f"{name}.webp") as image:
            assert (image.format, image.size) == ("WEBP", size)


def test_a_notebook_shows_the_thumbnail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    display = pytest.importorskip("IPython.display")
    picture(tmp_path / "a.jpg", (640, 480))
    shown: list[Any] = []
    monkeypatch.setattr(display, "display", shown.append)
    monkeypatch.chdir(tmp_path)
    exec(block("from IPython").text, {})
    with Image.open(io.BytesIO(shown[0].data)) as image:
        assert (image.format, image.size) == ("JPEG", (64, 48))
