// A blurred picture of a few bytes, shown until the thumbnail is there. The form of these bytes is
// ThumbHash's: see imaging/encode/placeholder.py.

const BLURRED = 16; // px on the longer side; the browser enlarges it

/** A canvas that shows a placeholder, in base64; null if it is none. */
function placeholderCanvas(text) {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  if (bytes.length < 17) return null;
  const bits = bitReader(bytes);
  const mean = [bits(6) / 63, bits(6) / 31.5 - 1, bits(6) / 31.5 - 1];
  const scale = [bits(5) / 31];
  const hasAlpha = bits(1) === 1;
  const shorter = bits(3);
  // Colours are shown a little stronger, since rounding weakens them.
  scale.push((bits(6) / 63) * 1.25, (bits(6) / 63) * 1.25);
  const longer = hasAlpha ? 5 : 7;
  const isWide = bits(1) === 1;
  const [columns, rows] = isWide ? [longer, shorter] : [shorter, longer];
  const counts = [[Math.max(3, columns), Math.max(3, rows)], [3, 3], [3, 3]];
  if (hasAlpha) {
    mean.push(bits(4) / 15);
    scale.push(bits(4) / 15);
    counts.push([5, 5]);
  }
  const width = Math.max(1, Math.round(BLURRED * Math.min(1, columns / rows)));
  const height = Math.max(1, Math.round(BLURRED * Math.min(1, rows / columns)));
  const planes = counts.map((count, at) => plane(width, height, mean[at], scale[at], count, bits));

  const canvas = make('canvas', { width, height });
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const [light, yellow, red, alpha = 1] = planes.map((one) => one[at]);
    const blue = light - (2 / 3) * yellow;
    const warm = (3 * light - blue + red) / 2;
    image.data.set([warm, warm - red, blue, alpha].map((one) => 255 * one), 4 * at);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A function that returns the next bits of some bytes as a number, the lowest first. */
function bitReader(bytes) {
  let at = 0;
  return (count) => {
    let value = 0;
    for (let bit = 0; bit < count; bit++, at++) value |= ((bytes[at >> 3] >> (at & 7)) & 1) << bit;
    return value;
  };
}

/** The values of a plane, of its mean and of the next frequencies: a triangle of them. */
function plane(width, height, mean, scale, [columns, rows], bits) {
  const values = new Float32Array(width * height).fill(mean);
  for (let row = 0; row < rows; row++) {
    for (let column = row ? 0 : 1; column * rows < columns * (rows - row); column++) {
      const strength = (bits(4) / 7.5 - 1) * scale * 2;
      for (let y = 0, at = 0; y < height; y++) {
        const across = strength * wave(row, y, height);
        for (let x = 0; x < width; x++) values[at++] += across * wave(column, x, width);
      }
    }
  }
  return values;
}

const wave = (number, at, length) => (number ? Math.cos((Math.PI / length) * number * (at + 0.5)) : 1);
