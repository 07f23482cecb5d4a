// The way from a master playlist to a <video>: hls.js where it works, the browser's own HLS otherwise.
// Breaks on the way are mended here; what cannot be mended is told in a sentence.

import { NativeStream } from './native-stream.js';
import { keptTrack, nearest } from './remembered.js';

const RETRY_SECONDS = 4;
// What stays of the buffer when a new master is taken in: enough to fetch the pieces behind it again.
const KEPT_SECONDS = 10;
const workerPath = new URL('../vendor/hls.worker.js', import.meta.url).href;

/**
 * Opens `url` on `video` at `start` seconds. `on.tracks()` is called when qualities, sounds, subtitles or the
 * present ones changed, `on.trouble(sentence)` when something broke, `on.trouble('')` when it is well again.
 *
 * A stream offers `rungs` (best first: `{id, width, height, bits}`), `present` (the rung that is shown), `chosen`
 * (the rung that was asked for; null means automatic), `choose(id)` with -1 for automatic; `sounds` and
 * `subtitles` (`{id, name, language, …}`), `sound` and `subtitle` (an id, -1 for none), `chooseSound(id)`,
 * `chooseSubtitles(id)`; `renew(url)` for a new master, and `close()`.
 */
export async function openStream(video, url, start, on) {
  const { default: Hls } = await import('../vendor/hls.mjs');
  // Asked first: Chromium also says "maybe" to native HLS, with fewer rights over quality and sound.
  if (Hls.isSupported()) return new HlsStream(Hls, video, url, start, on);
  if (video.canPlayType('application/vnd.apple.mpegurl')) return new NativeStream(video, url, start, on);
  throw new Error('This browser cannot play HLS. Copy the address from the menu below into another player.');
}

/** Whether the browser decodes pictures of these codecs (RFC 6381). */
export function decodes(codecs) {
  const type = `video/mp4; codecs="${codecs}"`;
  const source = window.ManagedMediaSource ?? window.MediaSource;
  return source ? source.isTypeSupported(type) : document.createElement('video').canPlayType(type) !== '';
}

const asTrack = ({ name, lang, channels, forced }, id) => ({ id, name, language: lang, channels: Number(channels) || 0, forced });
const isSameSize = (one, other) => one.width === other.width && one.height === other.height;

class HlsStream {
  #Hls;
  #on;
  #next = null;
  #mended = 0;
  #shown = null;
  #foreignUntil = 0;
  #renewed = () => this.renew(this.url);

  constructor(Hls, video, url, start, on) {
    this.#Hls = Hls;
    this.#on = on;
    this.video = video;
    this.url = url;
    this.hls = this.#made({ startPosition: start });
    prefer(Hls, this.hls, { sound: keptTrack('sound'), subtitles: keptTrack('subtitles') });
    this.hls.attachMedia(video);
    this.hls.loadSource(url);
  }

