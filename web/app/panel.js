// The one menu of the player: quality, sound, subtitles and speed side by side.

import { icon, make } from './parts.js';
import * as words from './words.js';

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

export class Panel {
  #box;
  #button;
  #film;

  /** `film` offers `stream`, `rate`, `setRate`, `choose`, `chooseSound`, `chooseSubtitles`. */
  constructor(box, button, film) {
    this.#box = box;
    this.#button = button;
    this.#film = film;
    box.addEventListener('keydown', (event) => this.#key(event));
    document.addEventListener('pointerdown', (event) => {
      if (this.isOpen && !box.contains(event.target) && !button.contains(event.target)) this.close(false);
    });
  }

  get isOpen() { return !this.#box.hidden; }

  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  open() {
    this.#box.hidden = false;
    this.#button.setAttribute('aria-expanded', 'true');
    this.draw();
    this.#box.querySelector('[aria-checked="true"]')?.focus();
  }

  close(refocus = true) {
    this.#box.hidden = true;
    this.#button.setAttribute('aria-expanded', 'false');
    if (refocus) this.#button.focus();
  }

  draw() {
    if (!this.isOpen) return;
    const held = this.#box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.#box.replaceChildren(...[this.#quality(), this.#sound(), this.#subtitles(), this.#speed()].filter(Boolean));
    if (held) this.#box.querySelector(`[data-key="${held}"]`)?.focus();
  }

  #quality() {
    const { stream } = this.#film;
    const rungs = stream?.rungs ?? [];
    const { present, chosen } = stream ?? {};
    const name = (rung) => words.rung(rung.width, rung.height) || 'Sound only';
    return column('Quality', rungs.length ? 'Mbit/s' : '', [
      { key: 'auto', name: present ? `Auto (${name(present)})` : 'Auto', aside: '', chosen: !chosen, do: () => this.#film.choose(-1) },
      ...rungs.map((rung) => ({
        key: `rung${rung.width}x${rung.height}`,
        name: name(rung),
        aside: (rung.bits / 1e6).toFixed(1),
        chosen: chosen?.id === rung.id,
        do: () => this.#film.choose(rung.id),
      })),
    ]);
  }

  #sound() {
    const sounds = this.#film.stream?.sounds ?? [];
    if (sounds.length < 2) return null;
    const differ = new Set(sounds.map((sound) => sound.channels)).size > 1;
    return column('Sound', '', sounds.map((sound) => ({
      key: `sound${sound.id}`,
      name: sound.name,
      aside: differ ? words.channels(sound.channels) : '',
      chosen: sound.id === this.#film.stream.sound,
      do: () => this.#film.chooseSound(sound.id),
    })));
  }

  #subtitles() {
    const subtitles = this.#film.stream?.subtitles ?? [];
    if (!subtitles.length) return null;
    const { subtitle } = this.#film.stream;
    return column('Subtitles', '', [
      { key: 'subtitles-off', name: 'Off', aside: '', chosen: subtitle < 0, do: () => this.#film.chooseSubtitles(-1) },
      ...subtitles.map((track) => ({
        key: `subtitles${track.id}`,
        name: track.name,
        aside: track.forced ? 'forced' : '',
        chosen: track.id === subtitle,
        do: () => this.#film.chooseSubtitles(track.id),
      })),
    ]);
  }

  #speed() {
    return column('Speed', '', SPEEDS.map((rate) => ({
      key: `rate${rate * 100}`,
      name: rate === 1 ? 'Normal' : `${rate} ×`,
      aside: '',
      chosen: rate === this.#film.rate,
      do: () => this.#film.setRate(rate),
    })));
  }

  #key(event) {
    const buttons = [...this.#box.querySelectorAll('button')];
    const at = document.activeElement;
    const own = [...at.closest('.column').querySelectorAll('button')];
    const columns = [...this.#box.children];
    const beside = (step) => columns[columns.indexOf(at.closest('.column')) + step]?.querySelector('[aria-checked="true"], button');
    const to = {
      ArrowDown: () => own[(own.indexOf(at) + 1) % own.length],
      ArrowUp: () => own.at(own.indexOf(at) - 1),
      ArrowRight: () => beside(1),
      ArrowLeft: () => beside(-1),
      Home: () => buttons[0],
      End: () => buttons.at(-1),
    }[event.key];
    if (event.key === 'Escape') this.close();
    else if (to) to()?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function column(heading, unit, items) {
  const buttons = items.map((item) => {
    const button = make('button', { type: 'button' }, icon('check'), make('span', {}, item.name), make('small', {}, item.aside));
    button.dataset.key = item.key;
    button.setAttribute('role', 'menuitemradio');
    button.setAttribute('aria-checked', String(item.chosen));
    button.addEventListener('click', item.do);
    return button;
  });
  const box = make('div', { className: 'column' }, make('p', {}, heading, make('span', {}, unit)), ...buttons);
  box.setAttribute('role', 'group');
  box.setAttribute('aria-label', heading);
  return box;
}
