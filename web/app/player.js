// The player: a <video>, its controls, and the states between. `data-state` on the video says which:
// idle, loading, playing, paused, waiting, ended, error.

import { Panel } from './panel.js';
import { say } from './parts.js';
import { takeKeys } from './player-keys.js';
import { keep, kept, keptTrack, keepTrack, nearest } from './remembered.js';
import { Scrub } from './scrub.js';
import { openStream } from './stream.js';
import * as words from './words.js';

const REST = 3000;
const REST_AFTER_TOUCH = 5000;
const RATES = [0.5, 0.75, 1, 1.25, 1.5, 2];

export class Player {
  stream = null;
  /** The length of the whole film in seconds, also of what is not prepared yet. */
  whole = 0;
  isPreparing = false;
  #trouble = '';
  #lastSubtitles = null;

  constructor(stage) {
    this.stage = stage;
    this.video = stage.querySelector('video');
    this.scrub = new Scrub(stage.querySelector('.scrub'), this);
    this.panel = new Panel(stage.querySelector('.panel'), stage.querySelector('.rung'), this);
    this.volume = stage.querySelector('.volume');
    this.#restore();
    this.#listen();
    takeKeys(this);
    if (!document.pictureInPictureEnabled) stage.querySelector('[data-do="pip"]').hidden = true;
  }

  /** Opens a master playlist, from the start, and plays if the browser lets it. */
  async open(url, poster) {
    if (poster) this.video.poster = poster;
    this.#state('loading');
    try {
      this.stream = await openStream(this.video, url, this.isPreparing ? 0 : -1, {
        tracks: () => this.#drawRungs(),
        trouble: (sentence) => this.#setTrouble(sentence),
      });
    } catch (error) {
      this.#setTrouble(error.message);
      this.#state('error');
      return;
    }
    // Without a gesture of the visitor a browser may refuse; then the big button waits for one.
    await this.video.play().catch(() => this.#state('idle'));
  }

  close() {
    this.stream?.close();
    this.stream = null;
  }

  get place() { return this.video.currentTime; }
  get ready() { return Number.isFinite(this.video.duration) ? this.video.duration : this.#seekableEnd; }
  get length() { return this.isPreparing ? Math.max(this.whole, this.ready) : this.ready || this.whole; }
  get rate() { return this.video.playbackRate; }

  get #seekableEnd() {
    const { seekable } = this.video;
    return seekable.length ? seekable.end(seekable.length - 1) : 0;
  }

  get loaded() {
    const { buffered } = this.video;
    for (let i = 0; i < buffered.length; i += 1) {
      if (buffered.start(i) <= this.place + 0.5 && buffered.end(i) >= this.place) return buffered.end(i);
    }
    return 0;
  }

  toggle() {
    if (this.video.paused) this.video.play().catch(() => {});
    else this.video.pause();
    this.#hint(this.video.paused ? 'Pause' : 'Play');
  }

  // Two seconds before the newest piece there is always something to show.
  seek(seconds) { this.video.currentTime = Math.max(0, Math.min(seconds, this.isPreparing ? this.ready - 2 : this.ready)); }
  seekPart(part) { this.seek(part * this.length); }

  skip(seconds) {
    this.seek(this.place + seconds);
    this.#hint(`${seconds < 0 ? '−' : '+'}${Math.abs(seconds)} s`);
  }

  frame(step) {
    if (this.video.paused) this.seek(this.place + step / 25);
  }

  louder(step) {
    this.video.muted = false;
    this.video.volume = Math.max(0, Math.min(1, this.video.volume + step));
    this.#hint(words.percent(this.video.volume + 0.001));
  }

  mute() {
    this.video.muted = !this.video.muted;
    this.#hint(this.video.muted ? 'Muted' : 'Sound on');
  }

  setRate(rate) {
    this.video.playbackRate = rate;
    this.video.defaultPlaybackRate = rate;
    keep('rate', String(rate));
    this.panel.draw();
  }

  faster(step) {
    const next = RATES[RATES.indexOf(this.rate) + step];
    if (!next) return;
    this.setRate(next);
    this.#hint(`${next} ×`);
  }

  choose(id) {
    this.stream.choose(id);
    this.panel.draw();
  }

  chooseSound(id) {
    this.stream.chooseSound(id);
    keepTrack('sound', this.stream.sounds[id]);
    this.panel.draw();
  }

  nextSound() {
    const sounds = this.stream?.sounds ?? [];
    if (sounds.length < 2) return;
    const next = (this.stream.sound + 1) % sounds.length;
    this.chooseSound(next);
    this.#hint(sounds[next].name);
  }

  /** Shows the subtitles of this id; -1 shows none. */
  chooseSubtitles(id) {
    this.stream.chooseSubtitles(id);
    keepTrack('subtitles', this.stream.subtitles[id] ?? null);
    this.panel.draw();
  }

  toggleSubtitles() {
    const { stream } = this;
    const subtitles = stream?.subtitles ?? [];
    if (!subtitles.length) return void this.#hint('No subtitles');
    if (stream.subtitle >= 0) this.#lastSubtitles = subtitles[stream.subtitle];
    const wish = this.#lastSubtitles ?? stream.sounds[stream.sound] ?? keptTrack('sound');
    const next = stream.subtitle >= 0 ? null : nearest(subtitles, wish) ?? subtitles[0];
    this.chooseSubtitles(next ? next.id : -1);
    this.#hint(next ? `Subtitles: ${next.name}` : 'Subtitles off');
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.stage.requestFullscreen) this.stage.requestFullscreen().catch(() => {});
    else this.video.webkitEnterFullscreen?.();
  }

