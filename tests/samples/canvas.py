"""What every scene is drawn with: paint, outlines, and the canvas they meet on."""

from collections.abc import Iterable
from functools import cache
from math import ceil, cos, floor, sin, tau
from random import Random

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageOps

Size = tuple[int, int]
Point = tuple[float, float]
Fill = str | Image.Image  # a string names colours, top to bottom: "navy #fa8 #fff0"

# --- Paint: everything coloured is a grey picture read through a row of colours ---


def tint(grey: Image.Image, colours: str) -> Image.Image:
    """Turn black-to-white into the first-to-last of the named colours (alpha allowed)."""
    stops = [ImageColor.getrgb(name) for name in colours.split()]
    stops = [(*stop, 255)[:4] for stop in stops] * (2 if len(stops) == 1 else 1)
    palette = bytearray()
    for place in (i / 255 * (len(stops) - 1) for i in range(256)):
        k = min(floor(place), len(stops) - 2)
        mixed = (a + (b - a) * (place - k) for a, b in zip(stops[k], stops[k + 1], strict=True))
        palette += bytes(round(value) for value in mixed)
    toned = grey.copy()
    toned.putpalette(bytes(palette), "RGBA")
    return toned.convert("RGBA")


@cache
def down(colours: str) -> Image.Image:
    """A vertical gradient."""
    return tint(Image.linear_gradient("L"), colours)


@cache
def across(colours: str) -> Image.Image:
    """A horizontal gradient."""
    return down(colours).transpose(Image.Transpose.ROTATE_90)


@cache
def orb(colours: str, x: float = 0.5, y: float = 0.5, reach: float = 0.5) -> Image.Image:
    """A radial gradient around (x, y): a glow, or with the defaults moved, a ball lit aside."""
    side = round(512 * reach)
    left, top = round(side / 2 - 256 * x), round(side / 2 - 256 * y)
    # Pillow's rings reach white in the corners only; here they reach it at the rim. Cropping
    # beyond them adds black, so they are cropped while black means "far away".
    nearness = [max(0, 255 - round(value * 2**0.5)) for value in range(256)]
    rings = Image.radial_gradient("L").point(nearness).resize((side, side))
    return tint(ImageOps.invert(rings.crop((left, top, left + 256, top + 256))), colours)


def ball(colours: str) -> Image.Image:
    return orb(colours, 0.36, 0.3, 1.1)


def noise(rng: Random, size: Size) -> Image.Image:
    return Image.frombytes("L", size, rng.randbytes(size[0] * size[1]))


def cloud(rng: Random, columns: int, rows: int, octaves: int = 5) -> Image.Image:
    """Soft fractal noise; few columns and many rows give streaks."""
    total = Image.new("L", (512, 512), 128)
    for octave in reversed(range(octaves)):
        layer = noise(rng, (columns << octave, rows << octave))
        total = Image.blend(total, layer.resize(total.size, Image.Resampling.BICUBIC), 0.5)
    return ImageOps.autocontrast(total, cutoff=1)


def see_through(paint: Image.Image, mask: Image.Image) -> None:
    """Let the mask's dark parts take from the paint's own opacity."""
    paint.putalpha(ImageChops.multiply(paint.getchannel("A"), mask))


# --- Outlines: all measures are in picture heights, y from 0 (top) to 1 (bottom) ---


