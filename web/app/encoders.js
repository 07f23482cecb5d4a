// The encoders on the system page: which is in use, which are not here and why, and trying them again.

import * as api from './api.js';
import { attempt, fillEach, icon, say, toast } from './parts.js';

const by = (id) => document.getElementById(id);

// As PREFERRED_ENCODER spells them, their names and what they need.
const ENCODERS = {
  vaapi: ['VA-API', 'Graphics by Intel or AMD'],
  nvenc: ['NVENC', 'Graphics by NVIDIA'],
  qsv: ['Quick Sync', 'Graphics by Intel'],
  software: ['Software', 'Runs on every processor'],
};

const nameOf = (encoder) => ENCODERS[encoder.name]?.[0] ?? encoder.name;

/** Draws the section from the encoders of `GET /api/system/status`. */
export function drawEncoders(all) {
  fillEach(by('encoders'), 'encoder', all, (row, encoder) => {
    const [sign, tone, text] = encoder.chosen ? ['circle-check', 'ok', 'In use'] : encoder.works ? ['check', '', 'Works'] : ['circle-x', '', 'Not here'];
    say(row.querySelector('b'), nameOf(encoder));
    const said = row.querySelector('.said');
    if (said.textContent !== text) {
      said.className = `said ${tone}`;
      said.replaceChildren(signOf(sign), text);
    }
    const inMemory = encoder.works && !encoder.decodes && encoder.name !== 'software' ? 'the processor decodes' : '';
    say(row.querySelector('.needs'), [ENCODERS[encoder.name]?.[1], inMemory].filter(Boolean).join('; '));
    row.querySelector('details').hidden = encoder.works || !encoder.why_not;
    say(row.querySelector('details p'), encoder.why_not ?? '');
  });
}

// Spelled out, so that a test can hold every name against the sprite.
const signOf = (name) => ({ 'circle-check': () => icon('circle-check'), check: () => icon('check'), 'circle-x': () => icon('circle-x') })[name]();

/** Lets the button try the encoders again; `refresh` draws the page again. */
export function offerProbe(refresh) {
  const button = by('probe-encoders');
  button.addEventListener('click', () => attempt(async () => {
    button.disabled = true;
    say(button, 'Trying …');
    try {
      const all = await api.probeEncoders();
      drawEncoders(all);
      const chosen = all.find((encoder) => encoder.chosen);
      toast(chosen ? `Tried again. ${nameOf(chosen)} is in use.` : 'Tried again. No encoder works; below it says why.');
      await refresh();
    } finally {
      button.disabled = false;
      say(button, 'Try again');
    }
  }));
}
