// The browser's own HLS: it chooses the quality by itself and lets sound and subtitles be chosen.

import { keptTrack, nearest } from './remembered.js';

/** See `openStream`. */
export class NativeStream {
  rungs = [];
  present = null;
  chosen = null;
  #video;
  #url;
  #on;
  #listening = new AbortController();

  constructor(video, url, start, on) {
    this.#video = video;
    this.#url = url;
    this.#on = on;
    const { signal } = this.#listening;
    const draw = () => on.tracks();
    video.addEventListener('error', () => on.trouble('The film stopped. Load the page again to go on.'), { signal });
    for (const list of [video.audioTracks, video.textTracks]) {
      for (const name of ['addtrack', 'removetrack', 'change']) list?.addEventListener(name, draw, { signal });
    }
    this.#open(start);
  }

  #open(place) {
    this.#video.src = this.#url;
    this.#video.addEventListener('loadedmetadata', () => {
      if (place >= 0) this.#video.currentTime = place;
      const sound = nearest(this.sounds, keptTrack('sound'));
      if (sound) this.chooseSound(sound.id);
      this.chooseSubtitles(nearest(this.subtitles, keptTrack('subtitles'))?.id ?? -1);
    }, { once: true, signal: this.#listening.signal });
  }

  /** Another master means another source and a black moment, so it waits for a pause. */
  renew(url) {
    this.#url = url;
    const again = () => this.#open(this.#video.currentTime);
    if (this.#video.paused) again();
    else this.#video.addEventListener('pause', again, { once: true, signal: this.#listening.signal });
  }

  choose() {}

  get sounds() {
    const tracks = [...(this.#video.audioTracks ?? [])];
    return tracks.map(({ label, language }, id) => ({ id, name: label || language || `Sound ${id + 1}`, language }));
  }

  get sound() { return [...(this.#video.audioTracks ?? [])].findIndex((track) => track.enabled); }

  chooseSound(id) {
    [...this.#video.audioTracks].forEach((track, at) => { track.enabled = at === id; });
    this.#on.tracks();
  }

  get #texts() { return [...this.#video.textTracks].filter(({ kind }) => kind === 'subtitles' || kind === 'captions'); }
  get subtitles() { return this.#texts.map(({ label, language }, id) => ({ id, name: label || language || `Subtitles ${id + 1}`, language })); }
  get subtitle() { return this.#texts.findIndex((track) => track.mode === 'showing'); }

  chooseSubtitles(id) {
    this.#texts.forEach((track, at) => { track.mode = at === id ? 'showing' : 'disabled'; });
    this.#on.tracks();
  }

  close() {
    this.#listening.abort();
    this.#video.removeAttribute('src');
    this.#video.load();
  }
}
