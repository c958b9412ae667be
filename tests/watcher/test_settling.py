"""How long paths have been waiting is asked by another thread than the one that enters them."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from thumbnailer.watcher.settling import SettlingFiles


def test_the_oldest_wait_can_be_asked_for_while_paths_come(tmp_path: Path) -> None:
    settling, over, ages = SettlingFiles(1.0), threading.Event(), []
    errors: list[RuntimeError] = []

    def ask() -> None:
        while not over.is_set() and not errors:
            try:
                ages.append(settling.oldest_seconds(time.monotonic()))
            except RuntimeError as error:
                errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(60_000):
        settling.add(str(tmp_path / "a") + str(number), time.monotonic(), is_closed=True)
        if errors:
            break
    over.set()
    asking.join()
    assert not errors
    assert max(ages) > 0


def test_a_file_that_no_writer_has_closed_must_stay_as_it_is_for_a_while(tmp_path: Path) -> None:
    settling, path = SettlingFiles(1.0), tmp_path / "a.jpg"
    path.write_bytes(b"half")
    settling.add(str(path), 10.0)
    assert settling.settled(10.9, 9) == {}
    path.write_bytes(b"half of it, ")  # without an event
    assert settling.settled(11.0, 9) == {}
    path.write_bytes(b"half of it, and the rest")
    assert settling.settled(12.0, 9) == {}
    assert settling.settled(12.9, 9) == {}
    assert settling.settled(13.0, 9) == {str(path): False}
    assert len(settling) == 0


def test_one_that_was_closed_is_hardly_waited_for(tmp_path: Path) -> None:
    settling, path = SettlingFiles(5.0), tmp_path / "a.jpg"
    path.write_bytes(b"all of it")
    settling.add(str(path), 10.0, is_closed=True)
    assert settling.settled(10.0, 9) == {}
    assert settling.settled(10.3, 9) == {str(path): True}


def test_the_wait_begins_with_the_first_of_many_changes(tmp_path: Path) -> None:
    settling, path = SettlingFiles(1.0), str(tmp_path / "a.jpg")
    for number in range(20):
        settling.add(path, 10.0 + number / 2)
    assert settling.oldest_seconds(20.0) == 10.0


def test_what_is_replaced_again_and_again_is_read_now_and_then(tmp_path: Path) -> None:
    settling, path = SettlingFiles(1.0), tmp_path / "a.jpg"
    read: list[str] = []
    for number in range(100):  # every tenth of a second another file is moved there
        new = tmp_path / "new"
        new.write_bytes(b"%d" % number)
        new.replace(path)
        settling.add(str(path), number / 10, is_closed=True)
        read += settling.settled(number / 10, 9)
    assert 3 <= len(read) <= 10
