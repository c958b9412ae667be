"""Write a manifest: JSON lines that say which thumbnails each picture has, to build websites from.

The first line says what the file is; then there is one for each picture, in the order of their
names. Lines of pictures that a run did not look at are taken over, if it was not one over all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Sequence

from thumbnailer.config.settings import Settings
from thumbnailer.door.documents import Document, open_document
from thumbnailer.errors import ConfigError, OutputError, shortened
from thumbnailer.model import Outcome, Run
from thumbnailer.operations.manifest.lines import FIRST_LINE, Lines
from thumbnailer.scan.unknown_scheme import scheme_fault

# Neither this nor `application/jsonl` is registered; more programs know this one.
_MIME_TYPE = "application/x-ndjson"

# How often it is merged anew, as other runs have written it meanwhile.
_ATTEMPTS = 20

_NOT_OURS = "is in the way: it is no manifest that thumbnailer made"


def with_manifest(
    outcomes: Iterable[Outcome],
    path: str,
    sources: Sequence[str],
    settings: Settings,
    run: Run,
    *,
    is_list: bool = False,
) -> Generator[Outcome, None, None]:
    """Return an iterator over the outcomes of a run that writes a manifest after the last one.

    Args:
        path: path or URL of the manifest.
        sources: the SOURCEs; with one folder, pictures are named by their paths in it.
        is_list: whether the run takes what a list names, and not all that is in the SOURCEs.

    Raises:
        ConfigError: the path is empty, or a URL that is none of a bucket.
        OutputError: it can't be read, or another file has its name; raised at once. Or it can't be
            written; raised at the end.
    """
    if not path:
        raise ConfigError("manifest: is empty; must be the path or URL of a file")
    if fault := scheme_fault(path):
        raise ConfigError(f"manifest: {fault}")
    document = open_document(path, settings, _MIME_TYPE)
    try:
        _check(document)
    except OSError as error:
        raise OutputError(f"{shortened(path)}: {error.strerror}") from None
    lines = Lines(document.folder, sources, settings, run)

    def noted() -> Generator[Outcome, None, None]:
        for outcome in outcomes:
            lines.add(outcome)
            yield outcome
        if run.dry_run:
            return
        is_whole = not (is_list or settings.shard or lines.is_unsure or run.is_stopped)
        try:
            _write(document, lines, is_whole=is_whole)
        except OSError as error:
            raise OutputError(f"{shortened(path)}: {error.strerror}") from None

    return noted()


def _check(document: Document) -> None:
    """Check that nothing but a manifest would be replaced.

    Raises:
        OSError: something else would, or it can't be read.
    """
    found = document.first_bytes(len(FIRST_LINE))
    if found and found != FIRST_LINE:
        raise OSError(None, _NOT_OURS)


def _write(document: Document, lines: Lines, *, is_whole: bool) -> None:
    """Write the manifest, unless it is there already.

    Raises:
        OSError: it can't be written, or something else is there by now.
    """
    for _ in range(_ATTEMPTS):
        earlier = document.read()
        if earlier and not earlier.startswith(FIRST_LINE):
            raise OSError(None, _NOT_OURS)
        before = hashlib.sha256(earlier).digest()
        kept = lines.merge(earlier, is_whole=is_whole)
        del earlier  # it may be large, and so may the new one
        lines.ask_for_looks()
        data = lines.text(kept)
        if hashlib.sha256(data).digest() == before or document.write(data):
            return
    raise OSError(None, "can't be written: other runs write it all the time")
