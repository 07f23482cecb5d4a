// hls.js, as it is vendored for the watch page.

import Hls from "/vendor/hls.mjs";

// Not errors of a film: what a player says that waits for a slow machine, whose buffer is full, or that fetches
// something else than it wanted before.
const EXPECTED = new Set(["bufferStalledError", "bufferNudgeOnStall", "bufferFullError", "aborted"]);

export class HlsPlayer {
  errors = [];
  returns = true;

  constructor(video) {
    this.video = video;
    this.hls = new Hls({ workerPath: "/vendor/hls.worker.js" });
    this.hls.on(Hls.Events.ERROR, (_, { fatal, details, error }) => {
      if (fatal || !EXPECTED.has(details)) this.errors.push(`hls.js: ${details} ${error?.message}`);
    });
  }

  open(url) {
    const ready = new Promise((resolve) => this.hls.once(Hls.Events.MANIFEST_PARSED, resolve));
    this.hls.loadSource(url);
    this.hls.attachMedia(this.video);
    return ready;
  }

  rungs() {
    return this.hls.levels.map(({ height }) => ({ height }));
  }

  show(number) {
    this.hls.currentLevel = number;
  }

  shown() {
    return this.hls.currentLevel;
  }

  hear(language) {
    this.hls.audioTrack = this.hls.audioTracks.findIndex(({ lang }) => lang === language);
  }

  prefer(group) {
    this.hls.once(Hls.Events.MANIFEST_PARSED, (_, { levels }) => {
      this.hls.startLevel = levels.findIndex(({ attrs }) => attrs.AUDIO === group);
    });
  }

  read(language) {
    this.hls.subtitleTrack = this.hls.subtitleTracks.findIndex(({ lang }) => lang === language);
  }

  cues() {
    const tracks = [...this.video.textTracks].filter(({ mode }) => mode !== "disabled");
    return tracks.flatMap(({ activeCues }) => [...(activeCues ?? [])].map(({ text }) => text));
  }
}
