"""No picture of any kind that free encoders write comes out wrong and is called made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.pages import page

from differential.table import all_cells, table, why_it_differs

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from differential.compare import Verdict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    for module in ("tifffile", "imagecodecs", "pillow_heif", "pyvips", "pylibjxl", "rawpy"):
        pytest.importorskip(module, reason="writes or reads kinds of pictures")
    from differential.compare import verdicts

    return verdicts(all_cells(), tmp_path_factory.mktemp("cells"), browser)


def test_no_picture_comes_out_wrong(found: list[Verdict]) -> None:
    """As it was written, or as Chromium shows it."""
    assert len(found) > 3600
    assert {one.result for one in found} == {"right", "refused", "differs"}
    wrong = [one for one in found if one.result == "differs" and not why_it_differs(one.cell)]
    assert not [(one.cell.name, one.reason) for one in wrong]


def test_what_differs_on_purpose_still_does(found: list[Verdict]) -> None:
    reasons = {why_it_differs(one.cell) for one in found if one.result == "differs"}
    assert reasons == {why_it_differs(one.cell) for one in found} - {""}


# What may be said of what is refused: all of it is true of the pictures here.
REASONS = {
    "TIFF": r"is a TIFF of [\w -]+, which is not read here",
    "JPEG XL": r"is an? (?:animated )?JPEG XL picture(?: in CMYK)?, which is not read here",
    "SVG": "is no picture of a format that is read here",  # in UTF-16
    "DNG": "is a camera's raw picture (?:in a coding|of a kind) that is not read here",
}


def test_what_is_refused_is_called_what_it_is(found: list[Verdict]) -> None:
    refused = [one for one in found if one.result == "refused"]
    assert {one.cell.format for one in refused} == set(REASONS)
    untrue = [one for one in refused if not re.fullmatch(REASONS[one.cell.format], one.reason)]
    assert not [(one.cell.name, one.reason) for one in untrue]


def test_the_page_has_this_table(found: list[Verdict]) -> None:
    """`python -m tests.tools.kinds` writes it."""
    assert table(found) in page("formats-and-colour")
