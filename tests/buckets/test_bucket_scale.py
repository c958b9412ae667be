"""A run over a bucket with very many pictures takes no more memory than one over a few."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.project import TESTS
from support.s3_server import ENVIRONMENT, answers, free_port
from support.waiting import eventually

from thumbnailer import iter_thumbnails

pytest.importorskip("obstore", reason="the extra s3 is not installed")
pytest.importorskip("boto3", reason="the extra s3 is not installed")

# What is measured for a million keys is the same: see the help page `buckets`.
PICTURES = 200_000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_memory_does_not_grow_with_the_number_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port("127.0.0.1")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    server = subprocess.Popen(
        [sys.executable, TESTS / "support" / "endless_bucket.py", str(port), str(PICTURES)],
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: answers("127.0.0.1", port), 30)
        places = f"http://127.0.0.1:{port}", "s3://endless/photos", "s3://endless/thumbs"
        endpoint, source, output = places
        found, at_start = 0, 0.0
        for outcome in iter_thumbnails(source, output=output, endpoint=endpoint):
            assert outcome.status == "current"
            found += 1
            if found == 1000:
                at_start = _mebibytes()
        assert found >= PICTURES
        assert _mebibytes() - at_start < 25
    finally:
        server.kill()
        server.wait()


def _mebibytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
