// The system page: one sentence first, then figures. It asks every two seconds while somebody looks.

import { lookAtAffected } from './affected.js';
import * as api from './api.js';
import { drawBots, offerTest, worry } from './bots.js';
import { drawEncoders, offerProbe } from './encoders.js';
import { gather, listen } from './events.js';
import { counted, drawJobs, isRunning } from './jobs.js';
import { attempt, fillEach, make, progress, say, toast } from './parts.js';
import * as words from './words.js';

const EVERY = 2000;
const page = document.getElementById('system');
const by = (id) => document.getElementById(id);

async function refresh() {
  try {
    const [status, cache, bots, unplayable] = await Promise.all([api.systemStatus(), api.cacheStats(), api.botsStatus(), lookAtAffected()]);
    page.hidden = false;
    sentence(status, bots, unplayable);
    figures(status, cache);
    drawJobs(status.jobs, refresh);
    drawBots(bots);
    drawCache(cache);
    drawDisk(status);
    drawEncoders(status.encoders);
    say(by('machine'), machine(status));
  } catch {
    // The band under the bar says it, and the next round asks again.
  }
}

function sentence({ counts, disk, jobs: all, encoders }, bots, unplayable) {
  const worries = [worry(bots), unplayable].filter(Boolean);
  if (!encoders.some((encoder) => encoder.works)) worries.push('No encoder works.');
  if (disk.total_bytes && disk.free_bytes < disk.total_bytes * 0.05) worries.push('The disk is almost full.');
  if (counts.failed) worries.push(`${words.count(counts.failed, 'film needs', 'films need')} you.`);
  const working = all.filter((job) => isRunning(job) && job.kind === 'ingest').length;
  const fine = working ? `${words.count(working, 'film is', 'films are')} being prepared.` : 'Everything is fine.';
  say(by('sentence'), worries.length ? worries.join(' ') : fine);
  const rest = [];
  if (counts.failed) rest.push(`What could not be prepared says why on its card in the library.`);
  if (worries.length && working) rest.push(fine);
  if (!counts.videos) rest.push('The library is empty.');
  else if (!worries.length) rest.push(counts.ready === counts.videos ? 'Every film plays.' : `${words.count(counts.ready, 'film plays', 'films play')} from beginning to end; the others follow.`);
  say(by('second-sentence'), rest.join(' '));
}

function figures({ counts, spool, disk, jobs: all }, cache) {
  const waiting = spool.uploads_bytes + spool.packs_bytes;
  const { running, inLine } = counted(all);
  fillEach(by('figures'), 'figure', [
    ['Films', counts.videos.toLocaleString('en'), '', `${words.size(counts.bytes)} in ${words.count(counts.blobs, 'pack', 'packs')}`],
    ['In work', String(running), '', `${inLine} in line, ${counts.failed} stopped`],
    ['From memory', cache.hits + cache.misses ? (cache.hit_rate * 100).toFixed(1) : '–', cache.hits + cache.misses ? '%' : '', 'of the pieces players asked for'],
    ['Free on the disk', ...words.sizeParts(disk.free_bytes), `${words.size(waiting)} wait to be stored`],
  ], (box, [name, number, unit, below]) => {
    say(box.querySelector('dt'), name);
    figure(box.querySelector('.figure'), number, unit);
    say(box.querySelector('.small'), below);
  });
}

function figure(box, number, unit) {
  if (box.dataset.shows === `${number} ${unit}`) return;
  box.dataset.shows = `${number} ${unit}`;
  box.replaceChildren(String(number), make('span', {}, ` ${unit}`));
}

function meters(parent, items) {
  fillEach(parent, 'meter', items, (box, [name, value, part]) => {
    say(box.querySelector('span'), name);
    say(box.querySelector('b'), value);
    const line = box.querySelector('.line');
    line.setAttribute('aria-label', name);
    progress(line, Math.min(1, part || 0), value);
  });
}

function drawCache(cache) {
  const asked = cache.hits + cache.misses;
  figure(by('cache-rate'), asked ? (cache.hit_rate * 100).toFixed(1) : '–', asked ? '%' : '');
  const { disk, ahead } = cache;
  const early = ahead.brought ? ` ${words.count(ahead.brought, 'was', 'were')} brought before anybody asked: ${ahead.useful} of them were played, ${ahead.wasted} were not.` : '';
  const fetched = Math.max(0, cache.misses - (disk?.hits ?? 0));
  say(by('cache-words'), asked
    ? `of ${words.count(asked, 'piece', 'pieces')} came from memory, ${disk ? `${disk.hits} from disk, ` : ''}${words.count(fetched, 'was', 'were')} fetched from the store.${early}`
    : 'Nothing has been played since the server started.');
  const meter = (name, { bytes, max_bytes: most }) => [name, `${words.size(bytes)} of ${words.size(most)}`, bytes / most];
  meters(by('cache-meters'), [meter('Memory', cache), ...(disk ? [meter('Disk', disk)] : [])]);
  by('clear-cache').disabled = cache.bytes + (disk?.bytes ?? 0) === 0;
}

function drawDisk({ disk, spool }) {
  figure(by('disk-free'), ...words.sizeParts(disk.free_bytes));
  say(by('disk-words'), `free of ${words.size(disk.total_bytes)}.`);
  const waiting = spool.uploads_bytes + spool.packs_bytes;
  meters(by('disk-meters'), [
    ['Used', words.size(disk.total_bytes - disk.free_bytes), (disk.total_bytes - disk.free_bytes) / disk.total_bytes],
    ['Uploads and packs that wait', `${words.size(waiting)} of ${words.size(spool.max_bytes)}`, waiting / spool.max_bytes],
  ]);
}

function machine({ version, uptime_seconds: up, memory_bytes: memory, cpu_fraction: cpu }) {
  return [`Telecine ${version}`, `running for ${words.length(up)}`, `${words.size(memory)} of memory`, `${Math.round(cpu * 100)} % of a processor`].join(' · ');
}

by('clear-cache').addEventListener('click', () => attempt(async () => {
  await api.clearCache();
  toast('The cache is empty. The next pieces come from the store.');
  refresh();
}));

offerTest(refresh);
offerProbe(refresh);

const soon = gather(300, refresh);
for (const name of ['job', 'system', 'resync']) listen(name, () => soon(name === 'resync' ? 'all' : 'some'));
setInterval(() => document.hidden || refresh(), EVERY);
refresh();
