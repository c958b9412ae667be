// What is chosen: a folder, words, an order and a density; and printing.

// Of these no more are made as elements; a search finds the others.
const MOST_FOLDERS = 300;
const MOST_WITHOUT = 500;
const MOST_PRINTED = 2000;

const ORDERS = {
  name: (a, b) => collator.compare(a[NAME], b[NAME]),
  newest: (a, b) => (dateOf(a) < dateOf(b) ? 1 : -1),
  oldest: (a, b) => (dateOf(a) < dateOf(b) ? -1 : 1),
  largest: (a, b) => b[BYTES] - a[BYTES],
};

const isIn = ({ id }, place) => !place || id === place || id.startsWith(`${place}/`);
const plain = (text) => text.normalize('NFC').toLowerCase();

/** Show what is chosen. */
function choose() {
  const words = plain($('search').value).split(/\s+/).filter(Boolean);
  const finds = (folder, name) => {
    const text = plain(`${folder.path}/${name}`);
    return words.every((word) => text.includes(word));
  };
  const order = ORDERS[$('sort').value];
  const shown = folders.filter((folder) => isIn(folder, here));
  const groups = shown.map((folder) => {
    const rows = words.length ? folder.rows.filter((row) => finds(folder, row[NAME])) : folder.rows.slice();
    return [folder, rows.sort(order)];
  });
  show(groups.filter(([, rows]) => rows.length));
  const all = shown.reduce((sum, folder) => sum + folder.rows.length, 0);
  const bytes = groups.flatMap(([, rows]) => rows).reduce((sum, row) => sum + row[BYTES], 0);
  const pictures = all === 1 ? 'picture' : 'pictures';
  $('count').textContent = words.length
    ? `${number(total)} of ${number(all)} ${pictures}`
    : `${number(all)} ${pictures} · ${size(bytes)}`;
  $('nothing').hidden = total > 0;
  $('nothing').textContent = words.length ? 'No picture has such a name.' : 'No pictures.';
  showWithout(shown.flatMap((folder) => folder.without.map((one) => [folder, one])));
}

function showWithout(all) {
  const failed = all.filter(([, one]) => one[3]).length;
  const words = [
    ...(failed ? [`${number(failed)} failed`] : []),
    ...(all.length > failed ? [`${number(all.length - failed)} without a thumbnail`] : []),
  ];
  const [summary, list] = $('without').children;
  $('without').hidden = !all.length;
  summary.textContent = words.join(', ');
  list.replaceChildren(
    ...all.slice(0, MOST_WITHOUT).map(([folder, [name, url, reason]]) => {
      const path = folder.path ? `${folder.path}/${name}` : name;
      const text = make('bdi', { textContent: path });
      const shown = folder.source ? make('a', { href: folder.source + (url || name) }, text) : text;
      return make('li', {}, shown, `: ${reason}`);
    }),
  );
  if (all.length > MOST_WITHOUT) list.append(make('li', { textContent: `and ${number(all.length - MOST_WITHOUT)} more` }));
}

/** Go to the folder that the address names. */
function enter() {
  const wanted = location.hash.slice(1);
  here = folders.some((folder) => isIn(folder, wanted)) ? wanted : '';
  const depth = here ? here.split('/').length : 0;
  const inner = new Map();
  let path = '';
  for (const folder of folders.filter((folder) => isIn(folder, here))) {
    const [ids, parts] = [folder.id.split('/'), folder.path.split('/')];
    path = parts.slice(0, depth).join('/');
    if (!folder.path || parts.length <= depth) continue;
    const id = ids.slice(0, depth + 1).join('/');
    const [name, count] = inner.get(id) || [parts[depth], 0];
    inner.set(id, [name, count + folder.rows.length]);
  }
  $('crumbs').replaceChildren(...crumbs({ id: here, path }, true));
  const links = [...inner].slice(0, MOST_FOLDERS).map(([id, [name, count]]) =>
    make('a', { href: `#${id}` }, make('bdi', { textContent: name }), make('small', { textContent: number(count) })),
  );
  $('folders').replaceChildren(...links);
  $('folders').hidden = !links.length;
  document.title = here ? `${path.split('/').pop()} – ${title}` : title;
  choose();
  scrollTo(0, 0);
}

