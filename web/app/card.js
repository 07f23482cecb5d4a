// One film in the grid, and what can be done with a film from its menu.

import * as api from './api.js';
import { attempt, dialog, icon, make, menu, progress, say, stamp, toast } from './parts.js';
import * as words from './words.js';

const isMoving = (video) => video.state === 'received' || video.state === 'processing';

/** Makes the card of a video; `fillCard` brings it up to date. */
export function newCard() {
  const card = stamp('card');
  card.querySelector('img').addEventListener('error', (event) => { event.target.hidden = true; });
  return card;
}

/** Draws what is known of `video` into its card, changing only what changed. */
export function fillCard(card, video, inTrash) {
  card.dataset.id = video.id;
  card.dataset.is = look(video);
  const link = card.querySelector('.card-link');
  const opens = !inTrash && (video.playable || video.state !== 'failed');
  if (opens) link.href = `/watch/${video.id}`;
  else link.removeAttribute('href');
  card.toggleAttribute('data-opens', !inTrash && video.playable);
  const name = card.querySelector('.card-name');
  say(name, video.title);
  name.title = video.title;
  const still = card.querySelector('.name-still');
  if (still.textContent !== video.title) still.replaceChildren(make('span', { dir: 'auto' }, video.title));
  drawPoster(card.querySelector('img'), video.poster_url);
  say(card.querySelector('.card-meta'), meta(video));
  drawBadges(card.querySelector('.badges'), video);
  drawProgress(card, video);
  drawLinks(card.querySelector('.card-does'), video, inTrash);
  const button = card.querySelector('.card-menu');
  button.setAttribute('aria-label', `More about ${video.title}`);
  button.onclick = () => menu(button, entries(video, inTrash));
}

function look(video) {
  if (video.state === 'failed') return 'stopped';
  if (!isMoving(video)) return 'ready';
  const moves = video.fraction !== null && video.fraction !== undefined && !words.waits(video);
  return moves ? 'preparing' : 'waiting';
}

function drawPoster(image, url) {
  if (image.getAttribute('src') === (url ?? null)) return;
  image.hidden = !url;
  if (url) image.src = url;
  else image.removeAttribute('src');
}

function meta(video) {
  if (video.state === 'failed') return firstSentence(video.error || 'It could not be prepared.');
  const length = video.duration_seconds ? words.length(video.duration_seconds) : '';
  const more = isMoving(video) && video.eta_seconds ? words.left(video.eta_seconds) : '';
  return [length, more || words.day(video.created_at)].filter(Boolean).join(' · ');
}

const firstSentence = (text) => text.match(/^.*?[.!?](?=\s|$)/s)?.[0] ?? text;

function drawBadges(box, video) {
  const wanted = words.isUltra(video) ? '4K' : '';
  if (box.textContent !== wanted) box.replaceChildren(...(wanted ? [make('span', { className: 'badge' }, wanted)] : []));
}

function drawProgress(card, video) {
  const state = look(video);
  const said = state === 'preparing' ? `Preparing ${words.percent(video.fraction)}` : words.stage(video.stage ?? video.state);
  say(card.querySelector('.working b'), said);
  const line = card.querySelector('.line');
  line.classList.toggle('striped', state === 'preparing');
  progress(line, video.fraction ?? 0, [said, video.eta_seconds ? words.left(video.eta_seconds) : ''].filter(Boolean).join(', '));
}

function drawLinks(box, video, inTrash) {
  const links = [];
  if (inTrash) links.push(['rotate-ccw', 'Put back', () => bringBack(video)]);
  else if (video.state === 'failed') links.push(['rotate-ccw', 'Retry', () => again(video)], [null, 'See why', () => seeWhy(video)]);
  else if (isMoving(video)) {
    if (video.playable) links.push(['play', 'Watch now', `/watch/${video.id}`]);
    if (words.rests(video)) links.push(['rotate-ccw', 'Go on', () => again(video)]);
  }
  const shows = links.map(([, name]) => name).join();
  if (box.dataset.shows === shows) return;
  box.dataset.shows = shows;
  box.replaceChildren(...links.map(([sign, name, work]) => cardLink(sign, name, work)));
}

