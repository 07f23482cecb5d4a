// How a film was made, under the player: each track with what was done and why, what was not taken over, and
// the files of subtitles that people add.

import * as api from './api.js';
import { attempt, dialog, icon, make, say, stamp, toast } from './parts.js';
import * as words from './words.js';

const by = (name) => document.getElementById(name);
const SIGNS = { video: () => icon('film'), audio: () => icon('audio-lines'), subtitles: () => icon('captions') };

/** Draws the section of `video`, as `GET /api/videos/{id}` tells it; `refresh` asks for it again. */
export function drawMade(video, refresh) {
  const shown = (video.tracks ?? []).filter((track) => SIGNS[track.kind]);
  by('made').hidden = shown.length === 0;
  say(by('made-sum'), sum(shown));
  by('tracks').replaceChildren(...shown.map((track) => trackRow(video, track, refresh)));
  const left = video.left_out ?? [];
  by('left-out').hidden = left.length === 0;
  by('left-out').querySelector('ul').replaceChildren(...left.map((reason) => make('li', { dir: 'auto' }, reason)));
  by('add-subtitles').onclick = () => addSubtitles(video, refresh);
}

function trackRow(video, track, refresh) {
  const row = stamp('track');
  row.querySelector('.icon').replaceWith(SIGNS[track.kind]());
  say(row.querySelector('b'), trackName(track));
  say(row.querySelector('div p'), trackFacts(track));
  const copied = track.method === 'copied';
  const badge = row.querySelector('.badge');
  say(badge, copied ? 'Copied' : track.kind === 'subtitles' ? 'Converted' : 'Encoded');
  badge.classList.toggle('ok', copied);
  say(row.querySelector('.why'), reason(track));
  const remove = row.querySelector('button');
  // Of a film's own subtitles the server says so; they stay.
  remove.hidden = track.kind !== 'subtitles' || track.added === false;
  remove.setAttribute('aria-label', `Remove the subtitles ${trackName(track)}`);
  remove.onclick = () => removeSubtitles(video, track, refresh);
  return row;
}

// "Video copied: H.264 plays as it is."
function reason({ kind, method, why }) {
  const what = { video: 'Picture', audio: 'Sound', subtitles: 'Subtitles' }[kind];
  const done = method === 'copied' ? 'copied' : kind === 'subtitles' ? 'converted' : 'encoded';
  return why ? `${what} ${done}: ${why.replace(/\.$/, '')}.` : `${what} ${done}.`;
}

function sum(shown) {
  const copied = shown.filter((track) => track.method === 'copied').length;
  if (copied === shown.length) return 'Everything is as it was in the file';
  return copied ? `${copied} of ${shown.length} as they were in the file` : words.count(shown.length, 'track', 'tracks');
}

function trackName(track) {
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
    track.kind === 'audio' ? rate(track) : '',
  ].filter(Boolean).join(' · ');
}

const LANGUAGE = '[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*';

async function addSubtitles(video, refresh) {
  const file = make('input', { type: 'file', required: true, accept: '.srt,.vtt,.ass,.ssa,.sub,.txt,text/vtt,application/x-subrip' });
  const language = make('input', { type: 'text', required: true, pattern: LANGUAGE, maxLength: 35, placeholder: 'de', autocapitalize: 'none', spellcheck: false });
  const label = make('input', { type: 'text', maxLength: 100, placeholder: 'Deutsch' });
  const forced = make('input', { type: 'checkbox' });
  const body = [
    field('File (SRT, WebVTT or ASS)', file, 'Choose a file of subtitles.'),
    field('Language, as a short code', language, 'Type a code such as de, en or pt-BR.'),
    field('Name in the menu, if it is not the language', label),
    make('label', { className: 'tick' }, forced, 'Only for what is spoken in another language'),
  ];
  const answer = await dialog('Add subtitles', body, [{ name: 'Not now', value: '', kind: 'control' }, { name: 'Add', value: 'add', kind: 'filled' }]);
  if (answer !== 'add') return;
  const about = { language: language.value.trim(), forced: String(forced.checked) };
  if (label.value.trim()) about.label = label.value.trim();
  await attempt(async () => {
    await api.addSubtitles(video.id, file.files[0], about);
    toast('The subtitles are added. They are in the player’s menu.');
    await refresh();
  });
}

function field(name, input, wrong) {
  return make('label', { className: 'field' }, name, input, wrong && make('span', { className: 'rose' }, wrong));
}

async function removeSubtitles(video, track, refresh) {
  const question = [make('p', {}, 'They leave the film for good. To have them again, add the file again.')];
  const answers = [{ name: 'Keep them', value: '', kind: 'control' }, { name: 'Remove', value: 'remove', kind: 'danger' }];
  if (await dialog(`Remove the subtitles ${trackName(track)}?`, question, answers) !== 'remove') return;
  await attempt(async () => {
    await api.removeSubtitles(video.id, track.name);
    toast('The subtitles are removed.');
    await refresh();
  });
}
