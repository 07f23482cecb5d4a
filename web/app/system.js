// The system page: one sentence first, then figures. It asks every two seconds while somebody looks.

import { lookAtAffected } from './affected.js';
import * as api from './api.js';
import { drawBots, offerTest, worry } from './bots.js';
import { gather, listen } from './events.js';
import { attempt, fillEach, icon, make, progress, say, stamp, toast } from './parts.js';
import * as words from './words.js';

const EVERY = 2000;
const page = document.getElementById('system');
const jobs = new Map();
const by = (id) => document.getElementById(id);

async function refresh() {
  try {
    const [status, cache, bots, unplayable] = await Promise.all([api.systemStatus(), api.cacheStats(), api.botsStatus(), lookAtAffected()]);
    page.hidden = false;
    sentence(status, bots, unplayable);
    figures(status, cache);
    drawJobs(status.jobs);
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
  const working = all.filter(isRunning).length;
  const fine = working ? `${words.count(working, 'film is', 'films are')} being prepared.` : 'Everything is fine.';
  say(by('sentence'), worries.length ? worries.join(' ') : fine);
  const rest = [];
  if (counts.failed) rest.push(`What could not be prepared says why on its card in the library.`);
  if (worries.length && working) rest.push(fine);
  if (!counts.videos) rest.push('The library is empty.');
  else if (!worries.length) rest.push(counts.ready === counts.videos ? 'Every film plays.' : `${words.count(counts.ready, 'film plays', 'films play')} from beginning to end; the others follow.`);
  say(by('second-sentence'), rest.join(' '));
}

const isRunning = (job) => job.state === 'running';

function figures({ counts, spool, disk, jobs: all }, cache) {
  const waiting = spool.uploads_bytes + spool.packs_bytes;
  fillEach(by('figures'), 'figure', [
    ['Films', counts.videos.toLocaleString('en'), '', `${words.size(counts.bytes)} in ${words.count(counts.blobs, 'pack', 'packs')}`],
    ['In work', String(all.filter(isRunning).length), '', `${all.filter((job) => job.state === 'queued').length} in line, ${counts.failed} stopped`],
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

const ENDED = ['done', 'failed', 'cancelled'];

function drawJobs(all) {
  const shown = all.filter((job) => !ENDED.includes(job.state));
  by('jobs-box').hidden = shown.length === 0;
  by('no-jobs').hidden = shown.length > 0;
  const running = shown.filter(isRunning).length;
  say(by('jobs-sum'), shown.length ? `${running} running, ${shown.length - running} in line` : '');
  const ids = new Set(shown.map((job) => job.id));
  for (const [id, row] of jobs) {
    if (ids.has(id)) continue;
    row.remove();
    jobs.delete(id);
  }
  for (const job of shown) drawJob(job);
}

function drawJob(job) {
  let row = jobs.get(job.id);
  if (!row) {
    row = stamp('job');
    jobs.set(job.id, row);
    by('jobs').append(row);
  }
  const name = row.querySelector('.job-name');
  say(name, job.title || job.kind);
  if (job.video_id) name.href = `/watch/${job.video_id}`;
  const running = isRunning(job);
  const badge = row.querySelector('.badge');
  say(badge, running ? words.stage(job.stage) : words.stage(job.state));
  badge.classList.toggle('lamp', running);
  badge.classList.toggle('moon', job.state === 'waiting' || job.state === 'paused');
  const known = job.fraction !== null && job.fraction !== undefined;
  say(row.querySelector('.job-line b'), known ? words.percent(job.fraction) : '');
  progress(row.querySelector('.line'), known || !running ? job.fraction ?? 0 : null, known ? words.percent(job.fraction) : 'working');
  // Preparing runs at so many times the speed of playing.
  say(row.querySelector('.job-speed'), running && job.speed ? `${job.speed.toFixed(1)} × play` : '–');
  say(row.querySelector('.job-left'), job.eta_seconds ? words.length(job.eta_seconds) : '–');
  const cancel = row.querySelector('button');
  cancel.hidden = !job.video_id || job.kind !== 'ingest';
  cancel.setAttribute('aria-label', `Stop preparing ${job.title}`);
  cancel.onclick = () => attempt(async () => {
    await api.cancel(job.video_id);
    toast(`${job.title} is no longer prepared. What is there is kept.`, { act: { name: 'Go on', do: () => attempt(() => api.retry(job.video_id)) } });
    refresh();
  });
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
  say(by('cache-words'), asked
    ? `of ${words.count(asked, 'piece', 'pieces')} came from memory, ${words.count(cache.misses, 'was', 'were')} fetched from the store.`
    : 'Nothing has been played since the server started.');
  meters(by('cache-meters'), [['Memory', `${words.size(cache.bytes)} of ${words.size(cache.max_bytes)}`, cache.bytes / cache.max_bytes]]);
  by('clear-cache').disabled = cache.bytes === 0;
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

// As PREFERRED_ENCODER spells them, their names and what they need.
const ENCODERS = {
  vaapi: ['VA-API', 'Graphics by Intel or AMD'],
  nvenc: ['NVENC', 'Graphics by NVIDIA'],
  qsv: ['Quick Sync', 'Graphics by Intel'],
  software: ['Software', 'Runs on every processor'],
};

function drawEncoders(all) {
  fillEach(by('encoders'), 'encoder', all, (row, encoder) => {
    const [sign, tone, text] = encoder.chosen ? ['circle-check', 'ok', 'In use'] : encoder.works ? ['check', '', 'Works'] : ['circle-x', '', 'Not here'];
    const [name, needs] = ENCODERS[encoder.name] ?? [encoder.name, ''];
    say(row.querySelector('b'), name);
    const said = row.querySelector('.said');
    if (said.textContent !== text) {
      said.className = `said ${tone}`;
      said.replaceChildren(signOf(sign), text);
    }
    say(row.querySelector('.needs'), needs);
    row.querySelector('details').hidden = encoder.works || !encoder.why_not;
    say(row.querySelector('details p'), encoder.why_not ?? '');
  });
}

// Spelled out, so that a test can hold every name against the sprite.
const signOf = (name) => ({ 'circle-check': () => icon('circle-check'), check: () => icon('check'), 'circle-x': () => icon('circle-x') })[name]();

function machine({ version, uptime_seconds: up, memory_bytes: memory, cpu_fraction: cpu }) {
  return [`Telecine ${version}`, `running for ${words.length(up)}`, `${words.size(memory)} of memory`, `${Math.round(cpu * 100)} % of a processor`].join(' · ');
}

by('clear-cache').addEventListener('click', () => attempt(async () => {
  await api.clearCache();
  toast('The cache is empty. The next pieces come from the store.');
  refresh();
}));

offerTest(refresh);

const soon = gather(300, refresh);
for (const name of ['job', 'system', 'resync']) listen(name, () => soon(name === 'resync' ? 'all' : 'some'));
setInterval(() => document.hidden || refresh(), EVERY);
refresh();
