// What a person adds to a film beside its file: subtitles, and a poster.

import * as api from './api.js';
import { attempt, dialog, icon, make, say, toast } from './parts.js';
import * as words from './words.js';

const LANGUAGES = ['ar', 'bg', 'cs', 'da', 'de', 'el', 'en', 'es', 'fa', 'fi', 'fr', 'he', 'hi', 'hr', 'hu', 'id', 'it', 'ja', 'ko', 'nl', 'no', 'pl', 'pt', 'pt-BR', 'ro', 'ru', 'sk', 'sr', 'sv', 'th', 'tr', 'uk', 'vi', 'zh-Hans', 'zh-Hant'];

// What is sent may be refused: then the question stays, with the reason and all that was typed.
async function ask(heading, fields, save, work) {
  const fault = make('p', { className: 'rose', hidden: true });
  fault.setAttribute('role', 'alert');
  const answers = [{ name: 'Leave it', value: '', kind: 'line-edge' }, { name: save, value: 'save', kind: 'filled' }];
  while (await dialog(heading, [...fields, fault], answers) === 'save') {
    try {
      await work();
      return;
    } catch (problem) {
      say(fault, problem.message);
      fault.hidden = false;
    }
  }
}

const changed = (id) => document.dispatchEvent(new CustomEvent('video-changed', { detail: { id, change: 'updated' } }));

/** Asks for a file of subtitles, its language and its name, and adds it to `video`. */
export async function addSubtitles(video) {
  const file = make('input', { type: 'file', required: true, accept: '.srt,.vtt,.ass,.ssa,text/vtt' });
  const language = make('input', { type: 'text', required: true, maxLength: 35, autocomplete: 'off', spellcheck: false, placeholder: 'en' });
  const label = make('input', { type: 'text', maxLength: 100, dir: 'auto', autocomplete: 'off' });
  const forced = make('input', { type: 'checkbox' });
  language.setAttribute('list', 'languages');
  file.addEventListener('change', () => {
    language.value ||= languageOf(file.files[0]?.name ?? '');
  });
  const fields = [
    make('label', { className: 'field' }, 'File', file, make('span', { className: 'help' }, 'SRT, WebVTT, ASS or SSA'), make('span', { className: 'rose' }, 'Choose a file.')),
    make('label', { className: 'field' }, 'Language', language, make('span', { className: 'help' }, 'Such as en, de or pt-BR'), make('span', { className: 'rose' }, 'Type a language, so that players find it.')),
    make('label', { className: 'field' }, 'Name', label, make('span', { className: 'help' }, 'Only if the language alone does not say enough')),
    make('label', { className: 'tick' }, forced, 'Only what is said in a foreign language'),
    languageList(),
  ];
  await ask('Add subtitles', fields, 'Add', async () => {
    const form = new FormData();
    form.append('language', language.value.trim());
    form.append('label', label.value.trim());
    form.append('forced', String(forced.checked));
    form.append('file', file.files[0]);
    await api.addSubtitles(video.id, form);
    changed(video.id);
    toast(video.state === 'ready' ? 'The subtitles are added.' : 'The subtitles come when the film is ready.', { sign: 'captions' });
  });
}

// "film.pt-BR.forced.srt" → "pt-BR".
const languageOf = (name) => name.match(/[._]([a-z]{2,3}(?:-[A-Za-z]{2,4})?)(?:\.(?:forced|sdh|cc))?\.[^.]+$/)?.[1] ?? '';

function languageList() {
  const names = new Intl.DisplayNames('en', { type: 'language' });
  return make('datalist', { id: 'languages' }, ...LANGUAGES.map((code) => make('option', { value: code }, names.of(code))));
}

/** Asks whether to remove added subtitles, and removes them. */
export async function removeSubtitles(video, track, name) {
  const answers = [{ name: 'Keep them', value: '', kind: 'line-edge' }, { name: 'Remove', value: 'remove', kind: 'danger' }];
  const text = make('p', {}, `${name} goes from this film. To have it again, add its file again.`);
  if (await dialog('Remove these subtitles?', [text], answers) !== 'remove') return;
  await attempt(async () => {
    await api.removeSubtitles(video.id, track);
    changed(video.id);
    toast(`${name} is removed.`, { sign: 'trash-2' });
  });
}

/** Lets one of the film's stills, or a picture of one's own, become the poster of `video`. */
export async function choosePoster(video) {
  const choice = await attempt(() => api.posters(video.id));
  if (!choice) return;
  const own = make('input', { type: 'file', accept: 'image/jpeg,image/png,image/webp', required: choice.candidates.length === 0 });
  const stills = choice.candidates.map(still);
  const group = make('fieldset', { className: 'stills' }, make('legend', {}, 'From the film'), ...stills);
  const radios = [...group.querySelectorAll('input')];
  const either = () => radios.forEach((radio) => {
    radio.required = !own.files.length;
    if (own.files.length) radio.checked = false;
  });
  own.addEventListener('change', either);
  group.addEventListener('change', () => {
    own.value = '';
    either();
  });
  either();
  const fields = [
    stills.length ? group : make('p', {}, 'There are no stills of this film to choose from.'),
    make('label', { className: 'field' }, stills.length ? 'Or a picture of your own' : 'A picture of your own', own, make('span', { className: 'help' }, 'JPEG, PNG or WebP, at most 16 MB'), make('span', { className: 'rose' }, 'Choose a picture.')),
  ];
  await ask('Poster', fields, 'Use it', async () => {
    if (own.files.length) await api.sendPoster(video.id, own.files[0]);
    else await api.choosePoster(video.id, Number(radios.find((radio) => radio.checked).value));
    changed(video.id);
    toast('The poster is changed.', { sign: 'image' });
  });
}

function still({ candidate, seconds, url, in_use: used }) {
  const input = make('input', { type: 'radio', name: 'still', value: String(candidate), checked: used });
  const picture = make('img', { src: url, alt: `Still at ${words.clock(seconds)}`, width: 160, height: 90 });
  return make('label', { className: 'still' }, input, picture, icon('check'));
}
