"""The units of systemd: known to it, safe by its own measure, and fit to run the program."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from ctypes import CDLL
from pathlib import Path

import pytest
from support.confined import settings, system_calls
from support.marks import root_only
from support.pages import HELP, Block, block, blocks, page
from support.pictures import files_below, tree
from support.processes import start
from support.program import THUMBNAILER, thumbnailer
from support.project import SAMPLES, TESTS
from support.waiting import eventually

from thumbnailer.cli.parser import parse_args
from thumbnailer.engine.sandbox import unavailable_reason

WATCH, MAKE = HELP / "thumbnailer.service", HELP / "thumbnailer-make.service"
TIMER = HELP / "thumbnailer-make.timer"
SERVICES = pytest.mark.parametrize("service", [WATCH, MAKE], ids=lambda path: path.stem)
DROP_INS = [one for one in blocks() if one.text.startswith("[Service]")]

# In which the two services differ: how they run, not what they may do.
OF_ITS_KIND = {
    *("Type", "ExecStart", "ExecReload", "Description", "WatchdogSec", "WantedBy", "KillMode"),
    *("Restart", "RestartSec", "RestartPreventExitStatus", "SuccessExitStatus", "RuntimeDirectory"),
}


def has_seccomp() -> bool:
    with suppress(OSError):
        return bool(CDLL("libseccomp.so.2"))
    return False


needs_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed"
)
needs_confinement = pytest.mark.skipif(
    not shutil.which("systemd-analyze") or not has_seccomp() or bool(unavailable_reason()),
    reason="needs systemd-analyze, libseccomp and Landlock",
)


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def command_of(service: Path) -> list[str]:
    """The words after the program, which is ours."""
    (line,) = settings(service)["ExecStart"]
    program, *words = shlex.split(line)
    assert program == "/opt/thumbnailer/bin/thumbnailer"
    return words


@needs_systemd
def test_systemd_knows_every_line_of_the_units(tmp_path: Path) -> None:
    for unit in (WATCH, MAKE, TIMER):
        text = unit.read_text().replace("/opt/thumbnailer/bin/thumbnailer", sys.executable)
        (tmp_path / unit.name).write_text(text)
    done = analyze("verify", *sorted(tmp_path.iterdir()))
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@SERVICES
@pytest.mark.parametrize("drop_in", [None, *DROP_INS], ids=["plain", "owner", "buckets"])
def test_it_is_safe_by_systemd_s_own_measure(
    service: Path, drop_in: Block | None, tmp_path: Path
) -> None:
    """Of 10, less than 1 as the page says, and less than 3 with what the page lets one change."""
    unit = tmp_path / service.name
    text = service.read_text()
    unit.write_text(text if drop_in is None else f"{text}\n{drop_in.text}")
    done = analyze("security", "--offline=true", f"--threshold={30 if drop_in else 10}", unit)
    assert done.returncode == 0, done.stdout[-200:]
    assert "less than 1 of 10" in page("service")


@SERVICES
def test_it_runs_a_command_of_ours_in_the_same_folder_everywhere(service: Path) -> None:
    arguments = parse_args(command_of(service))
    assert arguments.command == {WATCH: "watch", MAKE: "make"}[service]
    (folder,) = arguments.source
    of_unit = settings(service)
    assert of_unit["ReadWritePaths"] == of_unit["RequiresMountsFor"] == [folder]
    assert folder in of_unit["Description"][0]


def test_both_may_do_the_same() -> None:
    of_watch, of_make = (
        {name: values for name, values in settings(unit).items() if name not in OF_ITS_KIND}
        for unit in (WATCH, MAKE)
    )
    assert of_watch == of_make
    assert of_watch["User"] == ["thumbnailer"]


def test_the_timer_starts_what_the_page_says() -> None:
    timer = configparser.ConfigParser()
    timer.read(TIMER)
    assert timer["Timer"].getboolean("Persistent")
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert TIMER.with_suffix(".service") == MAKE  # which it starts, as it names no other
    assert block("systemctl enable --now thumbnailer-make").lines[0].endswith(TIMER.name)


@needs_systemd
def test_workers_may_enter_their_sandbox() -> None:
    """Debian 12 has no group of system calls for it, so they are named."""
    for service in (WATCH, MAKE):
        left = system_calls(settings(service)["SystemCallFilter"])
        names = {"create_ruleset", "add_rule", "restrict_self"}
        assert {f"landlock_{name}" for name in names} < left
        assert not left & {"chown", "mount", "setuid", "ptrace", "init_module", "bpf"}


def test_what_the_page_lets_one_change_is_there() -> None:
    """Each setting of a drop-in is one of the unit, or names the credentials."""
    owner, buckets = (dict(re.findall(r"^(\w+)=(.*)$", one.text, re.M)) for one in DROP_INS)
    assert owner.keys() == {"User"}
    assert buckets.keys() - settings(WATCH).keys() == {"EnvironmentFile"}
    assert {*buckets["RestrictAddressFamilies"].split()} == {"AF_INET", "AF_INET6"}


@pytest.mark.parametrize("program", ["useradd", "groupadd", "usermod"])
def test_users_and_groups_are_made_with_options_that_there_are(program: str) -> None:
    """Run for real they would change the machine."""
    path = shutil.which(program, path="/usr/sbin:/usr/bin")
    if not path:
        pytest.skip(f"{program} is not installed")
    shown = subprocess.run([path, "--help"], capture_output=True, text=True).stdout
    lines = [line for one in blocks() for line in one.lines if line.startswith(f"{program} ")]
    assert lines
    for option in re.findall(r"--\w+", " ".join(lines)):
        assert option in shown


@root_only
@pytest.mark.skipif(not shutil.which("setfacl"), reason="setfacl is not installed")
def test_a_group_has_rights_in_folders_that_come_later(photos: Path) -> None:
    """By the numbers of groups: nobody is made a member here."""
    line = block("groupadd photos").lines[-1].replace("group:photos", "group:54321")
    words = shlex.split(line.replace("/srv/photos", str(photos)))
    if subprocess.run(words, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("this file system has no access control lists")
    (photos / "later").mkdir()
    member = ["setpriv", "--reuid=54320", "--regid=54321", "--clear-groups"]
    for user, code in ((member, 0), ([*member[:2], "--regid=54320", *member[3:]], 1)):
        shutil.rmtree(photos / "later" / "thumbs", ignore_errors=True)
        made = subprocess.run(
            [*user, "mkdir", "thumbs"], cwd=photos / "later", stderr=subprocess.DEVNULL
        )
        assert made.returncode == code


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """What stands in for the folders and files that a unit names."""
    config = tmp_path / "thumbnailer.toml"
    printed = thumbnailer("config").out
    config.write_text(re.sub(r'^sandbox = "\w+"', 'sandbox = "require"', printed, flags=re.M))
    assert 'sandbox = "require"' in config.read_text()
    (tmp_path / "run").mkdir()
    shutil.copytree(SAMPLES, tmp_path / "photos", ignore=shutil.ignore_patterns("thumbs"))
    return {
        "/etc/thumbnailer.toml": config,
        "/run/thumbnailer": tmp_path / "run",
        "/srv/photos": tmp_path / "photos",
    }


def confined(service: Path, places: dict[str, Path]) -> list[str]:
    """What the unit runs, with our folders and without the rights that the unit takes from it."""
    words = command_of(service)
    for place, stand_in in places.items():
        words = [word.replace(place, str(stand_in)) for word in words]
    script = TESTS / "support" / "confined.py"
    return [sys.executable, str(script), str(service), *THUMBNAILER, *words]


@needs_confinement
@pytest.mark.parametrize(
    "forbidden",
    [
        "os.chown(os.curdir, -1, os.getgid())",
        pytest.param("open('/proc/1/environ', 'rb').read()", marks=root_only),
        pytest.param("socket.create_connection(('127.0.0.1', 9))", marks=root_only),
        "os.chroot(os.curdir)",
    ],
)
def test_what_the_unit_forbids_is_forbidden_to_these_tests(forbidden: str, tmp_path: Path) -> None:
    script = TESTS / "support" / "confined.py"
    code = f"import os, socket\ntry:\n    {forbidden}\nexcept OSError:\n    os._exit(7)"
    words = [sys.executable, str(script), str(WATCH), sys.executable, "-c", code]
    assert subprocess.run(words, cwd=tmp_path, timeout=60).returncode == 7


@pytest.mark.slow
@needs_confinement
def test_make_works_under_what_its_unit_forbids(places: dict[str, Path], tmp_path: Path) -> None:
    photos = places["/srv/photos"]
    free = shutil.copytree(photos, tmp_path / "free")
    assert thumbnailer("make", free, "--config", places["/etc/thumbnailer.toml"]).code == 0
    done = subprocess.run(confined(MAKE, places), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert files_below(photos) == files_below(free)
    for name in files_below(free):
        if not name.endswith(".thumbnailer"):  # which has the times of the sources
            assert (photos / name).read_bytes() == (free / name).read_bytes()


@pytest.mark.slow
@needs_confinement
def test_the_watch_works_under_what_its_unit_forbids(
    places: dict[str, Path], tmp_path: Path
) -> None:
    photos, health = places["/srv/photos"], places["/run/thumbnailer"] / "health.json"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        prefix = ("env", f"NOTIFY_SOCKET={manager.getsockname()}")
        with start(*prefix, *confined(WATCH, places)) as watch:
            while b"READY=1" not in manager.recv(4096).splitlines():
                pass
            eventually(lambda: (photos / "thumbs" / "picnic.webp.jpg").exists(), 60)
            tree(photos, "later.jpg")
            eventually(lambda: (photos / "thumbs" / "later.jpg").exists(), 60)
            eventually(lambda: thumbnailer("health", health).code == 0, 60)
            watch.process.send_signal(signal.SIGTERM)
            assert watch.process.wait(60) == 0
    assert thumbnailer("health", health).code == 1
