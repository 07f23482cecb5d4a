// What every page does: theme, adding films, single-letter keys, and saying when the server is away.

import * as api from './api.js';
import { menu, say } from './parts.js';

const fileInput = document.getElementById('file-input');
const drop = document.getElementById('drop');

// Theme: the server reads the cookie, so the next page comes in the right colours.
const THEMES = [
  { name: 'As the device', value: '', icon: 'monitor' },
  { name: 'Dark', value: 'dark', icon: 'moon' },
  { name: 'Light', value: 'light', icon: 'sun' },
];
const themeButton = document.getElementById('theme');
themeButton.addEventListener('click', () => {
  const now = document.documentElement.dataset.theme ?? '';
  menu(themeButton, THEMES.map((theme) => ({ ...theme, checked: theme.value === now, do: () => choose(theme.value) })));
});

function choose(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  document.cookie = `theme=${theme}; path=/; max-age=${theme ? 31536000 : 0}; samesite=lax`;
}

// Adding films. The module comes when it is first needed.
const add = async (files) => (await import('./uploads.js')).add(files);
document.addEventListener('click', (event) => {
  if (event.target.closest('[data-add]')) fileInput.click();
});
fileInput.addEventListener('change', () => {
  const files = [...fileInput.files];
  fileInput.value = '';
  if (files.length) add(files);
});

const carriesFiles = (event) => event.dataTransfer?.types.includes('Files');
let depth = 0;
addEventListener('dragenter', (event) => {
  if (!carriesFiles(event)) return;
  depth += 1;
  const many = [...event.dataTransfer.items].filter((item) => item.kind === 'file').length;
  say(document.getElementById('drop-words'), many > 1 ? `Drop to add ${many} files` : 'Drop to add it');
  drop.hidden = false;
});
addEventListener('dragleave', (event) => {
  if (!carriesFiles(event)) return;
  depth -= 1;
  if (depth <= 0) endDrag();
});
addEventListener('dragover', (event) => carriesFiles(event) && event.preventDefault());
addEventListener('drop', async (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  endDrag();
  // The entries must be taken before the first await: the transfer is emptied when this handler returns.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...event.dataTransfer.files];
  add(entries.length ? (await Promise.all(entries.map(filesOf))).flat() : plain);
});

function endDrag() {
  depth = 0;
  drop.hidden = true;
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const inside = [];
  // A reader gives a folder in portions and ends with an empty one.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return (await Promise.all(inside.map(filesOf))).flat();
    inside.push(...some.filter((each) => !each.name.startsWith('.')));
  }
}

// Single letters, never inside a field.
addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input, textarea, select, dialog, [contenteditable]');
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === '/') {
    event.preventDefault();
    document.getElementById('search').focus();
  } else if (event.key === 'u') fileInput.click();
});

// The server is away: say so, count down, try again; the page stays usable.
const band = document.getElementById('offline');
const bandWords = band.querySelector('span');
let since = null;
let ticking = null;

function lost() {
  if (since) return;
  since = new Date();
  band.hidden = false;
  tryIn(8);
}

function tryIn(seconds) {
  clearTimeout(ticking);
  const known = since.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  say(bandWords, `This page shows what it knew at ${known}. Trying again in ${seconds} s.`);
  ticking = setTimeout(() => (seconds > 1 ? tryIn(seconds - 1) : retry()), 1000);
}

async function retry() {
  clearTimeout(ticking);
  say(bandWords, 'Trying again.');
  // Any answer counts, also one that says no.
  await api.ping().catch((problem) => problem.code === 'offline' && tryIn(8));
}

band.querySelector('button').addEventListener('click', retry);
api.connection.addEventListener('lost', lost);
api.connection.addEventListener('back', () => {
  clearTimeout(ticking);
  since = null;
  band.hidden = true;
});

// Search on a page that is not the library leads there; an empty search leads nowhere.
document.querySelector('.search').addEventListener('submit', (event) => {
  if (!event.target.q.value.trim() && location.pathname !== '/') event.preventDefault();
});
