// video.js, with the HLS reader it brings along.

import "/video.js/dist/video.min.js";

const { videojs } = window;
videojs.log.level("error");

// Seconds that are fetched ahead. It changes size and sound with what it fetches next, and a film of ours would
// be there as a whole.
videojs.Vhs.GOAL_BUFFER_LENGTH = 3;
videojs.Vhs.MAX_GOAL_BUFFER_LENGTH = 3;

export class VideoJsPlayer {
  errors = [];
  // It fetches nothing more of a sound it had before: not in HLS that ffmpeg wrote either.
  returns = false;

  constructor(video) {
    const options = { muted: true, html5: { vhs: { overrideNative: true }, nativeAudioTracks: false } };
    this.player = videojs(video, { ...options, enableSmoothSeeking: false });
    this.player.on("error", () => this.errors.push(`video.js: ${this.player.error()?.message}`));
  }

  open(src) {
    const ready = new Promise((resolve) => this.player.one("loadedmetadata", resolve));
    this.player.src({ src, type: "application/vnd.apple.mpegurl" });
    return ready;
  }

  /** The levels, the lowest first. */
  levels() {
    return [...this.player.qualityLevels().levels_].sort((one, other) => one.bitrate - other.bitrate);
  }

  rungs() {
    return this.levels().map(({ height }) => ({ height }));
  }

  show(number) {
    this.levels().forEach((level, at) => (level.enabled = at === number));
  }

  shown() {
    const levels = this.player.qualityLevels();
    return this.levels().indexOf(levels[levels.selectedIndex]);
  }

  hear(language) {
    const tracks = [...this.player.audioTracks().tracks_];
    tracks.find((track) => track.language === language).enabled = true;
  }

  read(language) {
    for (const track of this.player.textTracks().tracks_) {
      if (track.kind === "subtitles") track.mode = track.language === language ? "showing" : "disabled";
    }
  }

  cues() {
    const tracks = this.player.textTracks().tracks_.filter(({ mode }) => mode === "showing");
    return tracks.flatMap((track) => [...(track.activeCues?.cues_ ?? track.activeCues ?? [])].map(({ text }) => text));
  }
}
