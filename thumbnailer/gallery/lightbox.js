// One picture, as large as it gets.

const box = $('box');
const figure = box.firstElementChild;
const picture = $('picture');

// What browsers show; of other formats there is only the thumbnail. Larger files are not loaded
// unasked.
const SHOWN = /\.(jpe?g|jpe|jfif|a?png|webp|gif|avif|bmp)$/i;
const MOST_BYTES = 64e6;

// By how much a thumbnail is enlarged where there is nothing better.
const ENLARGED = 2.5;

let open = -1; // which picture; -1 for none
let fitted = [1, 1]; // its full width and height in px

function showPicture(index) {
  open = index;
  const row = rowAt(index);
  const at = largest(row);
  const [width, height] = row[SIZES].slice(4 * at, 4 * at + 2);
  picture.alt = row[NAME];
  picture.src = thumbnail(row, at);
  const isThere = original(row) && SHOWN.test(row[NAME]) && row[BYTES] <= MOST_BYTES && row[WIDTH];
  const full = isThere ? [row[WIDTH], row[HEIGHT]] : [width * ENLARGED, height * ENLARGED];
  fit(full);
  if (isThere && parseFloat(picture.style.width) * devicePixelRatio > width && !navigator.connection?.saveData) loadOriginal(row);

  $('name').textContent = row[NAME];
  const px = row[WIDTH] ? [`${row[WIDTH]} × ${row[HEIGHT]}`] : [];
  const position = `${number(index + 1)} of ${number(total)}`;
  $('position').textContent = position;
  $('facts').textContent = [...px, size(row[BYTES]), when(row)].filter(Boolean).join(' · ');
  $('original').hidden = !original(row);
  $('original').href = original(row) || thumbnail(row, at);
  // Not `disabled`: a button that is loses the focus, and with it the keys.
  $('back').ariaDisabled = index === 0;
  $('next').ariaDisabled = index === total - 1;
  box.ariaLabel = `Picture ${position}`;
  for (const near of [index + 1, index - 1]) {
    if (near >= 0 && near < total) new Image().src = thumbnail(rowAt(near), largest(rowAt(near)));
  }
}

/** Give the picture the place that it takes at its full size, as far as there is room. */
function fit(full) {
  fitted = full;
  const [most, highest] = [figure.clientWidth, figure.clientHeight - figure.lastElementChild.offsetHeight - 16];
  const scale = Math.min(most / full[0], highest / full[1], 1);
  picture.style.width = `${full[0] * scale}px`;
  picture.style.height = `${full[1] * scale}px`;
}

async function loadOriginal(row) {
  const image = new Image();
  image.src = original(row);
  try {
    await image.decode();
  } catch {
    return; // it is somewhere else, or no picture to this browser: the thumbnail stays
  }
  if (open >= 0 && rowAt(open) === row) picture.src = image.src;
}

const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const when = (row) => {
  const date = row[TAKEN] ? new Date(row[TAKEN].replace(' ', 'T')) : new Date(row[MTIME] / 1e6);
  return isNaN(date) ? '' : dates.format(date);
};

// The browser's button "back" closes it, since on a phone there is no other key: an open picture is
// an entry of the history. The page stays where it was scrolled to meanwhile.
function openBox(index) {
  document.documentElement.classList.add('still');
  history.scrollRestoration = 'manual';
  history.pushState({ isOpen: true }, '');
  box.showModal();
  box.focus();
  showPicture(index);
}

box.addEventListener('close', () => {
  document.documentElement.classList.remove('still');
  const index = open;
  open = -1;
  picture.removeAttribute('src');
  if (document.fullscreenElement) document.exitFullscreen();
  if (history.state?.isOpen) history.back();
  if (index < total) reveal(index)?.focus({ preventScroll: true });
});
addEventListener('popstate', () => {
  if (open >= 0) box.close();
  history.scrollRestoration = 'auto';
});

const step = (by) => showPicture(Math.min(Math.max(open + by, 0), total - 1));

// Wherever the focus is: in some browsers a click leaves it nowhere.
addEventListener('keydown', (event) => {
  if (open < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === ' ' && event.target.closest('button, a')) return; // which it presses
  const act = {
    ArrowLeft: () => step(-1),
    ArrowUp: () => step(-1),
    ArrowRight: () => step(1),
    ArrowDown: () => step(1),
    ' ': () => step(event.shiftKey ? -1 : 1),
    Home: () => step(-total),
    End: () => step(total),
    f: toggleFullscreen,
    F: toggleFullscreen,
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

function toggleFullscreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else figure.requestFullscreen?.(); // a dialog itself may not
}
$('back').onclick = () => step(-1);
$('next').onclick = () => step(1);
$('close').onclick = () => box.close();
box.addEventListener('click', ({ target }) => {
  if (target === box || target.tagName === 'FIGURE') box.close();
});

// Enlarged by two fingers, one moves what is seen.
const isCloser = () => (window.visualViewport?.scale ?? 1) > 1.01;
window.visualViewport?.addEventListener('resize', () => box.classList.toggle('closer', isCloser()));

let touched = null;
box.addEventListener('touchstart', ({ touches }) => {
  touched = touches.length === 1 ? touches[0] : null;
}, { passive: true });
box.addEventListener('touchend', ({ changedTouches: [end] }) => {
  if (!touched || isCloser()) return;
  const [x, y] = [end.clientX - touched.clientX, end.clientY - touched.clientY];
  if (Math.abs(x) > 50 && Math.abs(x) > 2 * Math.abs(y)) step(x < 0 ? 1 : -1);
});
addEventListener('resize', () => open >= 0 && fit(fitted));
