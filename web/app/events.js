// One stream of changes for the whole page. It is closed while nobody looks (a browser grants a server six
// connections, and every open tab would hold one); `resync` tells that changes may have been missed.

import * as api from './api.js';

const NAMES = ['video', 'job', 'upload', 'system'];
const target = new EventTarget();
let source = null;
let wasOpen = false;

/** Calls `handler(detail)` for each event of that name: `video`, `job`, `upload`, `system` or `resync`. */
export function listen(name, handler) {
  target.addEventListener(name, (event) => handler(event.detail));
  open();
}

function open() {
  if (source || document.hidden) return;
  source = api.events();
  source.addEventListener('open', () => {
    if (wasOpen) target.dispatchEvent(new CustomEvent('resync'));
    wasOpen = true;
  });
  // The browser tries again by itself after a broken stream, but not after a refused one.
  source.addEventListener('error', () => {
    if (source?.readyState !== EventSource.CLOSED) return void api.ping().catch(() => {});
    source = null;
    setTimeout(open, 8000);
  });
  for (const name of NAMES) {
    source.addEventListener(name, (event) => {
      target.dispatchEvent(new CustomEvent(name, { detail: JSON.parse(event.data) }));
    });
  }
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else if (wasOpen || source === null) open();
});

/** Gathers calls: `work` runs once per `key`, `wait` milliseconds after the first of a burst. */
export function gather(wait, work) {
  const pending = new Map();
  return (key) => {
    if (pending.has(key)) return;
    pending.set(key, setTimeout(() => {
      pending.delete(key);
      work(key);
    }, wait));
  };
}
