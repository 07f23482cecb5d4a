// What could not be made of a film that can be played, under the player: why, what lacks, and another try.

import { again } from './card.js';
import { trackName } from './made.js';
import { say } from './parts.js';

const by = (name) => document.getElementById(name);
const KINDS = { video: 'picture', audio: 'sound', subtitles: 'subtitles' };

let shown = null;

/** Draws the section of `video`, as `GET /api/videos/{id}` tells it; without a failure that another try may cure there is none. */
export function drawUnmade(video) {
  const box = by('unmade');
  const unmade = video.refinement?.retriable === true;
  // Who has just pressed the button goes on from where the section was.
  if (!unmade && box.contains(document.activeElement)) by('menu').focus();
  box.hidden = !unmade;
  shown = video;
  if (!unmade) return;
  say(by('unmade-why'), video.refinement.error || 'The server gave no reason. Its log may say more.');
  const lacks = (video.planned ?? []).filter(({ made }) => !made).map((form) => `${KINDS[form.kind]} ${trackName(form)}`);
  say(by('unmade-what'), lacks.length ? `Not there yet: ${lacks.join('; ')}.` : '');
}

by('try-again').addEventListener('click', () => again(shown));
