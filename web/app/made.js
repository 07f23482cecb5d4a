// How a film was made, under the player: each track with what was done and why, and what was not taken over.

import { icon, make, say, stamp } from './parts.js';
import { removeSubtitles } from './sidecars.js';
import * as words from './words.js';

const by = (name) => document.getElementById(name);
const SIGNS = { video: () => icon('film'), audio: () => icon('audio-lines'), subtitles: () => icon('captions') };

let drawn = '';

/** Draws the section of `video`, as `GET /api/videos/{id}` tells it. */
export function drawMade(video) {
  const shown = (video.tracks ?? []).filter((track) => SIGNS[track.kind]);
  const waiting = (video.waiting ?? []).filter(({ name }) => shown.every((track) => track.name !== name));
  by('made').hidden = shown.length + waiting.length === 0 && !video.download;
  say(by('made-sum'), shown.length ? sum(shown) : '');
  // Drawn anew only when it changed, so that the focus stays where it is.
  const marked = JSON.stringify([shown, waiting, video.state]);
  if (marked !== drawn) by('tracks').replaceChildren(...shown.map((track) => trackRow(video, track)), ...waiting.map((track) => waitingRow(video, track)));
  drawn = marked;
  drawDownload(video.download);
  const left = video.left_out ?? [];
  by('left-out').hidden = left.length === 0;
  by('left-out').querySelector('ul').replaceChildren(...left.map((reason) => make('li', { dir: 'auto' }, reason)));
}

function waitingRow(video, track) {
  const row = stamp('track');
  row.querySelector('.icon').replaceWith(SIGNS.subtitles());
  say(row.querySelector('b'), trackName({ ...track, kind: 'subtitles' }));
  say(row.querySelector('div p'), track.label ? languageName(track.language) : '');
  const badge = row.querySelector('.badge');
  say(badge, 'Waiting');
  badge.classList.add('moon');
  say(row.querySelector('.why'), video.state === 'ready' ? 'They are added in a moment.' : 'They are added when the film is ready.');
  row.append(removal(video, { ...track, kind: 'subtitles' }));
  return row;
}

function removal(video, track) {
  const name = trackName(track);
  const button = make('button', { className: 'round', type: 'button', title: 'Remove' }, icon('trash-2'));
  button.setAttribute('aria-label', `Remove subtitles ${name}`);
  button.addEventListener('click', () => removeSubtitles(video, track.name, name));
  return button;
}

// "Original file, 4.2 GB", or "MP4, copied from the 1080p size, 3.9 GB".
function drawDownload(file) {
  const link = by('download');
  link.hidden = !file;
  if (!file) return;
  link.href = file.url;
  link.download = file.name;
  const ending = file.name.split('.').pop().toUpperCase();
  const copied = file.lines ? `${ending}, copied from the ${file.lines}p size` : `${ending}, copied from the sound`;
  say(link.querySelector('.small'), `${file.making === 'original' ? `Original file (${ending})` : copied}, ${words.size(file.bytes)}`);
}

function trackRow(video, track) {
  const row = stamp('track');
  row.querySelector('.icon').replaceWith(SIGNS[track.kind]());
  say(row.querySelector('b'), trackName(track));
  say(row.querySelector('div p'), trackFacts(track));
  const copied = track.method === 'copied';
  const badge = row.querySelector('.badge');
  say(badge, copied ? 'Copied' : track.added ? 'Added' : track.kind === 'subtitles' ? 'Converted' : 'Encoded');
  badge.classList.toggle('ok', copied);
  say(row.querySelector('.why'), reason(track));
  if (track.added) row.append(removal(video, track));
  return row;
}

// "Video copied: H.264 plays as it is."
function reason({ kind, method, why, added }) {
  const what = { video: 'Picture', audio: 'Sound', subtitles: 'Subtitles' }[kind];
  const done = method === 'copied' ? 'copied' : added ? 'added' : kind === 'subtitles' ? 'converted' : 'encoded';
  return why ? `${what} ${done}: ${why.replace(/\.$/, '')}.` : `${what} ${done}.`;
}

function sum(shown) {
  const own = shown.filter((track) => !track.added);
  const copied = own.filter((track) => track.method === 'copied').length;
  const more = own.length < shown.length ? `, ${shown.length - own.length} added` : '';
  if (copied === own.length) return `Everything is as it was in the file${more}`;
  return (copied ? `${copied} of ${own.length} as they were in the file` : words.count(own.length, 'track', 'tracks')) + more;
}

/** What people call a track, made or planned: "720p, 3 Mbit/s", "Deutsch, 5.1". */
export function trackName(track) {
  if (track.kind === 'video') return [words.rung(track.width, track.height) || 'Picture', rate(track)].filter(Boolean).join(', ');
  const name = track.label || languageName(track.language) || (track.kind === 'audio' ? 'Sound' : 'Subtitles');
  return [name, words.channels(track.channels)].filter(Boolean).join(', ');
}

const rate = ({ average_bandwidth: average, bandwidth }) => (average || bandwidth ? words.bitrate(average || bandwidth) : '');

function languageName(code) {
  if (!code || code === 'und') return '';
  try {
    return new Intl.DisplayNames('en', { type: 'language' }).of(code);
  } catch {
    return code;
  }
}

const CODECS = [[/^avc/, 'H.264'], [/^hvc|^hev/, 'HEVC'], [/^av01/, 'AV1'], [/^vp0?9/, 'VP9'], [/^mp4a\.40\.34/, 'MP3'], [/^mp4a/, 'AAC'], [/^ac-3/, 'AC-3'], [/^ec-3/, 'E-AC-3'], [/^opus/i, 'Opus'], [/^wvtt/, 'WebVTT']];

function trackFacts(track) {
  const { codecs = '', width, height, frame_rate: frames, label, language } = track;
  const codec = CODECS.find(([pattern]) => pattern.test(codecs))?.[1] ?? codecs;
  return [
    codec || (track.kind === 'subtitles' ? 'WebVTT' : ''),
    height ? `${width} × ${height}` : '',
    frames ? `${Number(frames.toFixed(2))} fps` : '',
    label ? languageName(language) : '',
    track.forced ? 'foreign speech only' : '',
    track.kind === 'audio' ? rate(track) : '',
  ].filter(Boolean).join(' · ');
}
