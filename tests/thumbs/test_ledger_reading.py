"""A ledger that grows is read on from where it was read last, whoever reads and writes it."""

from __future__ import annotations

import threading
from pathlib import Path

from thumbnailer.disk import files
from thumbnailer.model import Failure, Folder, Source
from thumbnailer.thumbs.ledger import ledger_file
from thumbnailer.thumbs.ledger.entries import Ledger
from thumbnailer.thumbs.ledger.lines import Attempt

ENTRIES = 3000


def entry(number: int) -> bytes:
    source = Source(f"{number}.jpg", 100, number)
    return Attempt(source.path, source.path, source, "", "", Failure("decode", "why")).to_line()


def test_a_ledger_that_threads_read_while_it_grows_is_read_on_where_it_was(
    tmp_path: Path,
) -> None:
    folder, found, is_written = Folder(str(tmp_path), ""), list[Ledger](), threading.Event()

    def read() -> None:
        while not is_written.is_set():
            ledger = ledger_file.read(folder)
            assert ledger is not None
            if not any(ledger is one for one in found):
                found.append(ledger)

    with files.open_folder(folder) as opened:
        ledger_file.mark_folder(opened, shared=False)
        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(ENTRIES):
            with ledger_file.locked(opened) as ledger:
                ledger.append([entry(number)])
        is_written.set()
        for reader in readers:
            reader.join()
    known = ledger_file.read(folder)
    assert known is not None
    assert len(known) == ENTRIES
    # A write changes the mtime before the length: whoever looks between these starts anew.
    assert len(found) < ENTRIES / 60
