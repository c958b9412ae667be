'use strict';

// What the page knows, and the part of it that is near the window as elements.

// The fields of a picture as page.py has them; the last is added here. In SIZES each thumbnail has
// four: width, height, bytes and URL.
const [NAME, URL_, BYTES, MTIME, WIDTH, HEIGHT, TAKEN, PLACEHOLDER, SIZES, FOLDER] = Array(10).keys();

const GAP = 4; // px between pictures
const HEAD = 44; // px, the height of a heading, as in the style sheet
const BETWEEN = 14; // px from one folder to the next
const SHAPES = [0.45, 3.2]; // narrower and wider pictures are cut in the view
const AHEAD = 1.2; // heights of the window that are made before they are seen

const $ = (id) => document.getElementById(id);
const make = (tag, props = {}, ...inner) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...inner);
  return element;
};
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
const view = $('view');
const title = document.title;

const folders = (() => {
  const found = new Map();
  for (const script of document.querySelectorAll('script[data-folder]')) {
    const line = JSON.parse(script.textContent);
    const id = script.dataset.folder;
    let folder = found.get(id);
    if (!folder) {
      folder = { id, path: line.path, source: line.source, thumbs: [], rows: [], without: [] };
      found.set(id, folder);
    }
    if (line.thumbs.length) folder.thumbs = line.thumbs;
    for (const row of line.rows) {
      row[FOLDER] = folder;
      folder.rows.push(row);
    }
    for (const one of line.without) folder.without.push(one);
    script.remove();
  }
  const parts = new Map([...found.values()].map((one) => [one, one.path.split('/')]));
  const compare = (a, b) => {
    const one = parts.get(a), other = parts.get(b);
    for (let at = 0; at < one.length && at < other.length; at++) {
      const order = collator.compare(one[at], other[at]);
      if (order) return order;
    }
    return one.length - other.length;
  };
  return [...found.values()].sort(compare);
})();

/** The address of a picture itself; '' if no link leads there. */
const original = ({ [FOLDER]: { source }, [URL_]: url, [NAME]: name }) => source && source + (url || name);
const thumbnail = (row, at) =>
  row[FOLDER].thumbs[at] + (row[SIZES][4 * at + 3] || row[URL_] || row[NAME]);
// A thumbnail that could not be read has no size.
const shape = (row) => row[SIZES][0] / row[SIZES][1] || row[WIDTH] / row[HEIGHT] || 1;
const dateOf = (row) => row[TAKEN] || new Date(row[MTIME] / 1e6).toISOString();

/** Which thumbnail is the largest. */
function largest(row) {
  let best = 0;
  for (let at = 1; at < row[SIZES].length / 4; at++) {
    if (row[SIZES][4 * at] > row[SIZES][4 * best]) best = at;
  }
  return best;
}

/** The thumbnails of the first one's shape, for the browser to choose from. */
function sourceSet(row) {
  const sizes = row[SIZES];
  const found = [];
  for (let at = 0; at < sizes.length / 4; at++) {
    const other = sizes[4 * at] / sizes[4 * at + 1];
    if (Math.abs(other / shape(row) - 1) < 0.03) found.push(`${thumbnail(row, at)} ${sizes[4 * at]}w`);
  }
  return found.length > 1 ? found.join(', ') : '';
}

// What is shown: sections of one folder each, and what of them is there as elements.
let sections = [];
let total = 0;
let density = 180;
let here = ''; // the folder that is shown with those in it; '' for all

/** Show some pictures: a list of [folder, rows]. */
function show(groups) {
  for (const section of sections) section.element?.remove();
  total = 0;
  sections = groups.map(([folder, rows]) => {
    const section = { folder, rows, first: total, lines: [], tops: [], made: new Map(), element: null };
    total += rows.length;
    return section;
  });
  arrange();
}

