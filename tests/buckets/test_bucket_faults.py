"""What becomes of a run over buckets when the network, the server or the program fails."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.flaky_proxy import interfering
from support.marks import needs_proc
from support.pictures import noise, picture
from support.processes import wait_until_up
from support.program import THUMBNAILER, in_a_process, thumbnailer
from support.s3_server import (
    KEY_ID,
    SECRET,
    Storage,
    outcomes,
    photos_in,
    settled,
    statuses,
    statuses_by_path,
)
from support.waiting import eventually

from thumbnailer import OutputError, make_thumbnails
from thumbnailer.engine.processes.start import start_method

pytestmark = pytest.mark.slow


def test_a_busy_server_is_waited_for(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n}.jpg" for n in range(20)))
    dice = random.Random(1)

    def mood(method: str, path: str) -> str:
        return "busy" if dice.random() < 0.4 else ""

    with interfering(storage.endpoint, mood) as endpoint:
        made = statuses(f"{storage.url}/photos", f"{storage.url}/thumbs", endpoint=endpoint)
    assert set(made.values()) == {"made"}
    assert len(storage.keys("thumbs/")) == 20


def test_a_slow_answer_holds_up_no_other_picture(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n}.jpg" for n in range(6)))
    others_were_put = threading.Semaphore(0)
    first, in_time = threading.Semaphore(1), list[bool]()

    def mood(method: str, path: str) -> str:
        if method == "PUT" and path.endswith(".jpg"):
            others_were_put.release()
        elif path.endswith(".jpg") and first.acquire(blocking=False):
            in_time.extend(others_were_put.acquire(timeout=60) for _ in range(5))
        return ""

    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    with interfering(storage.endpoint, mood) as endpoint:
        made = statuses(*places, endpoint=endpoint, jobs=1)
    assert list(made.values()) == ["made"] * 6
    assert in_time == [True] * 5


def test_a_folder_that_is_slow_to_be_marked_holds_up_no_other(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n}/a.jpg" for n in range(6)))
    others_were_put = threading.Semaphore(0)
    in_time = list[bool]()

    def mood(method: str, path: str) -> str:
        if method == "PUT" and path.endswith("a.jpg"):
            others_were_put.release()
        elif method == "PUT" and "/3/.thumbnailer" in path:
            in_time.extend(others_were_put.acquire(timeout=60) for _ in range(5))
        return ""

    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    with interfering(storage.endpoint, mood) as endpoint:
        made = statuses_by_path(*places, endpoint=endpoint, jobs=1)
    assert list(made.values()) == ["made"] * 6
    assert in_time == [True] * 5


def test_a_thumbnail_is_put_only_once_its_folder_is_marked(
    storage: Storage, tmp_path: Path
) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n}/a.jpg" for n in range(6)))
    asked: list[str] = []

    def mood(method: str, path: str) -> str:
        asked.append(f"{method} {path}")
        return "denied" if "/3/.thumbnailer" in path and method == "PUT" else ""

    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    with interfering(storage.endpoint, mood) as endpoint:
        made = statuses_by_path(*places, endpoint=endpoint)
    assert [made[f"{storage.url}/photos/{n}/a.jpg"] for n in range(6)] == [
        "failed" if n == 3 else "made" for n in range(6)
    ]
    assert not [one for one in asked if one.startswith("PUT") and one.endswith("/3/a.jpg")]


@needs_proc
def test_large_pictures_are_fetched_only_as_far_as_memory_reaches(
    storage: Storage,
    tmp_path: Path,
) -> None:
    noise((2000, 2000), 50).convert("RGB").save(tmp_path / "12 MB.tif")
    content = (tmp_path / "12 MB.tif").read_bytes()
    for n in range(24):
        storage.put(f"photos/{n}.tif", content)
    program = f"""if True:
        import re, thumbnailer
        places = "{storage.url}/photos", "{storage.url}/thumbs"
        report = thumbnailer.make_thumbnails(places[0], output=places[1], jobs=6, memory=64)
        most = re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())
        print(report.made, int(most[1]) >> 10)
    """
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=120)
    made, most_mebibytes = map(int, run.stdout.split())
    assert made == 24
    assert most_mebibytes < 150


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_an_answer_that_breaks_off_is_no_picture(
    storage: Storage,
    tmp_path: Path,
    method: str,
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/b.jpg")
    seen = set[str]()

    def mood(asked: str, path: str) -> str:
        """Each object's answer is cut once."""
        if asked != method or not path.endswith(".jpg") or path in seen:
            return ""
        seen.add(path)
        return "cut"

    with interfering(storage.endpoint, mood) as endpoint:
        found = statuses(f"{storage.url}/photos", f"{storage.url}/thumbs", endpoint=endpoint)
    assert seen
    # Of what was put and not answered nobody knows who did it.
    assert set(found.values()) <= ({"made"} if method == "GET" else {"made", "current"})
    for name in ("a", "b"):
        assert storage.get(f"thumbs/{name}.jpg") == storage.get("thumbs/a.jpg")


