"""Write the table of the page formats-and-colour: takes half a minute, and a Chromium.

python -m tests.tools.kinds
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from differential.compare import verdicts
from differential.table import HEADS, all_cells, table
from playwright.sync_api import sync_playwright
from support.chromium import FLAGS
from support.pages import HELP


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as started, tempfile.TemporaryDirectory() as folder:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        written = table(verdicts(all_cells(), Path(folder), browser))
        browser.close()
    path = HELP / "formats-and-colour.md"
    old = re.compile(rf"^\| {HEADS[0]} \|(?:.*\n)+?(?=\n|\Z)", re.MULTILINE)
    path.write_text(old.sub(lambda _: written, path.read_text(), count=1))


if __name__ == "__main__":
    main()
