"""What a thumbnail of an upload costs: here, in a confined worker, and by hand with Pillow.

    python -m tests.bench.uploads [ROUNDS]

By hand is what most programs do: `Image.open`, `thumbnail`, `save`, without orientation, colours
or limits. Ways take turns, and each row has the median of its ratios to the one by hand, for one
call after another and for eight threads that call at once.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PIL import Image
from support.pictures import noise

from thumbnailer import Thumbnailer, make_thumbnail

_SIZE = 256
_THREADS, _CALLS = 8, 32

Make = Callable[[bytes], bytes]


def by_hand(content: bytes) -> bytes:
    """A thumbnail as most programs make it."""
    image = Image.open(io.BytesIO(content))
    image.thumbnail((_SIZE, _SIZE))
    made = io.BytesIO()
    image.convert("RGB").save(made, "JPEG", quality=80)
    return made.getvalue()


def uploads() -> dict[str, bytes]:
    """Pictures with some detail, by what they are."""
    detail = noise((500, 375), 60).convert("RGB")
    return {
        "JPEG, 640 x 480": _saved(detail, (640, 480), "JPEG"),
        "JPEG, 4000 x 3000": _saved(detail, (4000, 3000), "JPEG"),
        "PNG, 1600 x 1200": _saved(detail, (1600, 1200), "PNG"),
        "WebP, 1600 x 1200": _saved(detail, (1600, 1200), "WEBP"),
    }


def _saved(detail: Image.Image, size: tuple[int, int], format: str) -> bytes:
    file = io.BytesIO()
    detail.resize(size).save(file, format)
    return file.getvalue()


def one_by_one(make: Make, content: bytes) -> float:
    """The seconds of a call, of several one after another."""
    begin = time.perf_counter()
    for _ in range(_THREADS):
        make(content)
    return (time.perf_counter() - begin) / _THREADS


def at_once(make: Make, content: bytes) -> float:
    """The seconds for a call, of many by several threads."""
    with ThreadPoolExecutor(_THREADS) as executor:
        begin = time.perf_counter()
        for _ in executor.map(make, [content] * _CALLS):
            pass
        return (time.perf_counter() - begin) / _CALLS


def main(rounds: int) -> None:
    with Thumbnailer(size=_SIZE) as thumbnailer:
        ways: dict[str, Make] = {
            "by hand": by_hand,
            "make_thumbnail": lambda content: make_thumbnail(content, size=_SIZE).data,
            "Thumbnailer": lambda content: thumbnailer.make(content).data,
        }
        print("upload               way              ms   ratio    at once, ms   ratio")
        for title, content in uploads().items():
            for make in ways.values():
                at_once(make, content)  # starts workers, imports decoders
            times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, make in ways.items():
                    times[way].append((one_by_one(make, content), at_once(make, content)))
            for way, taken in times.items():
                cells = [title.ljust(20), way.ljust(14)]
                for at in (0, 1):
                    ms = statistics.median(one[at] for one in taken) * 1e3
                    pairs = zip(taken, times["by hand"], strict=True)
                    ratio = statistics.median(one[at] / hand[at] for one, hand in pairs)
                    cells.append(f"{ms:8.2f} {ratio:6.2f}")
                print(" ".join(cells), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 15)