def box(left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def oval(
    x: float, y: float, rx: float, ry: float = 0, turn: float = 0, arc: float = 1
) -> list[Point]:
    """An ellipse (a circle without ry), turned by an angle; arc 0.5 keeps its lower half."""
    rim = [(rx * cos(a), (ry or rx) * sin(a)) for a in (tau * arc * i / 90 for i in range(91))]
    return [(x + u * cos(turn) - v * sin(turn), y + u * sin(turn) + v * cos(turn)) for u, v in rim]


def path(
    numbers: str, x: float = 0, y: float = 0, scale: float = 1, both: bool = False
) -> list[Point]:
    """Corners "x y x y ..." in hundredths, placed and scaled; both adds the mirrored left side."""
    values = [float(number) * scale / 100 for number in numbers.split()]
    half = list(zip(values[::2], values[1::2], strict=True))
    other = [(-u, v) for u, v in reversed(half)] if both else []
    return [(x + u, y + v) for u, v in half + other]


def ridge(
    rng: Random, width: float, top: float, rise: float, pitch: float = 3, sharp: bool = False
) -> list[Point]:
    """A range of hills (or of sharp peaks) closed along the bottom edge."""
    waves = [(pitch * 1.9**k * rng.uniform(0.8, 1.2), rng.uniform(0, tau)) for k in range(7)]
    line = []
    for x in (width * i / 800 for i in range(801)):
        swings = [sin(rate * x + shift) for rate, shift in waves]
        heights = [0.7 - abs(swing) for swing in swings] if sharp else swings
        line.append((x, top - rise * sum(h * 1.9**-k for k, h in enumerate(heights))))
    return [*line, (width, 1), (0, 1)]


def pine(x: float, foot: float, height: float) -> list[Point]:
    """A fir tree in six tiers."""
    tiers = "0 -100 7 -80 4 -80 10 -62 6 -62 14 -44 9 -44 18 -27 12 -27 22 -8 3 -8 3 0"
    return path(tiers, x, foot, height, both=True)


class Canvas:
    """A picture in the making, drawn at twice its size so that edges come out smooth."""

    def __init__(self, size: Size, fill: Fill, seed: int) -> None:
        self.width, self.unit, self.rng = size[0] / size[1], 2 * size[1], Random(seed)
        self.image = Image.new("RGBA", (2 * size[0], 2 * size[1]))
        self.shape(box(0, 0, self.width, 1), fill)

    def shape(
        self, points: Iterable[Point], fill: Fill, line: float = 0, blur: float = 0, drop: float = 0
    ) -> None:
        """Fill an outline (or draw it as a line so thick), maybe blurred or dropping a shadow."""
        spots = [(x * self.unit, y * self.unit) for x, y in points]
        if drop:
            fallen = [(x / self.unit + drop, y / self.unit + drop) for x, y in spots]
            self.shape(fallen, "#0007", line, drop * 0.8)
        margin = (3 * blur + line) * self.unit
        left, top = (floor(min(axis) - margin) for axis in zip(*spots, strict=True))
        right, bottom = (ceil(max(axis) + margin) + 1 for axis in zip(*spots, strict=True))
        if right <= 0 or bottom <= 0 or left >= self.image.width or top >= self.image.height:
            return
        mask = Image.new("L", (right - left, bottom - top))
        pen, moved = ImageDraw.Draw(mask), [(x - left, y - top) for x, y in spots]
        if line:
            pen.line(moved, 255, max(1, round(line * self.unit)), "curve")
        else:
            pen.polygon(moved, 255)
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * self.unit))
        paint = (down(fill) if isinstance(fill, str) else fill).resize(mask.size)
        see_through(paint, mask)
        clipped = (max(0, -left), max(0, -top))
        self.image.alpha_composite(paint, (max(0, left), max(0, top)), clipped)

    def glow(self, x: float, y: float, radius: float, colour: str) -> None:
        """A soft light; the colour is #rgb."""
        fading = " ".join(f"{colour}{alpha:02x}" for alpha in (250, 140, 70, 35, 16, 6, 0))
        self.shape(oval(x, y, radius), orb(fading))

    def clouds(self, top: float, bottom: float, rows: int, colour: str) -> None:
        """Streaks of cloud in a #rrggbb colour, fading out towards both edges of their band."""
        streaks = tint(cloud(self.rng, 2, rows), f"{colour}00 {colour}00 {colour}44 {colour}dd")
        fade = down("#0000 #000 #000 #0000").getchannel("A")
        see_through(streaks, fade.resize(streaks.size))
        self.shape(box(0, top, self.width, bottom), streaks)

    def mirror(self, level: float, tone: str, sway: float = 0.003) -> None:
        """Fill everything below a level with water that reflects what stands above it."""
        edge, (width, height) = round(level * self.unit), self.image.size
        above = self.image.crop((0, 2 * edge - height, width, edge))
        flipped = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        smeared = flipped.resize((width, above.height // 16)).resize(above.size)
        for y in range(above.height):
            near = y / self.unit
            swing = (0.3 + 3 * near) * (sin(90 * near**0.6) + sin(211 * near**0.6 + 1))
            row = smeared.crop((0, y, width, y + 1))
            self.image.paste(row, (0, edge + y))  # closes the gap at the swaying row's end
            self.image.paste(row, (round(sway * self.unit * swing), edge + y))
        self.shape(box(0, level, self.width, 1), tone)
        glints = tint(cloud(self.rng, 3, 40), "#0122 #0120 #fff0 #fff2")
        self.shape(box(0, level, self.width, 1), glints)

    def picture(self, grain: int = 6) -> Image.Image:
        """The finished RGB picture; a little grain keeps soft skies free of bands."""
        done = self.image.reduce(2).convert("RGB")
        grains = noise(self.rng, done.size).point([value * grain // 255 for value in range(256)])
        return ImageChops.add(done, Image.merge("RGB", [grains] * 3), 1, -grain // 2)
