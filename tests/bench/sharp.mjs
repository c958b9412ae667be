// sharp, several pictures at a time in one process: sharp.mjs FOLDER OUTPUT JOBS FORMAT SIZE...
// JOBS pictures are on their way at once, each on one thread. Without arguments: its version.

import { mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, parse } from "node:path";

const sharp = createRequire(import.meta.url)("sharp"); // unlike import, it knows NODE_PATH
const [folder, output, jobs, format, ...sizes] = process.argv.slice(2);

async function make(name) {
  for (const size of sizes) {
    const small = sharp(join(folder, name))
      .rotate() // by the EXIF data
      .resize(+size, +size, { fit: "inside", withoutEnlargement: true });
    if (format === "jpeg") small.flatten({ background: "white" });
    const target = join(output, size, `${parse(name).name}.${format.replace("jpeg", "jpg")}`);
    await small.toFormat(format, format === "png" ? {} : { quality: 80 }).toFile(target);
  }
}

if (folder === undefined) {
  console.log(`${sharp.versions.sharp}, libvips ${sharp.versions.vips}`);
} else {
  sharp.concurrency(1);
  sharp.cache(false);
  for (const size of sizes) mkdirSync(join(output, size));
  const names = readdirSync(folder);
  const hands = Array.from({ length: +jobs }, async () => {
    while (names.length) await make(names.pop());
  });
  await Promise.all(hands);
}