function cardLink(sign, name, work) {
  const tag = typeof work === 'string' ? 'a' : 'button';
  const link = make(tag, { className: 'link', tabIndex: -1 }, sign ? icon(sign) : null, name);
  if (tag === 'a') link.href = work;
  else Object.assign(link, { type: 'button', onclick: work });
  return link;
}

/** What the menu of a film offers, in its present state. */
export function entries(video, inTrash = false) {
  if (inTrash) {
    return [
      { name: 'Put back', icon: 'undo-2', do: () => bringBack(video) },
      null,
      { name: 'Delete for good', icon: 'trash-2', danger: true, do: () => deleteForGood(video) },
    ];
  }
  return [
    video.playable && { name: 'Watch', icon: 'play', do: () => location.assign(`/watch/${video.id}`) },
    { name: 'Edit name and text', icon: 'pencil', do: () => edit(video) },
    video.state === 'failed' && { name: 'Retry', icon: 'rotate-ccw', do: () => again(video) },
    video.state === 'failed' && { name: 'See why', icon: 'circle-alert', do: () => seeWhy(video) },
    video.refinement?.retriable && { name: 'Make what is missing', icon: 'rotate-ccw', do: () => again(video) },
    words.rests(video) && { name: 'Go on preparing', icon: 'rotate-ccw', do: () => again(video) },
    isMoving(video) && !words.rests(video) && { name: 'Stop preparing', icon: 'x', do: () => stop(video) },
    null,
    { name: 'Delete', icon: 'trash-2', danger: true, do: () => remove(video) },
  ].filter((entry) => entry !== false && entry !== undefined);
}

// After each change the page draws at once what it was told; the stream of changes does the rest.
const changed = (id, change) => document.dispatchEvent(new CustomEvent('video-changed', { detail: { id, change } }));

/** Asks for a new name and description, and saves them. */
export async function edit(video) {
  const title = make('input', { type: 'text', value: video.title, required: true, maxLength: 200, dir: 'auto', autocomplete: 'off' });
  const description = make('textarea', { value: video.description ?? '', rows: 4, maxLength: 5000, dir: 'auto' });
  const fields = [
    make('label', { className: 'field' }, 'Name', title, make('span', { className: 'rose' }, 'Type a name, so that the film can be found.')),
    make('label', { className: 'field' }, 'Description', description),
  ];
  const answers = [{ name: 'Leave it', value: '', kind: 'line-edge' }, { name: 'Save', value: 'save', kind: 'filled' }];
  if (await dialog('Name and text', fields, answers) !== 'save') return;
  await attempt(async () => {
    await api.change(video.id, { title: title.value.trim(), description: description.value.trim() });
    changed(video.id, 'updated');
  });
}

/** Moves the film to the trash, with a way back. */
export const remove = (video) => attempt(async () => {
  await api.trash(video.id);
  changed(video.id, 'removed');
  toast(`${video.title} is in the trash.`, { sign: 'trash-2', act: { name: 'Undo', do: () => bringBack(video) } });
});

const bringBack = (video) => attempt(async () => {
  await api.restore(video.id);
  changed(video.id, 'restored');
});

async function deleteForGood(video) {
  const words = make('p', {}, `${video.title} and everything stored of it go away now. This cannot be undone.`);
  const answers = [{ name: 'Keep it', value: '', kind: 'line-edge' }, { name: 'Delete for good', value: 'delete', kind: 'danger' }];
  if (await dialog('Delete it for good?', [words], answers) !== 'delete') return;
  await attempt(async () => {
    await api.deleteForGood(video.id);
    changed(video.id, 'removed');
  });
}

/** Prepares the film once more, from what is still there. */
export const again = (video) => attempt(async () => {
  await api.retry(video.id);
  changed(video.id, 'updated');
});

const stop = (video) => attempt(async () => {
  await api.cancel(video.id);
  changed(video.id, 'updated');
});

async function seeWhy(video) {
  const answers = [{ name: 'Close', value: '', kind: 'line-edge' }, { name: 'Retry', value: 'retry', kind: 'filled' }];
  const text = make('p', {}, video.error || 'The server gave no reason. Its log may say more.');
  if (await dialog('Why it could not be prepared', [make('p', { dir: 'auto' }, make('b', {}, video.title)), text], answers) === 'retry') again(video);
}
