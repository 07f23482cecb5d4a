// The keys of the player. They belong to the page, except inside fields, dialogs and open menus.

import { dialog, make } from './parts.js';

const LIST = [
  [['Space', 'k'], 'play or pause'], [['j', 'l'], '10 seconds back, on'], [['←', '→'], '5 seconds back, on'],
  [['↑', '↓'], 'louder, softer'], [['0', '9'], 'tenths of the film'], [[',', '.'], 'one picture back, on, when paused'],
  [['<', '>'], 'slower, faster'], [['m'], 'mute'], [['c'], 'subtitles on, off'], [['a'], 'next sound track'], [['q'], 'settings'], [['f'], 'full screen'],
  [['p'], 'picture in picture'], [['Esc'], 'close, then leave full screen'],
];

/** Lets keys drive `player` while its page is open. */
export function takeKeys(player) {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest?.('input:not([type="range"]), textarea, select, dialog, .menu')) return;
    // A focused button keeps its own Space and Enter; a slider or the page does not need them.
    if ((event.key === ' ' || event.key === 'Enter') && event.target.closest?.('button, a, summary')) return;
    const work = /^[0-9]$/.test(event.key) ? () => player.seekPart(Number(event.key) / 10) : keys(player)[event.key];
    if (!work) return;
    event.preventDefault();
    player.wake();
    work();
  });
}

const keys = (player) => ({
  ' ': () => player.toggle(),
  k: () => player.toggle(),
  j: () => player.skip(-10),
  l: () => player.skip(10),
  ArrowLeft: () => player.skip(-5),
  ArrowRight: () => player.skip(5),
  ArrowUp: () => player.louder(0.05),
  ArrowDown: () => player.louder(-0.05),
  ',': () => player.frame(-1),
  '.': () => player.frame(1),
  '<': () => player.faster(-1),
  '>': () => player.faster(1),
  m: () => player.mute(),
  c: () => player.toggleSubtitles(),
  a: () => player.nextSound(),
  q: () => player.panel.toggle(),
  f: () => player.full(),
  p: () => player.pip(),
  '?': () => showList(),
});

function showList() {
  const pairs = LIST.flatMap(([names, words]) => [
    make('dt', {}, ...names.map((name) => make('kbd', {}, name))),
    make('dd', {}, words),
  ]);
  dialog('Keys', [make('dl', {}, ...pairs)], [{ name: 'Close', value: '', kind: 'control' }]);
}