/** Break the rows of each section into lines of one height, and give everything its place. */
function arrange() {
  const width = view.clientWidth;
  let top = 0;
  for (const section of sections) {
    const { rows } = section;
    const lines = [];
    const tops = [];
    let y = 0;
    for (let start = 0; start < rows.length; ) {
      let end = start, sum = 0, height = Infinity;
      while (end < rows.length && height > density) {
        sum += bounded(shape(rows[end++]));
        height = (width - (end - start - 1) * GAP) / sum;
      }
      // The picture that makes a line too low goes to the next, if that is nearer to what is wanted.
      const without = sum - bounded(shape(rows[end - 1]));
      if (end - start > 1 && height <= density) {
        const higher = (width - (end - start - 2) * GAP) / without;
        if (higher - density < density - height) [end, sum, height] = [end - 1, without, higher];
      }
      // The last line may not fill the width: then it is as high as the one before.
      if (end === rows.length && height > density) height = Math.min(height, lines.at(-1)?.[2] ?? density);
      lines.push([start, end, height]);
      tops.push(y);
      y += height + GAP;
      start = end;
    }
    Object.assign(section, { lines, tops, top, height: HEAD + y });
    top += section.height + BETWEEN;
    for (const line of section.made.values()) line.remove();
    section.made.clear();
    if (section.element) place(section);
  }
  view.style.height = `${top}px`;
  draw();
}

const bounded = (ratio) => Math.min(Math.max(ratio, SHAPES[0]), SHAPES[1]);

function place(section) {
  section.element.style.top = `${section.top}px`;
  section.element.style.height = `${section.height}px`;
}

/** The last place in a sorted list of numbers that is not above `value`; 0 if all are. */
function before(numbers, value, count = numbers.length, at = (index) => numbers[index]) {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(middle) <= value) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

const sectionAt = (y) => before(sections, y, sections.length, (index) => sections[index].top);
const sectionOf = (index) => sections[before(sections, index, sections.length, (at) => sections[at].first)];

/** Make what is near the window, and let go of what is not; what has the focus stays. */
function draw() {
  const start = window.scrollY - view.offsetTop - AHEAD * innerHeight;
  const end = window.scrollY - view.offsetTop + (1 + AHEAD) * innerHeight;
  const focused = document.activeElement;
  const near = new Set();
  for (let at = sectionAt(start); at < sections.length && sections[at].top < end; at++) {
    if (sections[at].top + sections[at].height >= start) near.add(sections[at]);
  }
  let above = null;
  for (const section of sections) {
    if (near.has(section)) {
      if (!section.element) {
        section.element = sectionElement(section);
        above ? above.after(section.element) : view.prepend(section.element);
      }
      drawLines(section, start - section.top - HEAD, end - section.top - HEAD, focused);
    } else if (section.element && !section.element.contains(focused)) {
      section.element.remove();
      section.element = null;
      section.made.clear();
    }
    above = section.element || above;
  }
}

function drawLines(section, start, end, focused) {
  const first = before(section.tops, start);
  const last = before(section.tops, end);
  for (const [at, line] of section.made) {
    if ((at < first || at > last) && !line.contains(focused)) {
      line.remove();
      section.made.delete(at);
    }
  }
  const grid = section.element.lastChild;
  let next = null;
  for (let at = last; at >= first && at < section.lines.length; at--) {
    if (!section.made.has(at)) {
      const line = lineElement(section, at);
      section.made.set(at, line);
      // Where a line with the focus has stayed, this one may belong behind it.
      next ||= [...grid.children].find((other) => Number(other.dataset.at) > at) || null;
      grid.insertBefore(line, next);
    }
    next = section.made.get(at);
  }
}

