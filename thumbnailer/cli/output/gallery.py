"""Output of `gallery`: a line of text or JSON for each page."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

from thumbnailer.cli.output.run_json import print_row
from thumbnailer.cli.output.text import printable
from thumbnailer.gallery.page_builder import Page

_COUNTS = ("pictures", "folders", "failed", "missing", "looked")


class PagePrinter:
    """Printer of one line per page; `arguments` choose text or JSON, and size and time as well."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._as_json, self._quiet = arguments.json, arguments.quiet
        self._verbose = arguments.verbose
        self._pages: list[Page] = []
        self._started = time.perf_counter()

    def show(self, page: Page) -> None:
        """Print one page."""
        self._pages.append(page)
        if self._as_json:
            row = {"page": page.path, **asdict(page), "bytes": page.size_bytes}
            for name in ("path", "size_bytes", "seconds"):
                del row[name]
            print_row(row | {"seconds": round(page.seconds, 6)})
        elif not self._quiet:
            counts = [f"{page.pictures} pictures", f"{page.folders} folders"]
            counts += [f"{page.failed} failed"] if page.failed else []
            counts += [f"{page.missing} without a thumbnail"] if page.missing else []
            details = f" ({page.looked} looked at, {page.size_bytes} bytes, {page.seconds:.1f} s)"
            line = f"{printable(page.path)}: {', '.join(counts)}{details if self._verbose else ''}"
            print(line, flush=True)

    def finish(self, *, interrupted: bool) -> None:
        """Print the summary as JSON; in text only that the command was interrupted."""
        if self._as_json:
            counts = {name: sum(getattr(page, name) for page in self._pages) for name in _COUNTS}
            written = sum(page.status == "written" for page in self._pages)
            fields: dict[str, float] = {"pages": len(self._pages), "written": written, **counts}
            fields["seconds"] = round(time.perf_counter() - self._started, 6)
            print_row({"summary": fields})
        elif interrupted and not self._quiet:
            print("interrupted: the other pages were not written", flush=True)
