// The way from a master playlist to a <video>: hls.js where it works, the browser's own HLS otherwise.
// Breaks on the way are mended here; what cannot be mended is told in a sentence.

const RETRY_SECONDS = 4;
const workerPath = new URL('../vendor/hls.worker.js', import.meta.url).href;

/**
 * Opens `url` on `video` at `start` seconds. `on.rungs()` is called when qualities, sounds or the present
 * one changed, `on.trouble(sentence)` when something broke, `on.trouble('')` when it is well again.
 */
export async function openStream(video, url, start, on) {
  const { default: Hls } = await import('../vendor/hls.mjs');
  // Asked first: Chromium also says "maybe" to native HLS, with fewer rights over quality and sound.
  if (Hls.isSupported()) return new HlsStream(Hls, video, url, start, on);
  if (video.canPlayType('application/vnd.apple.mpegurl')) return new NativeStream(video, url, start, on);
  throw new Error('This browser cannot play HLS. Copy the address from the menu below into another player.');
}

class HlsStream {
  constructor(Hls, video, url, start, on) {
    this.video = video;
    this.url = url;
    this.on = on;
    this.mended = 0;
    this.hls = new Hls({
      workerPath,
      startPosition: start,
      backBufferLength: 60,
      capLevelToPlayerSize: true,
    });
    const { Events, ErrorTypes } = Hls;
    for (const event of [Events.MANIFEST_PARSED, Events.LEVEL_SWITCHED, Events.AUDIO_TRACKS_UPDATED, Events.AUDIO_TRACK_SWITCHED]) {
      this.hls.on(event, () => on.rungs());
    }
    this.hls.on(Events.FRAG_BUFFERED, () => on.trouble(''));
    this.hls.on(Events.ERROR, (_, data) => data.fatal && this.mend(data, ErrorTypes));
    this.hls.attachMedia(video);
    this.hls.loadSource(url);
  }

  mend(data, ErrorTypes) {
    if (data.type === ErrorTypes.MEDIA_ERROR && this.mended < 3) {
      this.mended += 1;
      this.hls.recoverMediaError();
    } else if (data.type === ErrorTypes.NETWORK_ERROR) {
      this.on.trouble(`The server does not send the next piece. Trying again in ${RETRY_SECONDS} s; the place is kept.`);
      this.timer = setTimeout(() => this.reopen(), RETRY_SECONDS * 1000);
    } else {
      this.on.trouble('This browser cannot play the film in its present form. Another player may.');
    }
  }

  /** Reads the master again and goes on where it was: playlists may have moved, or come anew. */
  reopen() {
    clearTimeout(this.timer);
    const place = this.video.currentTime;
    const wasPlaying = !this.video.paused;
    this.hls.config.startPosition = place;
    this.hls.loadSource(this.url);
    if (wasPlaying) this.video.play().catch(() => {});
  }

  /** Best first: `{id, width, height, bits}`. */
  get rungs() {
    const all = this.hls.levels.map(({ width, height, bitrate }, id) => ({ id, width, height, bits: bitrate }));
    return all.sort((a, b) => b.bits - a.bits);
  }

  get present() { return this.rungs.find((rung) => rung.id === this.hls.currentLevel) ?? null; }
  get isAutomatic() { return this.hls.autoLevelEnabled; }
  /** A rung's id, or -1 for automatic. */
  choose(id) {
    this.hls.nextLevel = id;
    this.on.rungs();
  }

  get sounds() {
    return this.hls.audioTracks.map(({ name, lang, channels }, id) => ({ id, name: name || lang || `Sound ${id + 1}`, channels }));
  }

  get sound() { return this.hls.audioTrack; }
  chooseSound(id) { this.hls.audioTrack = id; }

  close() {
    clearTimeout(this.timer);
    this.hls.destroy();
  }
}

// The browser chooses quality and sound by itself.
class NativeStream {
  rungs = [];
  present = null;
  isAutomatic = true;
  sounds = [];
  sound = -1;

  constructor(video, url, start, on) {
    this.video = video;
    this.url = url;
    this.failed = () => on.trouble('The film stopped. Load the page again to go on.');
    video.addEventListener('error', this.failed);
    this.open(start);
  }

  open(place) {
    this.video.src = this.url;
    this.video.addEventListener('loadedmetadata', () => { this.video.currentTime = place; }, { once: true });
  }

  reopen() { this.open(this.video.currentTime); }
  choose() {}
  chooseSound() {}

  close() {
    this.video.removeEventListener('error', this.failed);
    this.video.removeAttribute('src');
    this.video.load();
  }
}