  #made(settings) {
    const { Events } = this.#Hls;
    const hls = new this.#Hls({ workerPath, backBufferLength: 60, capLevelToPlayerSize: true, ...settings });
    const drawn = [
      Events.MANIFEST_PARSED, Events.LEVEL_SWITCHED, Events.AUDIO_TRACKS_UPDATED, Events.AUDIO_TRACK_SWITCHED,
      Events.SUBTITLE_TRACKS_UPDATED, Events.SUBTITLE_TRACK_SWITCH,
    ];
    hls.on(Events.LEVEL_SWITCHED, (_, { level }) => { this.#shown = hls.levels[level]; });
    for (const event of drawn) hls.on(event, () => hls === this.hls && this.#on.tracks());
    hls.on(Events.FRAG_BUFFERED, () => this.#on.trouble(''));
    hls.on(Events.ERROR, (_, data) => {
      if (!data.fatal) return;
      if (hls === this.hls) this.#mend(data);
      else this.#forgetNext();
    });
    return hls;
  }

  #mend({ type }) {
    const { ErrorTypes } = this.#Hls;
    if (type === ErrorTypes.MEDIA_ERROR && this.#mended < 3) {
      this.#mended += 1;
      this.hls.recoverMediaError();
    } else if (type === ErrorTypes.NETWORK_ERROR) {
      this.#on.trouble(`The server does not send the next piece. Trying again in ${RETRY_SECONDS} s; the place is kept.`);
      this.timer = setTimeout(() => this.#reopen(), RETRY_SECONDS * 1000);
    } else {
      this.#on.trouble('This browser cannot play the film in its present form. Another player may.');
    }
  }

  /** Begins anew where it was: playlists may have moved, and there is nothing left to play without a break. */
  #reopen() {
    clearTimeout(this.timer);
    this.#forgetNext();
    const wasPlaying = !this.video.paused;
    prefer(this.#Hls, this.hls, { sound: this.sounds[this.sound], subtitles: this.subtitles[this.subtitle] });
    this.hls.config.startPosition = this.video.currentTime;
    this.hls.loadSource(this.url);
    if (wasPlaying) this.video.play().catch(() => {});
  }

  /**
   * Takes in a new master while the film plays. hls.js cannot add levels to a master it has read, and reading another
   * throws away what is buffered, which is a black moment. So a second instance reads the new master, and when it
   * knows it, it gets the <video> together with its MediaSource and what is buffered: nothing stops.
   */
  renew(url) {
    this.#forgetNext();
    this.url = url;
    // So near to its end a film has no use for it; who goes back has. Where one grows, its end is only that of today.
    const grows = this.hls.levels.some(({ details }) => details?.live);
    if (this.#left < 3 * KEPT_SECONDS && !grows) {
      this.video.addEventListener('seeked', this.#renewed, { once: true });
      return;
    }
    const next = this.#made({ abrEwmaDefaultEstimate: this.hls.bandwidthEstimate });
    this.#next = next;
    prefer(this.#Hls, next, { sound: this.sounds[this.sound] });
    next.once(this.#Hls.Events.MANIFEST_PARSED, () => this.#handOver(next));
    next.loadSource(this.url);
  }

  get #left() { return this.video.duration - this.video.currentTime; }

  #handOver(next) {
    const { Events } = this.#Hls;
    const { chosen, present, hls: before } = this;
    const size = chosen ?? present;
    const subtitles = this.subtitles[this.subtitle];
    const kept = size ? next.levels.findIndex((level) => isSameSize(level, size)) : -1;
    if (chosen && kept >= 0) next.loadLevel = kept;
    else next.startLevel = kept;
    next.config.startPosition = this.video.currentTime;
    const media = before.transferMedia();
    before.destroy();
    // The old instance leaves its subtitles behind, and the new one brings its own. The chapters are the page's.
    this.video.querySelectorAll('track:not([kind=chapters])').forEach((track) => track.remove());
    this.hls = next;
    this.#next = null;
    this.#foreignUntil = this.video.currentTime + 2 * KEPT_SECONDS;
    // The new instance does not know what the old one has buffered: it could neither replace it by another quality
    // nor tell when the film ends. Browsers keep these pieces, so that most come again without the network.
    next.once(Events.BUFFER_CREATED, () => {
      // Only now: cues that are read before there is a track to put them into are lost.
      next.subtitleTrack = nearest(this.subtitles, subtitles)?.id ?? -1;
      next.trigger(Events.BUFFER_FLUSHING, { startOffset: this.video.currentTime + KEPT_SECONDS, endOffset: Infinity, type: null });
    });
    next.attachMedia(media ?? this.video);
  }

  // The film goes on as it is; the next change of it, or the next visit, brings what is new.
  #forgetNext() {
    this.video.removeEventListener('seeked', this.#renewed);
    this.#next?.destroy();
    this.#next = null;
  }

  // A size is listed once, although it is offered with every group of sounds; the group that is heard now stays.
  get rungs() {
    const { levels } = this.hls;
    const group = (level) => level?.attrs.AUDIO;
    const heard = group(levels[this.hls.currentLevel] ?? levels[this.hls.loadLevel]);
    const all = levels.map((level, id) => ({ id, width: level.width, height: level.height, bits: level.bitrate, heard: group(level) === heard }));
    const rungs = all.filter((rung) => !all.some((other) => isSameSize(rung, other) && other !== rung && isBefore(other, rung)));
    return rungs.sort((one, other) => other.bits - one.bits);
  }

  get present() { return this.#rungOf(this.hls.levels[this.hls.currentLevel] ?? this.#shown); }
  get chosen() { return this.#rungOf(this.hls.levels[this.hls.manualLevel]); }

  #rungOf(level) {
    return (level && this.rungs.find((rung) => isSameSize(rung, level))) ?? null;
  }

  choose(id) {
    // What an earlier instance has buffered cannot be replaced from the next piece on, only at once.
    if (id >= 0 && this.video.currentTime < this.#foreignUntil) this.hls.currentLevel = id;
    else this.hls.nextLevel = id;
    this.#on.tracks();
  }

  get sounds() { return this.hls.audioTracks.map(asTrack); }
  get sound() { return this.hls.audioTrack; }
  chooseSound(id) { this.hls.audioTrack = id; }

  get subtitles() { return this.hls.subtitleTracks.map(asTrack); }
  get subtitle() { return this.hls.subtitleTrack; }
  chooseSubtitles(id) { this.hls.subtitleTrack = id; }

  close() {
    clearTimeout(this.timer);
    this.#forgetNext();
    this.hls.destroy();
  }
}

const isBefore = (one, other) => (one.heard === other.heard ? one.id < other.id : one.heard);

// Told before anything is loaded, so that nothing is loaded twice. A wish that no track fits is left out: hls.js
// would take the first track for it and not the main one.
function prefer(Hls, hls, { sound, subtitles }) {
  const option = (tracks, wish) => {
    const track = nearest(tracks.map(asTrack), wish);
    return track && { lang: track.language, name: track.name };
  };
  hls.once(Hls.Events.MANIFEST_PARSED, () => {
    hls.config.audioPreference = option(hls.allAudioTracks, sound);
    hls.config.subtitlePreference = option(hls.allSubtitleTracks, subtitles);
  });
}