function sectionElement(section) {
  const { folder, rows } = section;
  const bytes = rows.reduce((sum, row) => sum + row[BYTES], 0);
  const heading = make('h2', { id: `folder-${folder.id}` }, make('span', {}, ...crumbs(folder, false)));
  heading.append(make('small', { textContent: `${number(rows.length)} · ${size(bytes)}` }));
  const grid = make('div', { className: 'grid', role: 'list' });
  const element = make('section', {}, heading, grid);
  element.setAttribute('aria-labelledby', heading.id);
  place({ ...section, element });
  return element;
}

function lineElement(section, at) {
  const [start, end, height] = section.lines[at];
  const top = Math.round(section.tops[at]); // all in whole px, so that gaps are alike
  const high = Math.round(section.tops[at] + height) - top;
  const line = make('div', { role: 'presentation' });
  line.dataset.at = at;
  let left = 0;
  for (let index = start; index < end; index++) {
    const row = section.rows[index];
    const right = left + bounded(shape(row)) * height;
    const from = Math.round(left);
    line.append(tile(row, section.first + index, from, top, Math.round(right) - from, high));
    left = right + GAP;
  }
  return line;
}

function tile(row, index, left, top, width, height) {
  const image = make('img', { alt: row[NAME], decoding: 'async', loading: 'lazy' });
  const link = make('a', { href: original(row) || thumbnail(row, largest(row)) }, image, make('span', { textContent: row[NAME], dir: 'auto', ariaHidden: 'true' }));
  const element = make('div', { className: 'tile', role: 'listitem' }, link);
  element.ariaSetSize = total;
  element.ariaPosInSet = index + 1;
  element.dataset.index = index;
  const { style } = element;
  style.left = `${left}px`;
  style.top = `${top}px`;
  style.width = `${width}px`;
  style.height = `${height}px`;
  const canvas = row[PLACEHOLDER] && placeholderCanvas(row[PLACEHOLDER]);
  if (canvas) link.prepend(canvas);
  if (row[SIZES][largest(row) * 4] < width / 1.5) element.classList.add('small');
  image.onload = () => element.classList.add('there');
  image.onerror = () => element.classList.add('broken');
  image.sizes = `${Math.ceil(width)}px`;
  image.srcset = sourceSet(row);
  image.src = thumbnail(row, 0);
  return element;
}

/** Where a picture is in the page, in px from its top: [top, bottom]. */
function placeOf(index) {
  const section = sectionOf(index);
  const at = before(section.lines, index - section.first, section.lines.length, (line) => section.lines[line][0]);
  const top = view.offsetTop + section.top + HEAD + section.tops[at];
  return [top, top + section.lines[at][2]];
}

/** The element of a picture, after scrolling to it if it is not in sight. */
function reveal(index) {
  const [top, bottom] = placeOf(index);
  const head = $('bar').offsetHeight + HEAD;
  if (top < scrollY + head) scrollTo(scrollX, top - head - GAP);
  else if (bottom > scrollY + innerHeight) scrollTo(scrollX, bottom - innerHeight + GAP);
  draw();
  return view.querySelector(`.tile[data-index="${index}"] a`);
}

const rowAt = (index) => {
  const section = sectionOf(index);
  return section.rows[index - section.first];
};

/** A folder's path as links, but for the folder that is shown. */
function crumbs({ id, path }, withTitle) {
  const ids = id.split('/');
  const parts = path ? path.split('/').map((part, at) => [part, ids.slice(0, at + 1).join('/')]) : [];
  if (withTitle || !path) parts.unshift([title, '']);
  return parts.flatMap(([name, there], at) => {
    const text = make('bdi', { textContent: name });
    const part = there === here ? text : make('a', { href: `#${there}` }, text);
    return at ? [make('span', { className: 'apart', textContent: '/' }), part] : [part];
  });
}

const number = (value) => value.toLocaleString('en');
const size = (bytes) => {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let at = 0;
  for (; bytes >= 999.5 && at < units.length - 1; at++) bytes /= 1000;
  return `${bytes < 10 && at ? bytes.toFixed(1) : Math.round(bytes)} ${units[at]}`;
};