  pip() {
    if (document.pictureInPictureElement) document.exitPictureInPicture();
    else this.video.requestPictureInPicture?.().catch(() => {});
  }

  /** Shows the controls, and lets them leave after a while. */
  wake(rest = REST) {
    clearTimeout(this.resting);
    this.stage.dataset.controls = 'shown';
    this.resting = setTimeout(() => {
      const busy = this.panel.isOpen || this.video.paused || this.stage.querySelector('.controls :focus-visible');
      if (!busy) this.stage.dataset.controls = 'hidden';
    }, rest);
  }

  #restore() {
    this.video.volume = Math.max(0, Math.min(1, Number(kept('volume') ?? 1)));
    this.video.muted = kept('muted') === 'true';
    const rate = Number(kept('rate'));
    if (RATES.includes(rate)) this.video.defaultPlaybackRate = rate;
    this.#drawVolume();
  }

  #listen() {
    const { video, stage } = this;
    const on = (names, work) => names.split(' ').forEach((name) => video.addEventListener(name, work));
    on('playing', () => this.#state('playing'));
    on('pause', () => this.#state(video.ended ? 'ended' : 'paused'));
    on('ended', () => this.#state('ended'));
    on('waiting stalled', () => video.paused || video.readyState > 2 || this.#state('waiting'));
    on('timeupdate progress durationchange seeking seeked', () => this.draw());
    on('seeked', () => video.paused || video.readyState < 3 || this.#state('playing'));
    on('volumechange', () => this.#drawVolume());
    stage.addEventListener('click', (event) => {
      const button = event.target.closest('[data-do]');
      if (button) this.#press(button.dataset.do);
    });
    video.addEventListener('click', (event) => this.#tap(event));
    video.addEventListener('dblclick', () => this.full());
    this.volume.addEventListener('input', () => {
      video.muted = false;
      video.volume = Number(this.volume.value) / 100;
    });
    stage.addEventListener('pointermove', (event) => this.wake(event.pointerType === 'touch' ? REST_AFTER_TOUCH : REST));
    stage.addEventListener('focusin', () => this.wake());
    stage.addEventListener('pointerleave', () => this.wake(600));
    document.addEventListener('fullscreenchange', () => stage.toggleAttribute('data-full', document.fullscreenElement === stage));
  }

  #press(what) {
    const work = { play: 'toggle', mute: 'mute', full: 'full', pip: 'pip' }[what];
    if (work) this[work]();
    else if (what === 'panel') this.panel.toggle();
    else this.skip(what === 'back' ? -10 : 10);
  }

  // A finger shows the controls first; a mouse already sees them.
  #tap(event) {
    const wasHidden = this.stage.dataset.controls === 'hidden';
    this.wake(event.pointerType === 'touch' ? REST_AFTER_TOUCH : REST);
    if (event.pointerType !== 'touch' || !wasHidden) this.toggle();
  }

  #state(state) {
    this.video.dataset.state = state;
    this.stage.dataset.state = state;
    for (const button of this.stage.querySelectorAll('[data-do="play"]')) {
      button.setAttribute('aria-label', this.video.paused ? 'Play' : 'Pause');
    }
    clearTimeout(this.patience);
    if (state === 'waiting' || state === 'loading') this.patience = setTimeout(() => this.#drawWait(), this.#isAtEdge ? 500 : 5000);
    this.#drawWait(true);
    this.wake();
    this.draw();
  }

  get #isAtEdge() { return this.isPreparing && this.ready > 0 && this.ready - this.place < 2; }

  #setTrouble(sentence) {
    if (this.#trouble === sentence) return;
    this.#trouble = sentence;
    this.#drawWait(true);
  }

  // `fresh`: a wait that only just began is not worth a word yet.
  #drawWait(fresh = false) {
    const waits = ['waiting', 'loading'].includes(this.video.dataset.state);
    const sentence = this.#isAtEdge ? 'The rest is still being prepared. It goes on by itself.' : 'Waiting for the next piece.';
    say(this.stage.querySelector('.waits'), this.#trouble || (waits && !fresh ? sentence : ''));
  }

  /** Brings line and time up to date; called when the video moves and when more of it was prepared. */
  draw() {
    say(this.stage.querySelector('.now'), words.clock(this.place));
    say(this.stage.querySelector('.length'), this.length ? words.clock(this.length) : '–:––');
    this.scrub.draw();
  }

  #drawVolume() {
    const { muted, volume } = this.video;
    this.volume.value = String(muted ? 0 : Math.round(volume * 100));
    this.volume.style.setProperty('--p', this.volume.value);
    this.stage.toggleAttribute('data-muted', muted || volume === 0);
    this.stage.querySelector('[data-do="mute"]').setAttribute('aria-label', muted ? 'Sound on' : 'Mute');
    keep('volume', String(volume));
    keep('muted', String(muted));
  }

  #drawRungs() {
    const { stream } = this;
    const present = stream?.present;
    const shown = present ? words.rung(present.width, present.height) : '';
    const button = this.stage.querySelector('.rung');
    say(button.querySelector('span'), shown);
    // Who speaks to the device says what stands on the button.
    button.setAttribute('aria-label', [shown, 'Settings: quality, sound, subtitles and speed'].filter(Boolean).join(', '));
    this.panel.draw();
  }

  #hint(text) {
    const hint = this.stage.querySelector('.hint');
    say(hint, text);
    hint.classList.remove('flash');
    // Reading a measure lets the animation begin anew.
    void hint.offsetWidth;
    hint.classList.add('flash');
  }
}
