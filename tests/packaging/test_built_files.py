"""What is built for others: a source distribution and a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.pages import HELP, block
from support.pictures import files_below, tree
from support.program import thumbnailer
from support.project import PROJECT

COMPLETIONS = {
    "bash": "bash-completion/completions/thumbnailer",
    "fish": "fish/vendor_completions.d/thumbnailer.fish",
    "zsh": "zsh/site-functions/_thumbnailer",
}
MANUAL = "man/man1/thumbnailer.1"
UNITS = ("thumbnailer.service", "thumbnailer-make.service", "thumbnailer-make.timer")

pytestmark = [pytest.mark.slow, pytest.mark.extra, pytest.mark.xdist_group("built")]


@dataclass(frozen=True)
class Built:
    """Both: the wheel, and unpacked the project, site-packages, and what is below `share`."""

    wheel: Path
    project: Path
    packages: Path
    share: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    pytest.importorskip("build", reason="build, of the extra `lint`, is not installed")
    folder = tmp_path_factory.mktemp("built")
    words = [sys.executable, "-m", "build", "--outdir", str(folder), str(PROJECT)]
    subprocess.run(words, check=True, timeout=200)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    subprocess.run(["tar", "-xzf", sdist, "-C", folder], check=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "wheel")
    (data,) = (folder / "wheel").glob("*.data")
    project = folder / sdist.name.removesuffix(".tar.gz")
    return Built(wheel, project, folder / "wheel", data / "data/share")


def test_the_source_distribution_holds_the_whole_project(built: Built) -> None:
    if not (PROJECT / ".git").exists():
        pytest.skip("only git knows what belongs to the project")
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=PROJECT, check=True, capture_output=True).stdout
    names = {name for name in listed.decode().split("\0") if (PROJECT / name).is_file()}
    assert files_below(built.project) == names | {"PKG-INFO"}


def test_the_wheel_holds_every_file_of_the_package(built: Built) -> None:
    names = {name for name in files_below(PROJECT / "thumbnailer") if "__pycache__" not in name}
    assert {"py.typed", "gallery/page.html", "gallery/style.css", "gallery/view.js"} < names
    assert files_below(built.packages / "thumbnailer") == names


def test_the_wheel_has_what_the_system_looks_for_and_no_more(built: Built) -> None:
    folder = "systemd/system"
    units = {f"{folder}/{name}" for name in UNITS}
    assert files_below(built.share) == {*COMPLETIONS.values(), MANUAL, *units}
    for name in UNITS:
        assert (built.share / folder / name).read_text() == (HELP / name).read_text()


def test_man_finds_the_page(built: Built) -> None:
    assert (built.share / MANUAL).read_text() == thumbnailer("man").out
    if not shutil.which("man"):
        pytest.skip("man is not installed")
    words = ["man", "-M", str(built.share / "man"), "-w", "thumbnailer"]
    found = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert Path(found.strip()) == built.share / MANUAL


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_shells_find_their_script(built: Built, shell: str) -> None:
    pytest.importorskip("shtab", reason="the extra `completion` is not installed")
    script = (built.share / COMPLETIONS[shell]).read_text()
    assert script == thumbnailer("completion", shell).out


# What would change the machine, or needs systemd.
NOT_RUN = ("useradd ", "userdel ", "systemctl ")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_below(folder)}


def test_the_help_pages_lead_from_an_installation_to_nothing_left(
    built: Built, tmp_path: Path
) -> None:
    """As root of the machine types it, but below a folder."""
    for name in ("system", "home", "temporary"):
        (tmp_path / name).mkdir()
    photos = tree(tmp_path / "photos", "a.jpg", "day 1/b.png")
    (photos / "thumbs").mkdir()
    (photos / "thumbs" / "mine.txt").write_text("not a thumbnail")
    before = contents(photos)

    def run(line: str) -> str:
        for place, stand_in in {
            "/opt/thumbnailer": tmp_path / "opt",
            "/etc/systemd/system": tmp_path / "system",
            "/etc/thumbnailer.toml": tmp_path / "thumbnailer.toml",
            "|/mnt/pictures|": f"|{photos}|",
            " /srv/photos": f" {photos}",
            "'batch-thumbnailer[sandbox]'": f"'{built.wheel}[sandbox]'",
            "--upgrade batch-thumbnailer": f"--upgrade {built.wheel}",
        }.items():
            line = line.replace(place, str(stand_in))
        own = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "temporary")}
        if "/bin/thumbnailer " not in line:
            own = {}  # pip asks for a version of Rust, which may write into a new home
        done = subprocess.run(
            line,
            shell=True,
            check=True,
            timeout=200,
            input="y\n",
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | own,
        )
        return done.stdout

    def run_all(start: str) -> str:
        lines = (line for line in block(start).lines if not line.startswith(NOT_RUN))
        return "".join(map(run, lines))

    def run_program(words: str) -> str:
        return run(f"/opt/thumbnailer/bin/thumbnailer {words} --config /etc/thumbnailer.toml")

    run_all("python3 -m venv /opt/thumbnailer")
    run(block("sed -i 's|/srv/photos|").first_line)
    for name in UNITS:
        unit = (tmp_path / "system" / name).read_text()
        assert unit == (HELP / name).read_text().replace("/srv/photos", str(photos))
    assert "2 made" in run_program("make /srv/photos --gallery")
    assert files_below(photos) > before.keys()

    run(f"/opt/thumbnailer/bin/{block('pip install --upgrade batch').first_line}")
    differs = run_all("systemctl stop thumbnailer")
    assert f"> ReadWritePaths={photos}" in differs, differs
    assert "Only in" not in differs
    assert "0 made, 2 current" in run_program("make /srv/photos --dry-run")

    clean, remove = (
        line
        for line in block("systemctl disable --now thumbnailer").lines
        if not line.startswith(NOT_RUN)
    )
    run(clean)
    assert contents(photos) == before
    run(f"/opt/thumbnailer/bin/{block('thumbnailer clean ~/Pictures').lines[1]}")
    assert not [name for name in files_below(tmp_path / "opt") if "thumbnailer" in name]
    run(remove)
    assert files_below(tmp_path) == {f"photos/{name}" for name in before}
