"""Processes that the program starts run nothing that lies in the working directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.pictures import tree
from support.thumbs import thumbnail_files

PROGRAMS = {
    "command": """
import sys
from thumbnailer.__main__ import main
sys.exit(main())
""",
    "command on a terminal": """
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn([sys.executable, "command", *sys.argv[1:]])))
""",
    "library": """
import sys, thumbnailer
thumbnailer.make_thumbnails(sys.argv[-1])
""",
    "library where processes are spawned": """
import multiprocessing, sys, thumbnailer
multiprocessing.set_start_method("spawn")
thumbnailer.make_thumbnails(sys.argv[-1])
""",
}
MODULES = {*sys.stdlib_module_names, "PIL", "thumbnailer", "tqdm", "watchdog"}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_file_in_the_working_directory_that_is_named_like_a_module_never_runs(
    tmp_path: Path, program: str
) -> None:
    downloads, programs = tmp_path / "downloads", tmp_path / "programs"
    for folder in (downloads, programs):
        folder.mkdir()
    tree(downloads, "a.jpg")
    for module in MODULES:
        (downloads / f"{module}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('!')")
    for name, text in PROGRAMS.items():
        (programs / name).write_text(text.replace('"command"', repr(str(programs / "command"))))
    command = [sys.executable, str(programs / program), "make", str(downloads)]
    done = subprocess.run(command, cwd=downloads, stdin=subprocess.DEVNULL, capture_output=True)
    assert not (tmp_path / "ran").exists(), done
    assert done.returncode == 0, done
    assert len(thumbnail_files(downloads)) == 1
