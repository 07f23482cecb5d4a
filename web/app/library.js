// The library page: search, order, an endless grid, and the changes as they happen.

import * as api from './api.js';
import { fillCard, newCard } from './card.js';
import { gather, listen } from './events.js';
import { moveInGrid } from './grid-keys.js';
import { say, stamp } from './parts.js';
import * as words from './words.js';

const PAGE = 60;
const grid = document.getElementById('library');
const head = document.getElementById('library-head');
const search = document.getElementById('search');
const sort = document.getElementById('sort');
const nothing = document.getElementById('nothing');
const more = document.getElementById('more');

const cards = new Map();
const address = new URLSearchParams(location.search);
const inTrash = address.has('trash');
let cursor = null;
let total = 0;
let all = null;
// A slow answer to an old question must not be drawn over the answer to a newer one.
let question = 0;
let busy = false;

search.value = address.get('q') ?? '';
sort.value = address.get('sort') ?? 'newest';
if (!sort.value) sort.value = 'newest';
if (inTrash) {
  say(document.getElementById('library-title'), 'Trash');
  const link = document.getElementById('trash-link');
  link.href = '/';
  link.setAttribute('aria-current', 'true');
}

const query = () => ({ q: search.value.trim(), sort: sort.value, trash: inTrash ? 'true' : '' });

async function ask() {
  question += 1;
  const mine = question;
  if (!cards.size) grid.replaceChildren(...Array.from({ length: 8 }, () => stamp('skeleton')));
  try {
    const page = await api.videos({ ...query(), limit: PAGE });
    if (mine !== question) return;
    cards.clear();
    grid.replaceChildren();
    put(page);
  } catch (problem) {
    if (mine === question) failed(problem);
  }
}

async function askMore() {
  if (!cursor || busy) return;
  busy = true;
  const mine = question;
  try {
    const page = await api.videos({ ...query(), limit: PAGE, cursor });
    if (mine === question) put(page);
  } catch {
    // The band under the bar tells it; coming back asks again.
  } finally {
    busy = false;
  }
}

function put(page) {
  cursor = page.next_cursor;
  total = page.total;
  if (!search.value.trim()) all = total;
  for (const video of page.videos) draw(video);
  summary();
  watchEnd();
}

function draw(video, first = false) {
  let card = cards.get(video.id);
  if (!card) {
    card = newCard();
    cards.set(video.id, card);
    if (first) grid.prepend(card);
    else grid.append(card);
  }
  fillCard(card, video, inTrash);
  return card;
}

function summary() {
  const text = search.value.trim();
  const films = words.count(total, 'title', 'titles');
  say(document.getElementById('library-count'), text ? `${films}${all === null ? '' : ` of ${all.toLocaleString('en')}`} match “${text}”` : films);
  head.hidden = total === 0 && !text && !inTrash;
  nothing.hidden = total > 0;
  if (total > 0) {
    const current = grid.querySelector('.card-link[tabindex="0"]') ?? grid.querySelector('.card-link');
    if (current) current.tabIndex = 0;
    return;
  }
  nothing.replaceChildren(emptiness(text));
}

function emptiness(text) {
  if (!text && !inTrash) return stamp('empty');
  const box = stamp('nothing-found');
  const button = box.querySelector('button');
  say(box.querySelector('h2'), text ? 'No title matches' : 'The trash is empty');
  say(box.querySelector('p'), text ? `Nothing in the library is called or described “${text}”.` : 'What is deleted rests here for a while and can be put back.');
  say(button, text ? 'Show all' : 'Go to the library');
  button.addEventListener('click', () => (text ? clearSearch() : location.assign('/')));
  return box;
}

function failed(problem) {
  const box = stamp('nothing-found');
  say(box.querySelector('h2'), 'The library cannot be shown');
  say(box.querySelector('p'), problem.message);
  const button = box.querySelector('button');
  say(button, 'Try again');
  button.addEventListener('click', ask);
  if (!cards.size) grid.replaceChildren();
  nothing.replaceChildren(box);
  nothing.hidden = cards.size > 0;
}

// Endless: the next page is asked for two screens before the end.
const end = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && askMore(), { rootMargin: '200% 0px' });

function watchEnd() {
  // Watching anew reports at once, so that a page too short for the screen fetches the next.
  end.unobserve(more);
  if (cursor) end.observe(more);
}

// Search and order live in the address, so that back and reload keep them.
function remember() {
  const kept = new URLSearchParams();
  const { q, sort: order } = query();
  if (inTrash) kept.set('trash', '');
  if (q) kept.set('q', q);
  if (order !== 'newest') kept.set('sort', order);
  history.replaceState(null, '', kept.size ? `/?${kept}` : '/');
}

let typing;
function searchSoon(wait) {
  clearTimeout(typing);
  typing = setTimeout(() => {
    remember();
    ask();
  }, wait);
}

function clearSearch() {
  search.value = '';
  searchSoon(0);
}

search.addEventListener('input', () => searchSoon(200));
sort.addEventListener('change', () => searchSoon(0));
search.form.addEventListener('submit', (event) => {
  event.preventDefault();
  searchSoon(0);
});
search.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown') {
    event.preventDefault();
    grid.querySelector('.card-link')?.focus();
  } else if (event.key === 'Escape') {
    event.preventDefault();
    if (search.value) clearSearch();
    else search.blur();
  }
});
grid.addEventListener('keydown', (event) => moveInGrid(event, grid));
grid.addEventListener('focusin', (event) => {
  const card = event.target.closest('.card');
  if (!card) return;
  grid.querySelectorAll('[tabindex="0"]').forEach((each) => { each.tabIndex = -1; });
  card.querySelectorAll('.card-link, .card-does > *, .card-menu').forEach((each) => { each.tabIndex = 0; });
});

// Changes.
const refresh = gather(400, async (id) => {
  try {
    const video = await api.videoOf(id);
    if (cards.has(id)) fillCard(cards.get(id), video, inTrash);
    else if (!query().q && sort.value === 'newest' && !inTrash) {
      draw(video, true);
      count(1);
    }
  } catch (problem) {
    if (problem.status === 404) takeOut(id);
  }
});

function takeOut(id) {
  const card = cards.get(id);
  if (!card) return;
  const held = card.contains(document.activeElement);
  const neighbour = card.nextElementSibling ?? card.previousElementSibling;
  card.remove();
  cards.delete(id);
  count(-1);
  if (held) neighbour?.querySelector('.card-link').focus();
}

function count(step) {
  total = Math.max(0, total + step);
  if (all !== null) all = Math.max(0, all + step);
  summary();
}

function happened(id, change) {
  if (inTrash) ask();
  else if (change === 'removed') takeOut(id);
  else if (change === 'restored') ask();
  else refresh(id);
}

// Changes may have been missed: what is new comes to the front, what was moving is asked about, and the
// grid is drawn anew (which loses the place) only when the numbers still do not agree.
async function catchUp() {
  const page = await api.videos({ ...query(), limit: PAGE }).catch(() => null);
  if (!page) return;
  const fresh = page.videos.filter((video) => !cards.has(video.id));
  if (total + fresh.length !== page.total || (fresh.length && sort.value !== 'newest')) return void ask();
  fresh.reverse().forEach((video) => draw(video, true));
  count(fresh.length);
  page.videos.forEach((video) => draw(video));
  for (const [id, card] of cards) if (card.dataset.is !== 'ready') refresh(id);
}

listen('video', ({ video_id: id, change }) => happened(id, change));
listen('resync', catchUp);
document.addEventListener('video-changed', ({ detail }) => happened(detail.id, detail.change));
ask();
