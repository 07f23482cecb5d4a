// The watch page: the player, what is known of the film, and waiting for a film that is not there yet.

import * as api from './api.js';
import { edit, entries } from './card.js';
import { gather, listen } from './events.js';
import { drawMade } from './made.js';
import { icon, make, menu, progress, say, stamp, toast } from './parts.js';
import { Player } from './player.js';
import { addSubtitles, choosePoster } from './sidecars.js';
import { decodes } from './stream.js';
import { drawUnmade } from './unmade.js';
import * as words from './words.js';

const page = document.querySelector('.watch');
const id = page.dataset.video;
const by = (name) => document.getElementById(name);
const player = new Player(by('stage'));
const notice = by('notice');
let video = null;
let opened = false;
let tracks = '';
let address = '';

async function refresh() {
  try {
    video = await api.videoOf(id);
  } catch (problem) {
    if (!video || problem.status === 404) showMissing(problem);
    return;
  }
  draw();
}

function draw() {
  document.title = `${video.title} · Telecine`;
  by('about').hidden = false;
  say(by('title'), video.title);
  say(by('description'), video.description ?? '');
  by('description').hidden = !video.description;
  drawFacts();
  drawPreparing();
  drawMade(video);
  drawUnmade(video);
  player.whole = video.duration_seconds ?? 0;
  const way = wayIn() || address;
  player.isPreparing = video.state !== 'ready' || way !== video.master_url;
  player.scrub.mark(video.chapters ?? [], video.thumbnails_url ?? null);
  player.draw();
  // What plays already is not taken away, whatever becomes of the rest.
  if (way) play(way);
  else showWaiting();
}

/** The master playlist to begin with: all there is, or what grows for browsers that cannot decode it; empty for neither. */
function wayIn() {
  const pictures = video.tracks.filter(({ kind }) => kind === 'video');
  if (!video.playable || pictures.length === 0 || pictures.some(({ codecs }) => decodes(codecs))) return video.master_url ?? '';
  return video.growing_url ?? '';
}

function play(url) {
  notice.hidden = true;
  page.dataset.shows = 'film';
  const names = video.tracks.filter(({ kind, codecs }) => kind !== 'images' && codecs !== 'mp4a.40.34').map((track) => track.name).sort().join();
  if (!opened) {
    opened = true;
    player.open(url, video.poster_url);
  } else if (names !== tracks || url !== address) {
    // Players read a master once; new qualities, sounds and subtitles are in a new one.
    player.stream?.renew(url);
  }
  [tracks, address] = [names, url];
  nameChapters();
  if (video.poster_url && by('player').getAttribute('poster') !== video.poster_url) by('player').poster = video.poster_url;
}

// For those who listen, and for what a browser makes of chapters; the line of the film shows them to the eye.
function nameChapters() {
  const film = by('player');
  if (!video.chapters_url || film.querySelector('track[kind=chapters]')) return;
  film.append(make('track', { kind: 'chapters', label: 'Chapters', src: video.chapters_url, default: true }));
}

function showWaiting() {
  page.dataset.shows = 'notice';
  let card = notice.querySelector('.notice-card');
  if (!card) {
    card = stamp('notice-card');
    notice.replaceChildren(card);
  }
  notice.hidden = false;
  const { heading, text, stands, fraction } = waiting();
  say(card.querySelector('h2'), heading);
  say(card.querySelector('p'), text);
  const line = card.querySelector('.line');
  line.hidden = stands;
  line.classList.add('striped');
  progress(line, fraction, fraction === null ? 'working' : words.percent(fraction));
  drawAnswers(card.querySelector('.notice-does'), stands);
}

// Why there is no film to be seen; `stands`: nothing moves until somebody says so.
function waiting() {
  const { state, error, refinement, fraction } = video;
  if (state === 'failed') return { heading: 'This film could not be prepared', text: error || 'The server gave no reason.', stands: true };
  if (words.rests(video)) return { heading: 'This film is not prepared', text: 'It was stopped. What is there is kept.', stands: true };
  if (!video.playable) return { heading: 'It can be watched in a moment', text: 'The first minutes are being prepared. It starts by itself.', stands: false, fraction };
  if (refinement?.state !== 'failed') {
    return { heading: 'It can be watched in a moment', text: 'This browser cannot show the picture as it is in the file. Another form of it is being made. It starts by itself.', stands: false, fraction: null };
  }
  return { heading: 'This browser cannot play the film', text: `It cannot show the picture as it is in the file, and another form of it could not be made. ${refinement.error}`, stands: true };
}

