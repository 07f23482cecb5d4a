// Shaka Player.

import "/shaka-player/dist/shaka-player.compiled.js";

const { shaka } = window;

export class ShakaPlayer {
  errors = [];
  returns = true;

  constructor(video) {
    this.video = video;
    shaka.polyfill.installAll();
    this.player = new shaka.Player();
    this.player.addEventListener("error", ({ detail }) => this.errors.push(`shaka: ${detail.code} ${detail.message}`));
    this.player.configure({ abr: { enabled: false }, preferredAudio: [{ language: "en" }] });
  }

  async open(url) {
    await this.player.attach(this.video);
    await this.player.load(url);
  }

  /** The tracks of the sound that is heard, the lowest first. */
  tracks() {
    const all = this.player.getVariantTracks();
    const { language } = all.find(({ active }) => active);
    return all.filter((track) => track.language === language).sort((one, other) => one.bandwidth - other.bandwidth);
  }

  rungs() {
    return this.tracks().map(({ height }) => ({ height }));
  }

  show(number) {
    this.player.selectVariantTrack(this.tracks()[number], true);
  }

  shown() {
    return this.tracks().findIndex(({ active }) => active);
  }

  hear(language) {
    this.player.selectAudioTrack(this.player.getAudioTracks().find((track) => track.language === language));
  }

  read(language) {
    this.player.selectTextTrack(this.player.getTextTracks().find((track) => track.language === language));
  }

  cues() {
    return [...this.video.textTracks].flatMap(({ activeCues }) => [...(activeCues ?? [])].map(({ text }) => text));
  }
}