def test_a_server_that_denies_is_quoted_by_its_code_only(
    storage: Storage,
    tmp_path: Path,
) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg", "photos/b.jpg")

    def deny(target: str, output: str = "thumbs") -> str:
        def mood(method: str, path: str) -> str:
            return "denied" if target in path else ""

        with interfering(storage.endpoint, mood) as there:
            arguments = f"{storage.url}/photos", "--output", f"{storage.url}/{output}", "--endpoint"
            run = thumbnailer("make", *arguments, there, "-v")
        assert run.code in (1, 3)
        for secret in (KEY_ID, SECRET, "AWS4", "Signature=", "StringToSign", "Traceback"):
            assert secret not in run.out + run.err
        return run.err

    denied = "access is denied (SignatureDoesNotMatch)"
    assert deny("list-type") == f"thumbnailer: {storage.url}/photos: {denied}\n"
    assert f"failed: {storage.url}/photos/a.jpg: {denied}\n" in deny("photos/a.jpg")
    assert deny(".thumbnailer", "t").endswith(f"thumbnailer: {storage.url}/t: {denied}\n")


def test_who_comes_second_overwrites_nothing(
    storage: Storage,
    tmp_path: Path,
) -> None:
    photos_in(storage, tmp_path, "photos/new.jpg", "photos/old.jpg")
    settled()
    places = f"{storage.url}/photos", f"{storage.url}/thumbs"
    statuses(*places)
    storage.delete("thumbs/new.jpg")
    storage.put("photos/old.jpg", storage.get("photos/old.jpg"))

    def mood(method: str, path: str) -> str:
        """Another machine is quicker by an instant."""
        if method == "PUT" and path.endswith(".jpg"):
            storage.put(path.removeprefix(f"/{storage.name}/"), b"by another")
        return ""

    with interfering(storage.endpoint, mood) as endpoint:
        found = statuses(*places, endpoint=endpoint)
    assert found == {"new.jpg": "current", "old.jpg": "current"}
    assert storage.get("thumbs/new.jpg") == storage.get("thumbs/old.jpg") == b"by another"


