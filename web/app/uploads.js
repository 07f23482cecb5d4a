// The tray: what is being sent and prepared, live. Three files are sent at once, the rest is in line.

import * as api from './api.js';
import { gather, listen } from './events.js';
import { attempt, icon, make, progress, say, stamp } from './parts.js';
import * as words from './words.js';

const AT_ONCE = 3;
const tray = document.getElementById('uploads');
const list = document.getElementById('uploads-list');
const activity = document.getElementById('activity');
const fold = document.getElementById('uploads-fold');
const uploads = new Set();

const FILMS = /\.(mkv|mp4|m4v|mov|webm|avi|wmv|flv|ts|m2ts|mts|mpe?g|vob|ogv|ogg|3gp|mxf|asf|y4m|m4a|mp3|aac|flac|opus|wav|mka)$/i;
const DOCUMENTS = /\.(pdf|docx?|xlsx?|pptx?|odt|txt|md|rtf|html?|csv|json|xml|nfo)$/i;

/** What a file is not, when it is clearly no film: a sentence, else an empty string. */
function refusal(file) {
  if (/^(video|audio)\//.test(file.type) || FILMS.test(file.name)) return '';
  if (file.type.startsWith('image/')) return 'Not sent: this is a picture, not a film.';
  if (file.type.startsWith('text/') || DOCUMENTS.test(file.name)) return 'Not sent: this is a document, not a film.';
  if (/\.(zip|rar|7z|gz|tar|iso|exe|dmg|srt|vtt|ass|torrent)$/i.test(file.name)) return 'Not sent: this is not a film.';
  return '';
}

/** Takes files into the tray and sends them; one that is on its way already is not sent twice. */
export function add(files) {
  for (const file of files) {
    const known = [...uploads].find((upload) => upload.isUnderWay && isSame(upload.file, file));
    if (known) known.goOn();
    else uploads.add(new Upload(file));
  }
  tray.hidden = false;
  if (files.length) setFolded(false);
  next();
}

function isSame(one, other) {
  return one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
}

class Upload {
  state = 'inline';
  sent = 0;
  rate = 0;
  video = null;
  problem = null;

  constructor(file) {
    this.file = file;
    this.no = refusal(file);
    if (this.no) this.state = 'refused';
    this.row = stamp('upload-line');
    const [head, tail] = words.halves(file.name);
    say(this.row.querySelector('.head'), head);
    say(this.row.querySelector('.tail'), tail);
    this.row.querySelector('.file').title = file.name;
    this.row.querySelector('button').addEventListener('click', () => this.leave());
    list.append(this.row);
    this.draw();
  }

  async send(again = false) {
    this.state = 'sending';
    this.sent = 0;
    this.marks = [];
    this.problem = null;
    this.sending = api.upload(this.file, {
      again,
      onProgress: (sent, total) => this.went(sent, total),
      onWaiting: () => this.waits(),
    });
    this.draw();
    try {
      const answer = await this.sending.done;
      if (answer.already_in_library) throw new api.Problem(thereAlready(answer.video_id), 409);
      // The film is the server's from here on; that it cannot be asked about right now is no failure.
      this.state = 'processing';
      this.video = { id: answer.video_id, state: 'received', stage: 'received' };
      this.draw();
      await this.follow(answer.video_id).catch(() => {});
    } catch (problem) {
      if (problem.code === 'stopped') return;
      this.state = 'stopped';
      this.problem = problem;
      this.draw();
    } finally {
      next();
    }
  }

  // The speed is that of the last three seconds; the number moves at most twice a second.
  went(sent, total) {
    const now = performance.now();
    this.sent = Math.min(this.file.size, sent);
    this.waiting = false;
    // It may go on in the middle.
    if (!this.marks.length) this.marks.push([now, sent]);
    if (now - this.marks.at(-1)[0] < 500 && sent < total) return;
    this.marks.push([now, sent]);
    while (this.marks.length > 2 && now - this.marks[0][0] > 3000) this.marks.shift();
    const [then, before] = this.marks[0];
    this.rate = ((sent - before) / Math.max(1, now - then)) * 1000;
    this.draw();
  }

  waits() {
    this.waiting = true;
    this.marks = [];
    this.rate = 0;
    this.draw();
  }

  pause() {
    this.sending.pause();
    this.waits();
    this.state = 'paused';
    this.draw();
    next();
  }

  goOn() {
    if (this.state !== 'paused') return;
    this.waiting = false;
    this.state = 'sending';
    this.sending.goOn();
    this.draw();
  }

  async follow(id) {
    this.video = await api.videoOf(id);
    if (this.video.state === 'ready') this.state = 'done';
    else if (this.video.state === 'failed') this.state = 'stopped';
    else this.state = 'processing';
    this.draw();
  }

  // What is still moving is stopped; what has ended only leaves the tray.
  async leave() {
    // What the server does not hear of expires there.
    if (!this.video) this.sending?.stop()?.catch(() => {});
    if (this.state === 'processing' && !words.rests(this.video ?? {})) await attempt(() => api.cancel(this.video.id));
    uploads.delete(this);
    this.row.remove();
    tray.hidden = uploads.size === 0;
    next();
  }

  get fraction() {
    if (['sending', 'paused'].includes(this.state)) return this.file.size ? this.sent / this.file.size : 0;
    if (this.state === 'processing') return this.video?.fraction ?? null;
    return this.state === 'done' ? 1 : 0;
  }

  draw() {
    const [what, rest, tone, sign] = this.words();
    const line = this.row.querySelector('.line');
    line.hidden = !['sending', 'paused', 'processing'].includes(this.state);
    line.classList.toggle('striped', this.state === 'processing');
    progress(line, this.fraction, [what, rest].filter(Boolean).join(', '));
    const said = this.row.querySelector('.what');
    said.className = `what ${tone}`;
    if (said.textContent !== what) said.replaceChildren(...(sign ? [icon(sign)] : []), what);
    say(this.row.querySelector('.rest'), rest);
    this.row.querySelector('button').setAttribute('aria-label', `${this.isMoving || this.state === 'paused' ? 'Cancel' : 'Take away'}: ${this.file.name}`);
    this.drawThumb();
    this.drawLinks();
    sum();
  }

  get isMoving() {
    return ['inline', 'sending', 'processing'].includes(this.state);
  }

  /** Neither stopped nor all at the server. */
  get isUnderWay() {
    return ['inline', 'sending', 'paused'].includes(this.state);
  }

  words() {
    const whole = words.size(this.file.size);
    switch (this.state) {
      case 'inline': return [`In line · ${whole}`, '', ''];
      case 'refused': return [this.no, '', ''];
      case 'sending': return this.sendingWords(whole);
      case 'paused': return [`Paused at ${words.percent(this.fraction)}`, whole, '', 'pause'];
      case 'done': return [this.video.protected ? 'Ready · protected' : 'Ready', whole, 'ok', 'check'];
      case 'stopped': return [this.problem?.message ?? this.video?.error ?? 'It could not be prepared.', '', this.problem?.code === 'already_in_library' ? 'moon' : 'rose'];
      default: return this.preparingWords();
    }
  }

  sendingWords(whole) {
    if (this.waiting) return ['Waiting for the server', `${words.percent(this.fraction)} of ${whole}`, ''];
    if (this.sent >= this.file.size) return ['Sent, being checked', whole, ''];
    if (!this.rate) return [`${words.percent(this.fraction)} of ${whole}`, '', ''];
    const left = (this.file.size - this.sent) / this.rate;
    return [`${words.percent(this.fraction)} · ${words.speed(this.rate)}`, words.left(left), ''];
  }

  preparingWords() {
    const { stage, fraction, eta_seconds: left } = this.video ?? {};
    const moves = fraction !== null && fraction !== undefined && !words.waits(this.video);
    return [moves ? `Preparing ${words.percent(fraction)}` : words.stage(stage), left ? words.left(left) : '', ''];
  }

  drawThumb() {
    const thumb = this.row.querySelector('.thumb');
    const poster = this.video?.poster_url;
    const sign = { refused: 'file-x', stopped: 'circle-alert' }[this.state] ?? 'film';
    if (thumb.dataset.shows === (poster ?? sign)) return;
    thumb.dataset.shows = poster ?? sign;
    thumb.replaceChildren(poster ? make('img', { src: poster, alt: '', width: 64, height: 36 }) : icon(sign));
  }

  drawLinks() {
    const links = [];
    const known = this.problem?.code === 'already_in_library';
    const id = known ? this.problem.videoId : this.video?.id;
    if (id && (known || this.state === 'done' || (this.state === 'processing' && this.video.playable))) {
      const watch = make('a', { className: 'link', href: `/watch/${id}` }, icon('play'), this.state === 'processing' ? 'Watch now' : 'Watch');
      watch.dataset.watch = '';
      links.push(watch);
    }
    if (this.state === 'sending' && this.sent < this.file.size) links.push(this.link('Pause', () => this.pause(), 'pause'));
    if (this.state === 'paused') links.push(this.link('Continue', () => this.goOn(), 'play'));
    if (known) links.push(this.link('Add again', () => this.send(true)));
    else if (this.state === 'stopped' && this.problem) links.push(this.link('Try again', () => this.send()));
    else if (this.state === 'stopped') links.push(this.link('Retry', () => attempt(async () => this.follow((await api.retry(this.video.id))?.id ?? this.video.id))));
    const box = this.row.querySelector('.does');
    const shows = `${this.state} ${links.map((link) => link.textContent)}`;
    if (box.dataset.shows === shows) return;
    box.dataset.shows = shows;
    box.replaceChildren(...links);
  }

  link(name, work, sign = 'rotate-ccw') {
    const button = make('button', { className: 'link', type: 'button' }, icon(sign), name);
    button.addEventListener('click', work);
    return button;
  }
}

function thereAlready(id) {
  return { code: 'already_in_library', detail: 'This film is already in the library.', video_id: id };
}

function next() {
  const sending = [...uploads].filter((upload) => upload.state === 'sending').length;
  const waiting = [...uploads].filter((upload) => upload.state === 'inline');
  for (const upload of waiting.slice(0, Math.max(0, AT_ONCE - sending))) upload.send();
  sort();
  sum();
}

// What can be watched, what moves, what waits, done, stopped.
const ORDER = ['processing', 'sending', 'paused', 'inline', 'done', 'stopped', 'refused'];
const rank = (upload) => (upload.state === 'processing' && upload.video?.playable ? -1 : ORDER.indexOf(upload.state));

function sort() {
  const wanted = [...uploads].sort((a, b) => rank(a) - rank(b)).map((upload) => upload.row);
  if (wanted.some((row, index) => list.children[index] !== row)) list.append(...wanted);
}

function sum() {
  const all = [...uploads];
  const moving = all.filter((upload) => upload.isMoving);
  const rate = all.reduce((total, upload) => total + (upload.state === 'sending' ? upload.rate : 0), 0);
  const failed = all.filter((upload) => ['stopped', 'refused'].includes(upload.state)).length;
  const paused = all.some((upload) => upload.state === 'paused');
  const rest = failed ? 'Something was not added' : paused ? 'Paused' : 'Everything is ready';
  const heading = moving.length ? `Adding ${words.count(moving.length, 'film', 'films')}` : rest;
  say(document.getElementById('uploads-words'), heading);
  say(document.getElementById('uploads-sum'), sumWords(all, moving, rate));
  const weight = (upload) => Math.max(1, upload.file.size);
  const counted = all.filter((upload) => upload.isMoving || ['paused', 'done'].includes(upload.state));
  const whole = counted.reduce((total, upload) => total + weight(upload), 0);
  const gone = counted.reduce((total, upload) => total + weight(upload) * way(upload), 0);
  progress(document.getElementById('uploads-line'), whole ? gone / whole : 1, heading);
  activity.hidden = all.length === 0;
  say(activity.querySelector('.count'), moving.length ? String(moving.length) : '');
  activity.querySelector('.count').hidden = moving.length === 0;
}

// Sending is the first half of the way, preparing the second.
function way({ state, fraction }) {
  if (state === 'done') return 1;
  return (state === 'processing' ? 0.5 : 0) + (fraction ?? 0) / 2;
}

function sumWords(all, moving, rate) {
  const ready = all.filter((upload) => upload.state === 'done').length;
  const parts = [rate ? words.speed(rate) : '', moving.length && ready ? `${ready} ready` : ''].filter(Boolean);
  if (parts.length) return parts.join(' · ');
  return moving.length ? 'Films can be watched before they are complete' : words.count(all.length, 'file', 'files');
}

function setFolded(folded) {
  tray.classList.toggle('folded', folded);
  fold.setAttribute('aria-expanded', String(!folded));
  fold.setAttribute('aria-label', folded ? 'Unfold' : 'Fold');
}

fold.addEventListener('click', () => setFolded(!tray.classList.contains('folded')));
activity.addEventListener('click', () => setFolded(!tray.classList.contains('folded')));

// A page that is left takes what it sends with it: links open beside it, and leaving is asked about.
const isSending = () => [...uploads].some((upload) => upload.state === 'sending' || upload.state === 'inline');
list.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-watch]');
  if (link) link.target = isSending() ? '_blank' : '';
});
addEventListener('beforeunload', (event) => isSending() && event.preventDefault());

const refresh = gather(400, async (id) => {
  const upload = [...uploads].find((each) => each.video?.id === id);
  await upload?.follow(id).catch(() => {});
  sort();
});
listen('video', ({ video_id: id }) => [...uploads].some((upload) => upload.video?.id === id) && refresh(id));
listen('resync', () => uploads.forEach((upload) => upload.state === 'processing' && upload.video && refresh(upload.video.id)));
