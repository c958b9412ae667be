"""Output of `gallery`: a line of text or JSON for each page."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from thumbnailer.cli.output.run_json import print_row
from thumbnailer.cli.output.text import counted, print_notes, printable
from thumbnailer.cli.terminal import print_line
from thumbnailer.gallery.page_builder import Page
from thumbnailer.gallery.write import GalleryReport


def show_page(page: Page, arguments: argparse.Namespace) -> None:
    """Print one page."""
    if arguments.json:
        row = {"page": page.path, **asdict(page), "bytes": page.size_bytes}
        for name in ("path", "size_bytes", "seconds"):
            del row[name]
        print_row(row | {"seconds": round(page.seconds, 6)})
    elif not arguments.quiet:
        counts = [counted(page.pictures, "picture", ""), counted(page.folders, "folder", "")]
        counts += [f"{page.failed} failed"] if page.failed else []
        counts += [f"{page.missing} without a thumbnail"] if page.missing else []
        details = f" ({page.looked} looked at, {page.size_bytes} bytes, {page.seconds:.1f} s)"
        line = f"{printable(page.path)}: {', '.join(counts)}{details if arguments.verbose else ''}"
        print_line(line, sys.stdout)


def show_gallery_report(report: GalleryReport, note: str, arguments: argparse.Namespace) -> None:
    """Print the summary as JSON; in text only notes, and that the command was interrupted."""
    if not arguments.quiet:
        print_notes(report.notes)
    if arguments.json:
        written = sum(page.status == "written" for page in report.pages)
        fields: dict[str, float] = {"pages": len(report.pages), "written": written}
        for name in ("pictures", "folders", "failed", "missing", "looked"):
            fields[name] = sum(getattr(page, name) for page in report.pages)
        print_row({"summary": fields | {"seconds": round(report.seconds, 6)}})
    elif note and not arguments.quiet:
        print(f"{note}the other pages were not written", flush=True)