def test_nobody_answers(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    command = [*THUMBNAILER, "make", storage.url, "--output", str(tmp_path / "t")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_until_up(process.pid)
    time.sleep(2)  # it tries for minutes
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said


@pytest.mark.parametrize("where", ["list-type", "/photos/", "/thumbs/"])
def test_ctrl_c_ends_a_run_that_waits_for_an_answer(
    storage: Storage,
    tmp_path: Path,
    where: str,
) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n}.jpg" for n in range(4)))
    asked: list[str] = []

    def mood(method: str, path: str) -> str:
        if where in path and path.count("=") < 5 and not path.endswith(".thumbnailer"):
            asked.append(path)
            return "hang" if len(asked) > 1 else ""
        return ""

    with interfering(storage.endpoint, mood) as endpoint:
        arguments = f"{storage.url}/photos", "--output", f"{storage.url}/thumbs"
        process = subprocess.Popen(
            [*THUMBNAILER, "make", *arguments, "--endpoint", endpoint],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: len(asked) > 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert out.startswith("interrupted: ")


def test_after_a_killed_run_the_next_one_goes_on(
    storage: Storage,
    tmp_path: Path,
) -> None:
    photos_in(storage, tmp_path, *(f"photos/{n:03}.jpg" for n in range(150)))
    settled()
    arguments = f"{storage.url}/photos", "--output", f"{storage.url}/thumbs"
    with interfering(storage.endpoint, lambda *_: "", delay_s=0.05) as endpoint:
        process = subprocess.Popen([*THUMBNAILER, "make", *arguments, "--endpoint", endpoint])
        eventually(lambda: len(storage.keys("thumbs/")) > 10, 60)
        process.kill()
        process.wait()
    there = len(storage.keys("thumbs/"))
    assert there < 150
    for key in storage.keys("thumbs/"):
        assert storage.get(key)[-2:] == b"\xff\xd9"
    found = list(statuses(arguments[0], arguments[2]).values())
    assert (found.count("current"), found.count("made")) == (there, 150 - there)


def test_large_pictures_reach_a_worker_that_is_stopped(
    storage: Storage,
    tmp_path: Path,
) -> None:
    """Their content does not fit into the pipe: whoever does not read holds up who writes."""
    noise((1500, 1000), 100).convert("RGB").save(tmp_path / "a.png")
    for number in range(12):
        storage.put(f"photos/{number}.png", (tmp_path / "a.png").read_bytes())
    process = subprocess.Popen(
        [
            *THUMBNAILER,
            "make",
            f"{storage.url}/photos",
            "--output",
            tmp_path / "t",
            "-j",
            "1",
            "--timeout",
            "600",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(40):
        for child in _children(process.pid):
            os.kill(child, signal.SIGSTOP)
        time.sleep(0.1)
    out, _ = process.communicate(timeout=120)  # else it would take the time-out to find it out
    assert out.startswith("12 found, 12 made")


def _children(pid: int) -> list[int]:
    """The workers of a run: the children of its fork server."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=False
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    servers = [int(row[0]) for row in rows if int(row[1]) == pid]
    return [int(row[0]) for row in rows if int(row[1]) in servers]


def test_an_object_too_large_is_not_even_asked_for(
    storage: Storage,
    tmp_path: Path,
) -> None:
    data = picture(tmp_path / "a.jpg").read_bytes()
    storage.put("photos/a.jpg", data + bytes(9 << 20))
    with storage.counted() as count:
        found = outcomes(f"{storage.url}/photos", f"{storage.url}/thumbs", worker_memory=32)
    error = found["a.jpg"].error
    assert error
    assert error.stage == "limits"
    assert error.reason == "9 MiB of data, more than the limit of 8 (a quarter of worker_memory)"
    assert count["GET"] == 0


def test_workers_are_not_forked_from_a_program_that_has_used_buckets(
    storage: Storage,
    tmp_path: Path,
) -> None:
    """obstore's threads do not live on in a forked process, which then waits for them."""
    photos_in(storage, tmp_path, "photos/a.jpg")
    script = f"""
import multiprocessing
multiprocessing.set_start_method("fork")
import obstore
from thumbnailer import make_thumbnails
from thumbnailer.engine.processes.start import start_method
for name in "one", "two":
    print(make_thumbnails("{storage.url}/photos", output="{storage.url}/" + name).made)
    print(start_method())
"""
    path = tmp_path / "script.py"
    path.write_text(script)
    done = subprocess.run(
        [THUMBNAILER[0], path], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["1", "forkserver", "1", "forkserver"]
    assert start_method() in ("forkserver", "spawn")
    assert "fork" not in {start_method()}
    assert multiprocessing.get_start_method(allow_none=True) != "forkserver"


def test_a_bucket_that_vanishes_ends_the_run(storage: Storage, tmp_path: Path) -> None:
    photos_in(storage, tmp_path, "photos/a.jpg")
    with pytest.raises(OutputError, match="there is no such bucket"):
        make_thumbnails(f"{storage.url}/photos", output="s3://vanished-bucket/t")


def test_a_run_that_ends_as_its_last_answer_comes_ends_well(storage: Storage) -> None:
    """A thread of obstore's that is not done with the answer would take the program down: one run
    in ten, where eight compete for two processors."""
    nothing = f"{storage.url}/nothing", "--output", f"{storage.url}/thumbs"
    with ThreadPoolExecutor(8) as threads:
        runs = [*threads.map(lambda _: in_a_process("make", *nothing), range(48))]
    assert {run.code for run in runs} == {1}
