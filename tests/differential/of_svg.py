"""SVG: ways to state a size, and to draw, which a browser judges."""

from __future__ import annotations

import base64
import gzip
import io
from collections.abc import Iterator
from typing import Any

from PIL import ExifTags, Image
from support.thumbs import swapped_profile

from differential.cells import HEIGHT, WIDTH, Cell, channels, image_of

# What is drawn: four patches, of which the last is a circle, in a box of 64 x 48.
_DRAWN = (
    '<rect width="32" height="24" fill="#c33"/><rect x="32" width="32" height="24" fill="teal"/>'
    '<rect y="24" width="32" height="24" fill="#fc0"/><circle cx="48" cy="36" r="10"/>'
)
_BOX = 'viewBox="0 0 64 48"'

_SIZES = {
    "px": 'width="64" height="48"',
    "px, written out": 'width="64px" height="48px"',
    "px in single quotes": "width='64' height='48'",
    "px in lines of their own": 'width = "64"\n\theight\n=\n"48"',
    "px with fractions": 'width="+6.4e1" height="48.0"',
    "mm": f'width="320mm" height="240mm" {_BOX}',
    "cm and in": f'width="2.54cm" height=".75in" {_BOX}',
    "pt and pc": f'width="48pt" height="3pc" {_BOX}',
    "em and ex": f'width="4em" height="3em" {_BOX}',
    "view box": _BOX,
    "view box with commas": 'viewBox="0,0,64,48"',
    "view box elsewhere": 'viewBox="16 12 32 24"',
    "view box from below zero": 'viewBox="-16 -12 96 72"',
    "view box, 100 %": f'width="100%" height="100%" {_BOX}',
    "view box, 50 % by 100 %": f'width="50%" height="100%" {_BOX}',
    "view box, width": f'width="128" {_BOX}',
    "view box, height": f'height="12" {_BOX}',
    "view box, width and 100 %": f'width="128" height="100%" {_BOX}',
    "view box, auto": f'width="auto" height="auto" {_BOX}',
    "none": "",
    "100 %": 'width="100%" height="100%"',
    "width": 'width="64"',
    "height": 'height="48"',
    "width of no length": 'width="auto" height="48"',
    "style of 100 %": 'width="64" height="48" style="width:100%;height:auto"',
    "by style": 'style="width:64px;height:48px"',
    "view box of no width": 'viewBox="0 0 0 48" width="64" height="48"',
    "entity": 'width="&#54;4" height="48"',
}
_ASPECTS = ("none", "xMinYMin", "xMidYMid meet", "xMaxYMax", "xMinYMin slice", "xMaxYMid slice")

_CONTENTS = {
    "opacity": f'<g opacity=".5">{_DRAWN}</g>',
    "opacity of colours": '<rect width="40" height="40" fill="#00f8" stroke="rgb(0 128 0 / .5)"/>',
    "linear gradient": (
        '<linearGradient id="a"><stop stop-color="red"/><stop offset="1" stop-color="#00f"/>'
        '</linearGradient><rect width="64" height="48" fill="url(#a)"/>'
    ),
    "radial gradient": (
        '<radialGradient id="a" cx=".3" r=".4" spreadMethod="reflect"><stop stop-color="#fff"/>'
        '<stop offset="1" stop-color="#060" stop-opacity=".3"/></radialGradient>'
        '<rect width="64" height="48" fill="url(#a)"/>'
    ),
    "transforms": f'<g transform="translate(20 8) rotate(30) scale(.5) skewX(10)">{_DRAWN}</g>',
    "lines": (
        '<path d="M8 8h48v32q-20-9-48 0z" fill="none" stroke="#06c" stroke-width="6"'
        ' stroke-linejoin="round" stroke-dasharray="12 4"/>'
    ),
    "fill rule": '<path d="M4 4h56v40h-56zM16 16h32v16h-32z" fill-rule="evenodd"/>',
    "clip path": f'<clipPath id="a"><circle cx="32" cy="24" r="20"/></clipPath>'
    f'<g clip-path="url(#a)">{_DRAWN}</g>',
    "mask": '<mask id="a"><rect width="64" height="24" fill="#888"/></mask>'
    f'<g mask="url(#a)">{_DRAWN}</g>',
    "pattern": (
        '<pattern id="a" width="16" height="16" patternUnits="userSpaceOnUse"><rect width="8"'
        ' height="8"/></pattern><rect width="64" height="48" fill="url(#a)"/>'
    ),
    "use and symbol": (
        f'<symbol id="a" {_BOX}>{_DRAWN}</symbol><use href="#a" width="32" height="24"/>'
        '<use xlink:href="#a" x="32" y="24" width="32" height="24"/>'
    ),
    "blur": '<filter id="a"><feGaussianBlur stdDeviation="3"/></filter>'
    f'<g filter="url(#a)">{_DRAWN}</g>',
    "colour matrix": '<filter id="a"><feColorMatrix type="saturate" values="0"/></filter>'
    f'<g filter="url(#a)">{_DRAWN}</g>',
    "shadow": '<filter id="a"><feDropShadow dx="4" dy="4" flood-color="red"/></filter>'
    '<rect x="9" y="9" width="40" height="20" filter="url(#a)"/>',
    "blending": f'{_DRAWN}<rect width="64" height="48" fill="#88f"'
    ' style="mix-blend-mode:multiply"/>',
    "style sheet": f"<style>rect {{ fill: #080 }} circle {{ fill: red }}</style>{_DRAWN}",
    "style of a dark screen": (
        "<style>rect { fill: #080 } @media (prefers-color-scheme: dark)"
        f" {{ rect {{ fill: red }} }}</style>{_DRAWN}"
    ),
    "current colour": f'<g color="#808" fill="currentColor">{_DRAWN}</g>',
    "hsl and names": '<rect width="64" height="24" fill="hsl(200,80%,40%)"/>'
    '<rect y="24" width="64" height="24" fill="rebeccapurple"/>',
    "switch": '<switch><rect systemLanguage="xx" width="64" height="48" fill="red"/>'
    '<rect width="64" height="48" fill="#080"/></switch>',
    "drawing in it": f'<svg x="16" y="12" width="32" height="24" {_BOX}>{_DRAWN}</svg>',
    "beyond its edges": '<circle cx="64" cy="48" r="40" fill="#606"/>',
    "hidden": f'<g visibility="hidden">{_DRAWN}</g><g display="none">{_DRAWN}</g>',
    "script": f"{_DRAWN}<script>document.documentElement.remove()</script>",
    "animation": '<rect width="64" height="48"><animate attributeName="width" begin="9s" to="1"'
    ' dur="1s"/></rect>',
    "marker": '<marker id="a" markerWidth="4" markerHeight="4" refX="2" refY="2"><rect width="4"'
    ' height="4" fill="red"/></marker><path d="M12 24h40" stroke="#000" stroke-width="4"'
    ' marker-end="url(#a)"/>',
}

