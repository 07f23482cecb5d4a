// The parts that scripts make: icons, lines of progress, menus, dialogs, toasts. Markup is built from
// nodes and <template>s, never from strings; user text is only ever text.

const SVG = 'http://www.w3.org/2000/svg';
const sprite = new URL('../icons.svg', import.meta.url).pathname;

/** An icon of the sprite, hidden from those who listen. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS(SVG, 'use'));
  point(svg, name);
  return svg;
}

/** Lets an icon that is already there show another drawing. */
export function point(svg, name) {
  svg.querySelector('use').setAttribute('href', `${sprite}#${name}`);
}

/** An element with its properties and children; a child that is a string becomes text. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The first element of a <template>. */
export const stamp = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

/** One stamped child per item, reused from one round to the next. */
export function fillEach(parent, template, items, fill) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  while (parent.children.length < items.length) parent.append(stamp(template));
  items.forEach((item, index) => fill(parent.children[index], item));
}

/** Shows how far something is: `fraction` 0–1, or null when nobody knows. */
export function progress(line, fraction, words) {
  const known = fraction !== null && fraction !== undefined;
  line.classList.toggle('unknown', !known);
  if (known) {
    line.style.setProperty('--p', String(Math.round(fraction * 1000) / 10));
    line.setAttribute('aria-valuenow', String(Math.floor(fraction * 100)));
  } else {
    line.style.removeProperty('--p');
    line.removeAttribute('aria-valuenow');
  }
  line.setAttribute('aria-valuetext', words);
}

/** Writes text only when it changed, so that nothing flickers or is read out twice. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let openMenu = null;

/** Opens a menu at a button. Items: `{name, icon, do, danger, checked}`; a null is a hairline. */
export function menu(button, items) {
  if (openMenu) {
    const same = openMenu.button === button;
    openMenu.close();
    if (same) return;
  }
  const box = make('div', { className: 'menu' });
  box.setAttribute('role', 'menu');
  const close = (refocus = true) => {
    box.remove();
    button.setAttribute('aria-expanded', 'false');
    openMenu = null;
    removeEventListener('pointerdown', outside, true);
    removeEventListener('scroll', away, true);
    if (refocus) button.focus({ preventScroll: true });
  };
  const outside = (event) => !box.contains(event.target) && !button.contains(event.target) && close(false);
  const away = () => close(false);
  const buttons = items.map((item) => (item ? menuItem(item, close) : make('hr')));
  box.append(...buttons);
  box.addEventListener('keydown', (event) => menuKey(event, buttons.filter((entry) => entry.matches('button')), close));
  // Inside the content, where those who listen find it.
  document.getElementById('main').append(box);
  place(box, button.getBoundingClientRect());
  button.setAttribute('aria-expanded', 'true');
  addEventListener('pointerdown', outside, true);
  addEventListener('scroll', away, true);
  openMenu = { button, close };
  box.querySelector('button').focus({ preventScroll: true });
}

function menuItem(item, close) {
  const button = make('button', { type: 'button', className: item.danger ? 'danger' : '' }, item.icon && icon(item.icon), item.name);
  button.setAttribute('role', item.checked === undefined ? 'menuitem' : 'menuitemradio');
  if (item.checked !== undefined) button.setAttribute('aria-checked', String(item.checked));
  if (item.checked) {
    const tick = icon('check');
    tick.classList.add('tick');
    button.append(tick);
  }
  button.addEventListener('click', () => {
    close();
    item.do();
  });
  return button;
}

function menuKey(event, buttons, close) {
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === 'Escape' || event.key === 'Tab') close();
  else if (to !== undefined) buttons.at(to % buttons.length).focus();
  else if (event.key.length === 1 && event.key !== ' ') {
    const from = [...buttons.slice(at + 1), ...buttons];
    from.find((button) => button.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function place(box, at) {
  const { width, height } = box.getBoundingClientRect();
  const below = at.bottom + 4 + height <= innerHeight - 8;
  box.style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - height - 4)}px`;
  box.style.left = `${Math.max(8, Math.min(at.right - width, innerWidth - width - 8))}px`;
}

/**
 * Asks. `answers` are `{name, value, kind}` from the safe one on; resolves to the value, or null when left.
 * A `filled` or `danger` answer is given only when the fields in `body` are valid.
 */
export function dialog(heading, body, answers) {
  const box = stamp('dialog');
  const form = box.querySelector('form');
  box.querySelector('h2').textContent = heading;
  box.querySelector('.dialog-body').append(...body);
  const buttons = answers.map(({ name, value, kind }) => {
    const button = make('button', { className: `button ${kind}`, value, type: 'submit' }, name);
    button.formNoValidate = kind !== 'filled';
    return button;
  });
  box.querySelector('.dialog-answers').append(...buttons);
  document.body.append(box);
  // Enter in a field means the answer that acts, not the first button of the form.
  form.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !event.target.matches('input')) return;
    event.preventDefault();
    form.requestSubmit(buttons.at(-1));
  });
  // What is wrong stands under each field, so the browser need not say it once more in a bubble of its own.
  form.addEventListener('invalid', (event) => {
    event.preventDefault();
    form.querySelector(':invalid:not(fieldset)').focus();
  }, true);
  box.addEventListener('click', (event) => event.target === box && box.close(''));
  box.showModal();
  (box.querySelector('input:checked') ?? box.querySelector('input, textarea') ?? buttons[0]).focus();
  return new Promise((resolve) => {
    box.addEventListener('close', () => {
      box.remove();
      resolve(box.returnValue || null);
    });
  });
}

const queue = [];
let shown = null;

/** One short sentence; `act` is `{name, do}`. Errors interrupt those who listen, the rest waits its turn. */
export function toast(text, { sign = 'circle-check', error = false, act = null } = {}) {
  queue.push({ text, sign: error ? 'circle-alert' : sign, error, act });
  if (!shown) nextToast();
}

function nextToast() {
  const next = queue.shift();
  if (!next) return;
  const box = make('div', { className: next.error ? 'toast rose' : 'toast' }, icon(next.sign), make('p', {}, next.text));
  box.setAttribute('role', next.error ? 'alert' : 'status');
  let timer;
  const leave = () => {
    clearTimeout(timer);
    box.remove();
    shown = null;
    nextToast();
  };
  const wait = () => { timer = setTimeout(leave, next.act ? 10000 : 6000); };
  if (next.act) {
    const button = make('button', { className: 'link', type: 'button' }, next.act.name);
    button.addEventListener('click', () => {
      leave();
      next.act.do();
    });
    box.append(button);
  }
  box.addEventListener('pointerenter', () => clearTimeout(timer));
  box.addEventListener('focusin', () => clearTimeout(timer));
  box.addEventListener('pointerleave', wait);
  box.addEventListener('focusout', wait);
  shown = box;
  document.getElementById('toasts').append(box);
  wait();
}

/** Does what may fail, and tells it in a toast. */
export async function attempt(work) {
  try {
    return await work();
  } catch (problem) {
    toast(problem.message, { error: true });
    return undefined;
  }
}
