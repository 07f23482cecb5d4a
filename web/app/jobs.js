// The jobs on the system page: a row each with how far it is, and what may be done about it.

import * as api from './api.js';
import { attempt, point, progress, say, stamp, toast } from './parts.js';
import * as words from './words.js';

const ENDED = ['done', 'failed', 'cancelled'];
const FIRST = 10;

const rows = new Map();
const by = (id) => document.getElementById(id);

/** Whether somebody works on it now. */
export const isRunning = (job) => job.state === 'running';

// It has a worker, and others have their turn.
const isInLine = (job) => isRunning(job) && job.stage === 'in_line';

/** Draws the section from the jobs of `GET /api/system/status`; `refresh` asks for them again. */
export function drawJobs(all, refresh) {
  const shown = all.filter((job) => !ENDED.includes(job.state));
  by('jobs-box').hidden = shown.length === 0;
  by('no-jobs').hidden = shown.length > 0;
  say(by('jobs-sum'), sum(all));
  const ids = new Set(shown.map((job) => job.id));
  for (const [id, row] of rows) {
    if (ids.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  for (const job of shown) drawJob(job, refresh);
}

/** How many are worked on, wait for their turn, and are held up by somebody. */
export function counted(all) {
  const open = all.filter((job) => !ENDED.includes(job.state));
  const running = open.filter((job) => isRunning(job) && !isInLine(job)).length;
  const paused = open.filter((job) => job.state === 'paused').length;
  return { running, inLine: open.length - running - paused, paused };
}

function sum(all) {
  const { running, inLine, paused } = counted(all);
  const counts = [[running, 'running'], [inLine, 'in line'], [paused, 'paused']];
  return counts.filter(([count]) => count).map(([count, word]) => `${count} ${word}`).join(', ');
}

function drawJob(job, refresh) {
  let row = rows.get(job.id);
  if (!row) {
    row = stamp('job');
    rows.set(job.id, row);
    by('jobs').append(row);
  }
  const running = isRunning(job);
  const name = row.querySelector('.job-name');
  say(name, job.title || words.work(job.kind));
  if (job.video_id) name.href = `/watch/${job.video_id}`;
  // What is made of a new film goes without saying.
  say(row.querySelector('.job-kind'), job.title && job.kind !== 'ingest' ? words.work(job.kind) : '');
  drawStage(row, job, running);
  const known = job.fraction !== null && job.fraction !== undefined;
  say(row.querySelector('.job-line b'), known ? words.percent(job.fraction) : '');
  progress(row.querySelector('.line'), known || !running ? job.fraction ?? 0 : null, known ? words.percent(job.fraction) : 'working');
  // Preparing runs at so many times the speed of playing.
  say(row.querySelector('.job-speed'), running && job.speed ? `${job.speed.toFixed(1)} × play` : '–');
  say(row.querySelector('.job-left'), running && job.eta_seconds ? words.length(job.eta_seconds) : '–');
  offer(row, job, refresh);
}

function drawStage(row, job, running) {
  // A film that makes way still has its place, and goes on by itself.
  const makesWay = isInLine(job) || (job.stage === 'make_way' && (running || job.state === 'waiting'));
  const waits = makesWay || job.state === 'waiting' || job.state === 'paused';
  const badge = row.querySelector('.badge');
  say(badge, running || makesWay ? words.stage(job.stage, job.kind) : words.stage(job.state));
  badge.classList.toggle('lamp', running && !makesWay);
  badge.classList.toggle('moon', waits);
  row.querySelector('.line').classList.toggle('moon', waits);
}

function offer(row, job, refresh) {
  const paused = job.state === 'paused';
  const title = job.title || words.work(job.kind);
  const button = (selector, label, work) => {
    const found = row.querySelector(selector);
    found.title = label;
    found.setAttribute('aria-label', `${label}: ${title}`);
    found.onclick = () => attempt(async () => {
      await work();
      await refresh();
    });
    return found;
  };
  const pause = button('.job-pause', paused ? 'Go on' : 'Pause', () => (paused ? api.resumeJob(job.id) : api.pauseJob(job.id)));
  point(pause.querySelector('.icon'), paused ? 'play' : 'pause');
  const first = button('.job-first', 'First', async () => {
    await api.prioritize(job.id, FIRST);
    toast(`${title} is done before the others.`);
  });
  first.disabled = isRunning(job) && !isInLine(job);
  const cancel = button('.job-cancel', 'Stop', async () => {
    await api.cancel(job.video_id);
    toast(`${title} is no longer prepared. What is there is kept.`, { act: { name: 'Go on', do: () => attempt(() => api.retry(job.video_id)) } });
  });
  cancel.disabled = !job.video_id || job.kind !== 'ingest';
}