/** Arrange everything anew and keep in sight what is. */
function rearrange() {
  const head = $('bar').offsetHeight;
  const y = scrollY + head + HEAD - view.offsetTop;
  let index = -1, offset = 0;
  if (total && scrollY > view.offsetTop) {
    const section = sections[sectionAt(y)];
    const [start] = section.lines[before(section.tops, y - section.top - HEAD)];
    index = section.first + start;
    offset = placeOf(index)[0] - scrollY;
  }
  arrange();
  if (index >= 0) scrollTo(0, placeOf(index)[0] - offset);
}

let frame = 0;
const soon = (task) => () => {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(task);
};
addEventListener('scroll', soon(draw), { passive: true });
addEventListener('hashchange', enter);

let width = 0;
new ResizeObserver(() => {
  document.documentElement.style.setProperty('--bar', `${$('bar').offsetHeight}px`);
  if (view.clientWidth !== width && open < 0) { // else only the scroll bar has gone
    width = view.clientWidth;
    rearrange();
  }
}).observe(view);
new ResizeObserver(() => {
  document.documentElement.style.setProperty('--bar', `${$('bar').offsetHeight}px`);
}).observe($('bar'));

let typed = 0;
$('search').addEventListener('input', () => {
  clearTimeout(typed);
  typed = setTimeout(() => {
    choose();
    scrollTo(0, 0);
  }, 120);
});
$('sort').addEventListener('change', choose);
$('controls').addEventListener('submit', (event) => event.preventDefault());
$('density').addEventListener('input', ({ target }) => {
  density = target.valueAsNumber;
  soon(rearrange)();
});

view.addEventListener('click', (event) => {
  const element = event.target.closest('.tile');
  if (!element || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  openBox(Number(element.dataset.index));
});
view.addEventListener('keydown', (event) => {
  const element = event.target.closest('.tile');
  if (!element || event.ctrlKey || event.metaKey || event.altKey) return;
  const index = Number(element.dataset.index);
  const section = sectionOf(index);
  const at = before(section.lines, index - section.first, section.lines.length, (line) => section.lines[line][0]);
  const to = {
    ArrowLeft: () => index - 1,
    ArrowRight: () => index + 1,
    ArrowUp: () => beside(element, section, at - 1, index),
    ArrowDown: () => beside(element, section, at + 1, index),
    Home: () => 0,
    End: () => total - 1,
  }[event.key]?.();
  if (to === undefined) return;
  event.preventDefault();
  if (to >= 0 && to < total) reveal(to)?.focus({ preventScroll: true });
});

/** The picture in another line that is above or below the middle of this one. */
function beside(element, section, at, index) {
  const line = section.lines[at];
  if (!line) return at < 0 ? section.first - 1 : section.first + section.rows.length;
  const middle = parseFloat(element.style.left) + parseFloat(element.style.width) / 2;
  let [start, end, height] = line;
  for (let right = 0; start < end - 1; start++) {
    right += bounded(shape(section.rows[start])) * height + GAP;
    if (right > middle) break;
  }
  return section.first + start;
}

// On paper nothing scrolls: what is chosen is put on a sheet of its own, as far as that is sensible.
addEventListener('beforeprint', () => {
  let left = MOST_PRINTED;
  for (const section of sections) {
    const rows = section.rows.slice(0, left);
    left -= rows.length;
    if (!rows.length) break;
    const tiles = rows.map((row) =>
      make('figure', {}, make('img', { src: thumbnail(row, 0), alt: '' }), make('figcaption', { textContent: row[NAME] })),
    );
    const heading = make('h2', { textContent: [title, ...section.folder.path.split('/')].filter(Boolean).join(' / ') });
    $('sheet').append(heading, make('div', {}, ...tiles));
  }
  if (total > MOST_PRINTED) {
    $('sheet').append(make('p', { textContent: `and ${number(total - MOST_PRINTED)} more` }));
  }
});
addEventListener('afterprint', () => $('sheet').replaceChildren());

density = innerWidth <= 640 ? 120 : 180;
$('density').value = density;
enter();
