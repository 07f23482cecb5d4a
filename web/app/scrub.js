// The line of a film: where it is, what is loaded, what is not prepared yet; and finding a place in it.

import * as words from './words.js';

/** Makes `line` (role slider) follow and move a film. `film` offers `place`, `length`, `ready`, `loaded`, `seek`. */
export class Scrub {
  #line;
  #film;
  #held = null;

  constructor(line, film) {
    this.#line = line;
    this.#film = film;
    line.addEventListener('pointerdown', (event) => this.#take(event));
    line.addEventListener('pointermove', (event) => this.#hover(event));
    line.addEventListener('pointerup', (event) => this.#letGo(event));
    line.addEventListener('pointercancel', () => { this.#held = null; });
    line.addEventListener('pointerleave', () => line.removeAttribute('data-hover'));
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
    this.#line.setAttribute('aria-valuetext', `${words.spoken(place)} of ${words.spoken(length)}`);
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
    this.draw();
  }

  #hover(event) {
    const place = this.#at(event);
    const output = this.#line.querySelector('output');
    const { width } = this.#line.getBoundingClientRect();
    output.textContent = place > this.#film.ready ? `${words.clock(place)} · not prepared yet` : words.clock(place);
    const half = output.offsetWidth / 2;
    const x = this.#film.length ? (place / this.#film.length) * width : 0;
    output.style.setProperty('left', `${Math.max(half, Math.min(width - half, x))}px`);
    this.#line.dataset.hover = '';
    if (this.#held === null) return;
    this.#held = Math.min(place, this.#film.ready);
    this.draw();
  }

  #letGo(event) {
    if (this.#held === null) return;
    this.#held = null;
    this.#film.seek(this.#at(event));
  }
}
