// The small pictures of a film, many to a sheet: which sheet and which part of it belongs to a second.

import * as api from './api.js';

const CUE = /^([\d:.]+)\s+-->\s+([\d:.]+).*\n(.+)$/gm;
const PART = /^(.*)#xywh=(\d+),(\d+),(\d+),(\d+)$/;

const seconds = (time) => time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);

/** The parts that a WebVTT file lists, in order: `{start, end, sheet, x, y, width, height}`; times in seconds. */
function parts(text, base) {
  return [...text.replace(/\r\n?/g, '\n').matchAll(CUE)].flatMap(([, start, end, target]) => {
    const [, sheet, x, y, width, height] = target.trim().match(PART) ?? [];
    if (!sheet) return [];
    return [{ start: seconds(start), end: seconds(end), sheet: new URL(sheet, base).href, x: +x, y: +y, width: +width, height: +height }];
  });
}

/** Asked for when the first picture is wanted, and never twice. */
export class Thumbnails {
  #url;
  #parts = null;

  constructor(url) {
    this.#url = url;
  }

  /** The part of a second, or undefined while nobody knows; `ready` is called once when that has changed. */
  at(second, ready) {
    if (!this.#parts) {
      this.#parts = [];
      this.#load().then(ready);
    }
    return this.#parts.findLast((part) => part.start <= second);
  }

  async #load() {
    // Without pictures the time alone is shown, as for a film that has none yet.
    const text = await api.textAt(this.#url).catch(() => '');
    this.#parts = parts(text, new URL(this.#url, location.href));
  }
}