function drawAnswers(box, stands) {
  const more = () => entries(video).find((entry) => entry?.icon === 'rotate-ccw');
  const offers = String(stands && Boolean(more()));
  if (box.dataset.shows === offers) return;
  box.dataset.shows = offers;
  const back = make('a', { className: 'button control', href: '/' }, 'Back to the library');
  const retry = make('button', { className: 'button filled', type: 'button' }, icon('rotate-ccw'), 'Try again');
  retry.addEventListener('click', () => more()?.do());
  box.replaceChildren(...(offers === 'true' ? [retry, back] : [back]));
}

function showMissing(problem) {
  player.close();
  page.dataset.shows = 'notice';
  by('about').hidden = true;
  const card = stamp('notice-card');
  const gone = problem.status === 404;
  say(card.querySelector('h2'), gone ? 'This film is not in the library' : 'This film cannot be shown');
  say(card.querySelector('p'), gone ? 'It may have been deleted. The trash keeps what was deleted for a while.' : problem.message);
  card.querySelector('.line').remove();
  card.querySelector('.notice-does').append(make('a', { className: 'button control', href: '/' }, 'Back to the library'));
  notice.replaceChildren(card);
  notice.hidden = false;
}

function drawFacts() {
  const { duration_seconds: seconds, width, height, bytes, created_at: added } = video;
  const facts = [
    seconds ? words.length(seconds) : '',
    height ? words.rung(width, height) : '',
    bytes ? words.size(bytes) : '',
    added ? `Added ${words.day(added)}` : '',
  ].filter(Boolean);
  const items = facts.map((fact) => make('li', {}, fact));
  if (video.protected) items.push(make('li', { className: 'bare' }, make('span', { className: 'badge ok' }, icon('shield-check'), 'Protected')));
  by('facts').replaceChildren(...items);
}

function drawPreparing() {
  const moving = video.playable && video.state === 'processing';
  const box = by('preparing');
  box.hidden = !moving;
  if (!moving) return;
  const rests = words.waits(video);
  say(box.querySelector('b'), rests ? words.stage(video.stage) : video.fraction === null ? 'Preparing' : `Preparing ${words.percent(video.fraction)}`);
  say(box.querySelector('span'), rests ? 'What is there can be watched.' : ['What is there can be watched already', video.eta_seconds ? words.left(video.eta_seconds) : ''].filter(Boolean).join(' · '));
  const line = box.querySelector('.line');
  line.classList.toggle('striped', !rests);
  progress(line, video.fraction, video.fraction === null ? 'working' : words.percent(video.fraction));
}

by('edit').addEventListener('click', () => edit(video));
by('add-subtitles').addEventListener('click', () => addSubtitles(video));
by('menu').addEventListener('click', () => {
  const copy = { name: 'Copy the address for a player', icon: 'copy', do: copyAddress };
  const rest = entries(video).filter((entry) => !['play', 'pencil'].includes(entry?.icon));
  const adding = [
    { name: 'Add subtitles', icon: 'captions', do: () => addSubtitles(video) },
    { name: 'Choose a poster', icon: 'image', do: () => choosePoster(video) },
  ];
  menu(by('menu'), [...adding, ...(video.playable ? [copy] : []), ...rest]);
});

async function copyAddress() {
  const address = new URL(video.master_url, location.href).href;
  try {
    await navigator.clipboard.writeText(address);
    toast('The address is copied. Any HLS player opens it.');
  } catch {
    // Without a secure context there is no clipboard: the address is shown instead.
    toast(address, { sign: 'copy' });
  }
}

const soon = gather(400, refresh);
listen('video', (event) => event.video_id === id && soon(id));
// Of a job its end is worth a look, and that another one begins; how far it is comes with the film.
listen('job', ({ video_id: of, state }) => of === id && state !== 'running' && soon(id));
listen('resync', () => soon(id));
document.addEventListener('video-changed', () => soon(id));
refresh();
