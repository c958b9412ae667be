"""Output of `explain`: lines of text, or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from thumbnailer.cli.output.run_json import print_row
from thumbnailer.cli.output.text import printable
from thumbnailer.model import Failure
from thumbnailer.operations.explain import Explanation


def show_explanation(explanation: Explanation, *, as_json: bool) -> None:
    """Print the explanation of one picture."""
    if as_json:
        print_row(asdict(explanation))
        return
    print(printable(explanation.source.path))
    for line in _explanation_lines(explanation):
        print(f"  {printable(line)}", flush=True)


def _explanation_lines(explanation: Explanation) -> Iterator[str]:
    picture = explanation.description
    if isinstance(picture, Failure):
        yield f"can't be read ({picture.stage}): {picture.reason}"
    else:
        frames = f", {picture.frames} frames, the first is used" if picture.frames > 1 else ""
        yield f"{picture.format}, {_px(picture.size)}, {picture.mode}{frames}"
        if picture.orientation != 1:
            yield f"orientation {picture.orientation}, to be applied"
        if picture.profile is None:
            yield "colour profile: broken, ignored"
        elif picture.profile:
            yield f"colour profile: {picture.profile}, to be converted to sRGB"
        if picture.gain_map:
            yield "gain map for HDR screens: left out, the picture for others is shown"
        if picture.preview and not picture.preview_used:
            unfit = f": it {picture.preview_unfit}" if picture.preview_unfit else ""
            yield f"embedded preview: {_px(picture.preview)}, not used{unfit}"
        if picture.preview_used:
            yield f"made from the embedded preview: {_px(picture.decoded)}"
        elif picture.decoded[0] < picture.size[0]:
            yield f"decoded at {_px(picture.decoded)}"
        else:
            yield "decoded in full"
        if picture.missing:
            yield picture.missing
    if explanation.refused:
        yield f"no thumbnail: {explanation.refused.reason}"
    for thumbnail in explanation.thumbnails:
        size = f", {_px(thumbnail.size)}" if thumbnail.size else ""
        yield f"{thumbnail.path}: {thumbnail.looks}{size}"
        yield f"  {thumbnail.state}" + (f": {thumbnail.reason}" if thumbnail.reason else "")


def _px(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} px"
