"""What a folder for each picture costs in a bucket, beside one folder for all:

    python -m tests.bench buckets [--pictures 600] [--milliseconds 0,20,200] [--rounds 3]

The server is SeaweedFS on this machine, behind one that answers each request so much later. At each
delay, and for each shape in turn: all thumbnails are made, then there is nothing to do, then the
size is another one, then there is nothing to do again. Seconds are medians of whole commands.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from support import weed_server
from support.cloud import Cloud
from support.pictures import noise
from support.project import TESTS
from support.s3_server import answers, free_port
from support.waiting import eventually

from .contestants import MAKE
from .machine import machine, words
from .tables import markdown

_STEPS = {
    "make all": [],
    "nothing to do": [],
    "another size": ["--size", "64"],
    "nothing to do, still": ["--size", "64"],
}
_SHAPES = {"one folder": "flat/{}.jpg", "a folder each": "deep/{}/photo.jpg"}


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench buckets")
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--milliseconds", default="0,20,200")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(argv)
    if reason := weed_server.hindrance():
        raise SystemExit(reason)
    print(words(machine()))
    with tempfile.TemporaryDirectory() as folder, weed_server.serving(Path(folder)) as new_bucket:
        bucket = new_bucket("pictures")
        os.environ.update(bucket.environment)
        _fill(bucket, arguments.pictures)
        heads = ("ms a request", "step", *_SHAPES, "ratio", "requests", "requests, a folder each")
        rows = _rows(bucket, [*map(float, arguments.milliseconds.split(","))], arguments.rounds)
        print(f"\n{markdown([heads, *rows])}")


def _fill(bucket: Cloud, pictures: int) -> None:
    data = io.BytesIO()
    noise((320, 240), 40).convert("RGB").save(data, "jpeg")
    for number in range(pictures):
        for shape in _SHAPES.values():
            bucket.put(shape.format(f"{number:06}"), data.getvalue())


def _rows(bucket: Cloud, delays: Sequence[float], rounds: int) -> Iterator[tuple[str, ...]]:
    for milliseconds in delays:
        seconds = defaultdict[tuple[str, str], list[float]](list)
        requests = dict[tuple[str, str], str]()
        with _later(bucket.endpoint, milliseconds) as endpoint:
            for number in range(rounds):
                for shape, key in _SHAPES.items():
                    source = f"{bucket.url}/{key.partition('/')[0]}"
                    output = f"{source}-{milliseconds:g}-{number}"
                    for step, options in _STEPS.items():
                        _count(endpoint)
                        started = time.perf_counter()
                        where = [source, "--output", output, "--endpoint", endpoint]
                        subprocess.run([*MAKE, *where, *options], check=True, capture_output=True)
                        seconds[shape, step].append(time.perf_counter() - started)
                        requests[shape, step] = _count(endpoint)
        for step in _STEPS:
            flat, deep = (median(seconds[shape, step]) for shape in _SHAPES)
            cells = f"{flat:.2f} s", f"{deep:.2f} s", f"{deep / flat:.2f}"
            asked = (requests[shape, step] for shape in _SHAPES)
            yield f"{milliseconds:g}", step, *cells, *asked


@contextmanager
def _later(endpoint: str, milliseconds: float) -> Iterator[str]:
    port = free_port("127.0.0.1")
    upstream = endpoint.rpartition(":")[2]
    program = str(TESTS / "support" / "delaying_proxy.py")
    command = [sys.executable, program, str(port), upstream, str(milliseconds)]
    proxy = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(TESTS)})
    try:
        eventually(lambda: answers("127.0.0.1", port), 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        proxy.kill()
        proxy.wait()


def _count(endpoint: str) -> str:
    with urllib.request.urlopen(f"{endpoint}/count") as answer:
        count = json.load(answer)
    return ", ".join(f"{number} {kind}" for kind, number in sorted(count.items()))
