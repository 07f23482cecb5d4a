// Reads every playlist of a film with a strict parser of another make, and measures the rates that its
// master declares, from what that parser found and from the bytes that really come. It shares no code
// with the program.
//
//   cd target/players && node ../../tests/players/strict.mjs http://host/hls/film/master.m3u8
//
// The parser is taken from the current folder, where `make tools` has put it.
// Prints one JSON object: `playlists` (how many were read), `variants` (declared and measured rates,
// bits per second) and `problems`. Exit code 0 without problems, 1 with some.

import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";

// RFC 8216bis 4.4.6.2: the peak is taken over runs of segments of 0.5 to 1.5 target durations.
const RUN_MIN = 0.5;
const RUN_MAX = 1.5;
// Apple's authoring specification, 1.28 and 1.30: declared and measured rates are within 10 %.
const TOLERANCE = 0.1;

const HLS = createRequire(join(process.cwd(), "package.json"))("hls-parser");
HLS.setOptions({ strictMode: true });

const problems = [];
const read = new Map();

async function bytes(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** A playlist once it is parsed; null if it could not be, which is a problem. */
async function playlist(url) {
  if (!read.has(url)) {
    try {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await bytes(url));
      read.set(url, HLS.parse(text));
    } catch (error) {
      problems.push(`${url}: ${error.message}`);
      read.set(url, null);
    }
  }
  return read.get(url);
}

const sizes = new Map();

/** How many bytes a segment has: those that come, not those that a header promises. */
async function size(url, range) {
  if (range) return range.length;
  if (!sizes.has(url)) sizes.set(url, (await bytes(url)).length);
  return sizes.get(url);
}

/** The peak and the average rate of a finished media playlist; null for one that still grows. */
async function rates(url) {
  const list = await playlist(url);
  if (!list) return null;
  const segments = [];
  for (const segment of list.segments) {
    const bits = 8 * (await size(new URL(segment.uri, url).href, segment.byterange));
    segments.push({ bits, seconds: segment.duration });
  }
  if (!list.endlist || segments.length === 0) return null;
  const whole = (name) => segments.reduce((sum, segment) => sum + segment[name], 0);
  const average = whole("bits") / whole("seconds");
  let peak = 0;
  for (let first = 0; first < segments.length; first += 1) {
    let [bits, seconds] = [0, 0];
    for (const segment of segments.slice(first)) {
      bits += segment.bits;
      seconds += segment.seconds;
      if (seconds > RUN_MAX * list.targetDuration) break;
      if (seconds >= RUN_MIN * list.targetDuration) peak = Math.max(peak, bits / seconds);
    }
  }
  // A film shorter than any run has its average only.
  return { peak: peak || average, average };
}

/** Adds the dearest of some renditions to what is there. */
async function dearest(sum, renditions, url) {
  const all = await Promise.all(renditions.map(({ uri }) => rates(new URL(uri, url).href)));
  const most = (name) => Math.max(0, ...all.map((rate) => rate?.[name] ?? 0));
  return { peak: sum.peak + most("peak"), average: sum.average + most("average"), grows: Boolean(sum.grows) || all.includes(null) };
}

function compare(name, uri, declared, measured) {
  if (!(Math.abs(declared / measured - 1) <= TOLERANCE)) {
    problems.push(`${uri}: ${name}=${declared}, measured ${Math.round(measured)}`);
  }
}

async function measured(variant, url) {
  const own = (await rates(new URL(variant.uri, url).href)) ?? { peak: 0, average: 0, grows: true };
  // A sound without an address is the variant itself: of sound alone, one of them is played and not two.
  const sounds = variant.audio.map(({ uri }) => ({ uri: uri ?? variant.uri }));
  const isSound = variant.audio.some(({ uri }) => !uri);
  let sum = await dearest(isSound ? { peak: 0, average: 0 } : own, sounds, url);
  sum = await dearest(sum, variant.subtitles, url);
  if (!sum.grows) {
    compare("BANDWIDTH", variant.uri, variant.bandwidth, sum.peak);
    compare("AVERAGE-BANDWIDTH", variant.uri, variant.averageBandwidth, sum.average);
  }
  const { uri, bandwidth, averageBandwidth, isIFrameOnly } = variant;
  return { uri, bandwidth, averageBandwidth, iFrames: isIFrameOnly, ...sum };
}

const url = process.argv[2];
const variants = [];
const master = await playlist(url);
if (master && !master.isMasterPlaylist) problems.push(`${url}: this is no master playlist`);
for (const variant of master?.variants ?? []) variants.push(await measured(variant, url));
console.log(JSON.stringify({ playlists: read.size, variants, problems }, null, 2));
process.exitCode = problems.length === 0 ? 0 : 1;
