// One page on which players of several makes are asked the same. A test calls `stage(player, film)`, or
// `stageForms(player, forms)`, and waits until `window.faults` is a list.
//
// A player is an object with these members, over the page's video element:
//   open(url)        resolves once the film is there
//   rungs()          the sizes it may show, as [{ height }], the lowest first
//   show(number)     asks for one of them
//   shown()          the number of that which is shown, if the player can tell
//   hear(language)   asks for a sound
//   prefer(group)    takes the sounds of this group, if the player can; asked for before `open`
//   read(language)   asks for subtitles
//   cues()           the texts that are shown now
//   returns          whether it can go back to a sound that it has left
//   errors           what it complained of

import { HlsPlayer } from "./hls.mjs";

const PLAYERS = {
  "hls.js": async (video) => new HlsPlayer(video),
  shaka: async (video) => new (await import("./shaka.mjs")).ShakaPlayer(video),
  "video.js": async (video) => new (await import("./videojs.mjs")).VideoJsPlayer(video),
};

// Only to end what would never end: however slow the machine is, this is longer.
const PATIENCE_MS = 120_000;
const BETWEEN_LOOKS_MS = 20;
// A player that is told to switch at once may lose that while it is busy appending, and play on as before to the
// end, as seen on a crowded machine: then it is told again, as a person would.
const TELL_AGAIN_MS = 20_000;
const TOLD_AT_MOST = 5;
// Seeks in a film that paint nothing, at most.
const UNPAINTED_AT_MOST = 3;
// How exactly a cue comes and goes, and a seek arrives, in seconds.
const EXACT = 0.1;
const BITS = 6;
// Seconds that are played at the end, from a place that is no edge of a segment: video.js takes a segment to begin when
// its first picture is decoded, and waits for ever at the edge of the last one for what is shown a little later.
const BEFORE_END = 0.8;

const video = document.querySelector("#player");
const faults = [];
let unpainted = 0;

/** How the video element is, for whoever has to find out why something did not happen. */
function state() {
  const { buffered, currentTime, paused, readyState, seeking } = video;
  const ranges = [...Array(buffered.length).keys()].map((at) => `${buffered.start(at)}-${buffered.end(at)}`);
  return JSON.stringify({ currentTime, paused, seeking, readyState, second: second(), buffered: ranges });
}

/** Looks until it is so; what never becomes so ends the performance. */
async function until(what, look) {
  const begun = performance.now();
  while (!look()) {
    if (performance.now() - begun > PATIENCE_MS) throw new Error(`${what}: it did not happen (${state()})`);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
  }
}

/** Waits for a player's promise; what is never kept ends the performance, too. */
function kept(what, promise) {
  const failed = (_, reject) => setTimeout(() => reject(new Error(`${what}: it did not happen (${state()})`)), PATIENCE_MS);
  return Promise.race([promise, new Promise(failed)]);
}

/** Which second the picture that is shown belongs to: the boxes along its upper edge tell it in binary. */
function second() {
  const canvas = new OffscreenCanvas(BITS * 8, 48);
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 4, canvas.width, 1);
  let told = 0;
  for (let bit = 0; bit < BITS; bit += 1) if (data[4 * (8 * bit + 4)] > 127) told += 1 << bit;
  return told;
}

const isShown = (place) => !video.seeking && video.readyState >= 2 && second() === Math.floor(place);

/**
 * Seeks, and waits for the picture. Chromium was seen to end a seek while paused, one in a hundred or so, without
 * painting anything, whatever the player: then it is told again, as a person would.
 */
async function seek(place) {
  for (let told = 0; told < TOLD_AT_MOST && (told === 0 || !isShown(place)); told += 1) {
    if (told > 0) unpainted += 1;
    video.currentTime = place;
    const begun = performance.now();
    const isStale = () => !video.seeking && video.readyState >= 2 && performance.now() - begun > TELL_AGAIN_MS;
    await until(`seek to ${place.toFixed(2)} s`, () => isShown(place) || isStale());
  }
  if (!isShown(place)) throw new Error(`seek to ${place.toFixed(2)} s: another picture is shown (${state()})`);
  if (unpainted > UNPAINTED_AT_MOST) throw new Error(`${unpainted} seeks painted nothing`);
  if (Math.abs(video.currentTime - place) > EXACT) faults.push(`a seek to ${place} s ended at ${video.currentTime} s`);
}

/** Plays on for a second of film, or to its end. */
async function playOn(what) {
  await kept("it plays", video.play());
  const goal = Math.min(video.currentTime + 1, video.duration - EXACT);
  await until(`${what}, play on from ${video.currentTime.toFixed(2)} s`, () => video.ended || video.currentTime >= goal);
  video.pause();
}

