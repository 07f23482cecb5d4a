// The line of a film: where it is, what is loaded, what is not prepared yet, its chapters; and finding a place
// in it by pictures.

import { make, say } from './parts.js';
import { Thumbnails } from './thumbnails.js';
import * as words from './words.js';

/** Makes `line` (role slider) follow and move a film. `film` offers `place`, `length`, `ready`, `loaded`, `seek`. */
export class Scrub {
  #line;
  #film;
  #peek;
  #held = null;
  #chapters = [];
  #thumbnails = null;
  #marked = '';
  #drawnLength = 0;

  constructor(line, film) {
    this.#line = line;
    this.#film = film;
    this.#peek = line.querySelector('.peek');
    line.addEventListener('pointerdown', (event) => this.#take(event));
    line.addEventListener('pointermove', (event) => this.#hover(event));
    line.addEventListener('pointerup', (event) => this.#letGo(event));
    line.addEventListener('pointercancel', () => { this.#held = null; });
    line.addEventListener('pointerleave', () => line.removeAttribute('data-hover'));
  }

  /** Sets the chapters (`{start_seconds, end_seconds, title}`) and the address of the pictures, or null. */
  mark(chapters, thumbnailsUrl) {
    const marked = JSON.stringify([chapters, thumbnailsUrl]);
    if (marked === this.#marked) return;
    this.#marked = marked;
    this.#chapters = chapters;
    this.#thumbnails = thumbnailsUrl && new Thumbnails(thumbnailsUrl);
    this.#drawnLength = 0;
  }

  draw() {
    const { length, ready, loaded } = this.#film;
    const place = this.#held ?? this.#film.place;
    const part = (seconds) => String(length ? Math.min(1, seconds / length) : 0);
    this.#line.style.setProperty('--played', part(place));
    this.#line.style.setProperty('--loaded', part(loaded));
    this.#line.style.setProperty('--ready', part(ready));
    this.#line.setAttribute('aria-valuemax', String(Math.floor(length)));
    this.#line.setAttribute('aria-valuenow', String(Math.floor(place)));
    const chapter = this.#chapterAt(place)?.title;
    this.#line.setAttribute('aria-valuetext', `${words.spoken(place)} of ${words.spoken(length)}${chapter ? `, ${chapter}` : ''}`);
    if (length !== this.#drawnLength) this.#drawTicks(length);
  }

  #drawTicks(length) {
    this.#drawnLength = length;
    const within = this.#chapters.filter(({ start_seconds: start }) => start > 0 && start < length);
    this.#line.querySelector('.ticks').replaceChildren(...within.map(({ start_seconds: start }) => {
      const tick = make('i');
      tick.style.setProperty('left', `${(start / length) * 100}%`);
      return tick;
    }));
  }

  #chapterAt(place) {
    return this.#chapters.findLast(({ start_seconds: start, end_seconds: end }) => start <= place && place < (end ?? Infinity));
  }

  #at(event) {
    const { left, width } = this.#line.getBoundingClientRect();
    const part = Math.max(0, Math.min(1, (event.clientX - left) / width));
    return part * this.#film.length;
  }

  #take(event) {
    if (event.button !== 0) return;
    this.#line.setPointerCapture(event.pointerId);
    this.#held = Math.min(this.#at(event), this.#film.ready);
    this.#hover(event);
  }

  #hover(event) {
    const place = this.#at(event);
    this.#line.dataset.hover = '';
    this.#drawPeek(place);
    if (this.#held === null) return;
    this.#held = Math.min(place, this.#film.ready);
    this.draw();
  }

  #drawPeek(place) {
    const isReady = place <= this.#film.ready;
    say(this.#peek.querySelector('.scrub-time'), isReady ? words.clock(place) : `${words.clock(place)} · not prepared yet`);
    say(this.#peek.querySelector('.scrub-chapter'), this.#chapterAt(place)?.title ?? '');
    this.#drawTile(isReady ? this.#thumbnails?.at(place, () => this.#drawPeek(place)) : undefined);
    const { width } = this.#line.getBoundingClientRect();
    const half = this.#peek.offsetWidth / 2;
    const x = this.#film.length ? (place / this.#film.length) * width : 0;
    this.#peek.style.setProperty('left', `${Math.max(half, Math.min(width - half, x))}px`);
  }

  // The picture is as large as its box allows; the sheet behind it is moved so that one part shows.
  #drawTile(part) {
    const tile = this.#peek.querySelector('.tile');
    tile.hidden = !part;
    if (!part) return;
    const [width, height] = this.#line.clientWidth < 600 ? [128, 72] : [248, 140];
    const scale = Math.min(width / part.width, height / part.height);
    tile.style.setProperty('width', `${part.width * scale}px`);
    tile.style.setProperty('height', `${part.height * scale}px`);
    const sheet = tile.querySelector('img');
    if (sheet.src !== part.sheet) sheet.src = part.sheet;
    sheet.style.setProperty('transform', `scale(${scale}) translate(${-part.x}px, ${-part.y}px)`);
  }

  #letGo(event) {
    if (this.#held === null) return;
    this.#held = null;
    if (event.pointerType === 'touch') this.#line.removeAttribute('data-hover');
    this.#film.seek(this.#at(event));
  }
}
