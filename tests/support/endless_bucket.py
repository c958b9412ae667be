"""A server with a bucket of as many pictures as one likes, all of which have thumbnails: it answers
nothing but listings, and makes them up. `python endless_bucket.py PORT KEYS`"""

from __future__ import annotations

import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from thumbnailer import Settings
from thumbnailer.buckets.marker_objects import LOOKS_FOLDER, mark_name

PAGE = 1000
_MARK = f"{LOOKS_FOLDER}/{mark_name(Settings().recipes[''].fingerprint, 0)}"
_OBJECT = (
    "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag>"
    "<Size>300000</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


class _Tree:
    """Keys by their place: folders of 999 pictures, and before them, in thumbnails, a mark."""

    def __init__(self, prefix: str, pictures: int, time: str) -> None:
        self.prefix, self.time = prefix, time
        self.is_marked = prefix == "thumbs/"
        self.length = -(-pictures // 999) * 1000

    def object_at(self, place: int) -> str:
        folder, number = divmod(place, 1000)
        if number:
            key = f"{self.prefix}{folder:06}/{number:04}.jpg"
            return _OBJECT.format(key, self.time, f"{place:032x}")
        key = f"{self.prefix}{folder:06}/{_MARK}"
        return _OBJECT.format(key, self.time, "0" * 32) if self.is_marked else ""

    def after(self, key: str) -> int:
        """The place of the first key that comes after one."""
        folder, _, name = key.removeprefix(self.prefix).partition("/")
        if not folder:
            return 0
        place = int(folder) * 1000
        if name.startswith(".thumb"):
            return place + (name == _MARK)
        return place + (int(name[:4]) if name else 0) + name.endswith(".jpg")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    trees: dict[str, _Tree]

    def do_GET(self) -> None:
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        tree = self.trees[query["prefix"]]
        start = query.get("continuation-token") or tree.after(query.get("start-after", ""))
        place = int(start)
        end = min(place + PAGE, tree.length)
        more = end < tree.length
        body = (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>"
            + (f"<NextContinuationToken>{end}</NextContinuationToken>" if more else "")
            + "".join(map(tree.object_at, range(place, end)))
            + "</ListBucketResult>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(port: int, pictures: int) -> None:
    early, late = "2024-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z"
    trees = _Tree("photos/", pictures, early), _Tree("thumbs/", pictures, late)
    _Handler.trees = {tree.prefix: tree for tree in trees}
    ThreadingHTTPServer(("127.0.0.1", port), _Handler).serve_forever()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