/** Switches to a size near the beginning, and plays until it is shown. */
async function switchTo(player, number, height, what) {
  const isThere = () => video.videoHeight === height && player.shown() === number;
  for (let told = 0; told < TOLD_AT_MOST && !isThere(); told += 1) {
    await seek(2.5);
    player.show(number);
    await kept("it plays", video.play());
    const begun = performance.now();
    await until(what, () => isThere() || video.ended || performance.now() - begun > TELL_AGAIN_MS);
  }
  if (!isThere()) throw new Error(`${what}: it did not happen`);
}

/** Shows every size, from the lowest up and down again. */
async function switchRungs(player, count) {
  const rungs = player.rungs();
  if (rungs.length !== count) faults.push(`${rungs.length} sizes are offered, of ${count}`);
  const up = [...rungs.keys()];
  const order = [...up, ...up.toReversed().slice(1)];
  for (const number of rungs.length > 1 ? order : []) {
    const what = `size ${number} of ${rungs[number].height} lines`;
    await switchTo(player, number, rungs[number].height, what);
    await playOn(what);
  }
}

/** Hears every sound: its own pieces are fetched, and the film goes on. */
async function switchSounds(player, sounds) {
  const others = sounds.slice(1);
  for (const { language, folder } of others.length > 0 && player.returns ? [...others, sounds[0]] : others) {
    await seek(2.5);
    performance.clearResourceTimings();
    player.hear(language);
    const piece = new RegExp(`/${folder}/\\d+\\.m4s$`);
    const isFetched = () => performance.getEntriesByType("resource").some(({ name }) => piece.test(name));
    await until(`the pieces of ${folder} are fetched`, isFetched);
    await playOn(`sound ${language}`);
  }
}

/** A cue is shown from its start to its end, give or take `EXACT`. */
async function showCue(player, { language, text, start, end }) {
  player.read(language);
  const has = () => player.cues().some((shown) => shown.includes(text));
  for (const [place, wanted] of [
    [start - EXACT, false],
    [start + EXACT, true],
    [end - EXACT, true],
    [end + EXACT, false],
  ]) {
    video.currentTime = place;
    const what = `at ${place.toFixed(2)} s the cue is ${wanted ? "shown" : "not shown"}`;
    await until(what, () => !video.seeking && video.readyState >= 2 && has() === wanted);
  }
}

/**
 * Plays a film with a player of this name. `film`: its `url`, the number of its `rungs`, its `sounds` as
 * [{ language, folder }], a `cue` or null, and the `places` to seek to, in seconds.
 */
async function perform(name, film) {
  performance.setResourceTimingBufferSize(100_000);
  const player = await PLAYERS[name](video);
  video.addEventListener("error", () => faults.push(`the video element: ${video.error?.message}`));
  await kept("it opens", player.open(film.url));
  await until("a picture", () => video.readyState >= 2);
  await playOn("at first");
  await switchRungs(player, film.rungs);
  await switchSounds(player, film.sounds);
  if (film.cue) await showCue(player, film.cue);
  for (const place of film.places) await seek(place);
  video.currentTime = video.duration - BEFORE_END;
  await kept("it plays", video.play());
  await until("the end", () => video.ended);
  faults.push(...player.errors);
}

/**
 * Plays what has its sound in two forms, with pictures or without. `forms`: its `url`, and what pieces of the form that
 * is to be heard and of the other one are called, which nobody fetches. `group` is that of the sound to choose, or null.
 */
async function performForms(name, { url, heard, other, group }) {
  performance.setResourceTimingBufferSize(100_000);
  const player = await PLAYERS[name](video);
  const isFetched = (piece) => performance.getEntriesByType("resource").some((entry) => entry.name.includes(piece));
  video.addEventListener("error", () => faults.push(`the video element: ${video.error?.message}`));
  if (group) player.prefer(group);
  await kept("it opens", player.open(url));
  await until("something to play", () => video.readyState >= 2);
  await playOn("at first");
  await until(`${heard} is fetched`, () => isFetched(heard));
  video.currentTime = video.duration - BEFORE_END;
  await kept("it plays", video.play());
  await until("the end", () => video.ended);
  if (isFetched(other)) faults.push(`${other} was fetched`);
  faults.push(...player.errors);
}

const staged = (perform) => (name, what) => {
  perform(name, what)
    .catch((error) => faults.push(error.message))
    .finally(() => (window.faults = faults));
};

window.stage = staged(perform);
window.stageForms = staged(performForms);
