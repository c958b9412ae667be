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
