// A grid is one stop for Tab; the arrows move inside it, by what stands beside what on the screen.

const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

/** Handles a key pressed inside `grid`: arrows, Home, End, and the menu keys for a card. */
export function moveInGrid(event, grid) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const card = event.target.closest('.card');
  if (!card || event.target.closest('.menu')) return;
  if (event.key === 'ContextMenu' || (event.shiftKey && event.key === 'F10')) {
    event.preventDefault();
    card.querySelector('.card-menu').click();
    return;
  }
  const all = [...grid.children];
  const to = target(event.key, all, card);
  if (to === null) return;
  event.preventDefault();
  to.querySelector('.card-link').focus();
  to.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
}

function target(key, all, card) {
  const at = all.indexOf(card);
  if (key in STEPS) return all[Math.max(0, Math.min(all.length - 1, at + STEPS[key]))];
  const columns = all.findIndex((each) => each.offsetTop > all[0].offsetTop);
  const width = columns < 0 ? all.length : columns;
  if (key === 'ArrowDown') return all[at + width] ?? (Math.floor(at / width) < Math.floor((all.length - 1) / width) ? all.at(-1) : card);
  if (key === 'ArrowUp') return all[at - width] ?? card;
  return null;
}