# What librsvg does not know, or draws otherwise, so that a note is made.
_UNKNOWN = {
    "HTML": f'{_DRAWN}<foreignObject width="64" height="48"><div xmlns="http://www.w3.org/1999/xhtml"'
    ' style="background:#080;height:48px"/></foreignObject>',
    "gradient in linear light": (
        '<linearGradient id="a" color-interpolation="linearRGB"><stop stop-color="red"/><stop'
        ' offset="1" stop-color="#0f0"/></linearGradient>'
        '<rect width="64" height="48" fill="url(#a)"/>'
    ),
    "variables": "<style>:root { --a: #080 } rect { fill: var(--a) }</style>"
    '<rect width="64" height="48"/>',
    "calculations": '<rect style="width:calc(32px + 32px);height:48px"/>',
    "colours by functions": '<rect width="64" height="48" fill="oklch(.6 .2 140)"/>',
    "filters by functions": '<rect width="64" height="48" fill="red"'
    ' style="filter:hue-rotate(90deg)"/>',
    "shapes that clip": f'<g style="clip-path:circle(20px at 20px 20px)">{_DRAWN}</g>',
    "origins of transforms": f'<g style="transform:rotate(45deg);transform-origin:center">{_DRAWN}'
    "</g>",
    "rules for screens": f"<style>@media screen {{ rect {{ fill: #080 }} }}</style>{_DRAWN}",
    "rules in layers": f"<style>@layer a {{ rect {{ fill: #080 }} }}</style>{_DRAWN}",
}


def cells() -> Iterator[Cell]:
    for words, size in _SIZES.items():
        yield _cell("size", words, _svg(_DRAWN, size))
    for aspect in _ASPECTS:
        size = f'width="64" height="32" {_BOX} preserveAspectRatio="{aspect}"'
        yield _cell("shape kept", aspect, _svg(_DRAWN, size))
    for words, content in _CONTENTS.items():
        yield _cell("drawn", words, _svg(content))
    for words, content in _UNKNOWN.items():
        yield _cell("drawn, with a note", words, _svg(content))
    yield from _with_pictures()
    yield from _files()


def _with_pictures() -> Iterator[Cell]:
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 3
    ways: dict[str, dict[str, Any]] = {
        "as it is": {},
        "turned": {"exif": turned},
        "ICC profile": {"icc_profile": swapped_profile()},
    }
    modes = {
        "png": "RGBA",
        "jpeg": "RGB",
        "gif": "RGB",
        "webp": "RGBA",
        "avif": "RGBA",
        "bmp": "RGB",
    }
    for format, mode in modes.items():
        for words, options in ways.items() if format in ("png", "jpeg", "webp") else [("", {})]:
            buffer = io.BytesIO()
            image_of(channels(mode)).save(buffer, format, **options)
            data = base64.b64encode(buffer.getvalue()).decode()
            image = f'<image width="64" height="48" href="data:image/{format};base64,{data}"/>'
            yield _cell("picture in it", f"{format.upper()} {words}", _svg(image))


def _files() -> Iterator[Cell]:
    """Of two of these a browser makes nothing, from a disk: what is drawn is known."""
    plain = _svg('<rect width="64" height="48" fill="#080"/><rect width="32" height="24"/>')
    truth = Image.new("RGB", (WIDTH, HEIGHT), "#080")
    truth.paste("black", (0, 0, WIDTH // 2, HEIGHT // 2))
    yield _cell("file", "compressed", gzip.compress(plain, mtime=0), truth, "svgz")
    yield _cell("file", "byte order mark", b"\xef\xbb\xbf" + plain, truth)
    head = '<?xml version="1.0" encoding="{}"?><!-- \u00e9 -->\n'
    for encoding in ("utf-8", "iso-8859-1", "utf-16"):
        text = head.format(encoding) + plain.decode()
        yield _cell("file", encoding, text.encode(encoding), truth)
    named = plain.replace(b"<", b"<s:").replace(b"<s:/", b"</s:").replace(b"xmlns=", b"xmlns:s=")
    yield _cell("file", "prefixed names", named, truth)
    kind = b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://127.0.0.1/svg11.dtd">'
    yield _cell("file", "document type", kind + plain, truth)


def _svg(content: str, size: str = _SIZES["px"]) -> bytes:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"<svg {names} {size}>{content}</svg>".encode()


def _cell(
    kind: str, detail: str, data: bytes, truth: Image.Image | None = None, ending: str = "svg"
) -> Cell:
    return Cell("SVG", kind, detail, ending, data, truth, most=2)
