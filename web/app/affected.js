// The films that cannot be played whole now, on the system page: each with what has to happen.

import * as api from './api.js';
import { fillEach, say } from './parts.js';
import * as words from './words.js';

// Looking costs more than the rest of the page; a bot that changes is news within this time.
const EVERY = 10000;

const by = (id) => document.getElementById(id);
let asked = -Infinity;
let known = { total: 0, videos: [] };

/** What there is to say of them, as a sentence; empty when every film plays whole. */
export async function lookAtAffected() {
  if (performance.now() - asked > EVERY) {
    asked = performance.now();
    known = await api.affected();
    draw(known);
  }
  return known.total ? `${words.count(known.total, 'film does', 'films do')} not play whole now.` : '';
}

function draw({ total, videos }) {
  by('affected-section').hidden = total === 0;
  say(by('affected-sum'), total > videos.length ? `the first ${videos.length} of ${total}` : '');
  fillEach(by('affected'), 'affected-film', videos, (row, film) => {
    const name = row.querySelector('a');
    say(name, film.title);
    name.href = `/watch/${film.video_id}`;
    say(row.querySelector('.small'), needs(film));
  });
}

function needs({ resting, out_of_reach: out, lost }) {
  const sentences = [];
  if (lost) sentences.push(`${words.count(lost, 'pack was', 'packs were')} missing or damaged when last read. Bring back the disk or channel that held it; if it is gone for good, add the film again.`);
  if (out) sentences.push(`${words.count(out, 'pack lies', 'packs lie')} with bots that need you, or that are not set up any more. Repair those bots, and it plays again.`);
  if (resting) sentences.push(`${words.count(resting, 'pack waits', 'packs wait')} for bots that rest. That ends by itself.`);
  return sentences.join(' ');
}
