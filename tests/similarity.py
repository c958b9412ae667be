"""How alike two pictures look."""

from __future__ import annotations

from array import array
from statistics import mean

from PIL import Image, ImageMath

# Wang et al., "Image quality assessment", IEEE Transactions on Image Processing 13 (4), 2004:
# (0.01 * 255)**2 and (0.03 * 255)**2, means over blocks of 8 x 8 px.
_C1, _C2 = 6.5025, 58.5225
_BLOCK = 8


def ssim(one: Image.Image, other: Image.Image) -> float:
    """The structural similarity of two pictures of one size, by their greys; 1 for equal ones."""
    x, y = (image.convert("RGB").convert("L").convert("F") for image in (one, other))
    means = [x, y, _product(x, x), _product(y, y), _product(x, y)]
    blocks = (array("f", each.reduce(_BLOCK).tobytes()) for each in means)
    similarity: float = mean(
        (2 * a * b + _C1)
        * (2 * (ab - a * b) + _C2)
        / ((a * a + b * b + _C1) * (aa - a * a + bb - b * b + _C2))
        for a, b, aa, bb, ab in zip(*blocks, strict=True)
    )
    return similarity


def _product(one: Image.Image, other: Image.Image) -> Image.Image:
    product: Image.Image = ImageMath.lambda_eval(lambda args: args["x"] * args["y"], x=one, y=other)
    return product
