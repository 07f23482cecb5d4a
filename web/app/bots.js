// The bots on the system page: a row each with its state, what it holds and does, and what a test found.

import * as api from './api.js';
import { attempt, fillEach, icon, make, say, toast } from './parts.js';
import * as words from './words.js';

const by = (id) => document.getElementById(id);

// What the last test found of each bot, by its number.
let found = new Map();

/** Draws the section from `GET /api/system/bots/status`. */
export function drawBots({ store, bots, litter, litter_refused: refused, doubts }) {
  const local = store === 'local';
  by('no-bots').hidden = !local;
  by('bots-box').hidden = by('test-bots').hidden = local;
  if (local) return;
  say(by('bots-sum'), sum(bots));
  const notes = [];
  if (refused) notes.push(`${words.count(refused, 'copy stays', 'copies stay')} in the channels that nobody needs: Telegram refused to delete ${refused === 1 ? 'it' : 'them'}.`);
  if (litter > refused) notes.push(`${words.count(litter - refused, 'copy', 'copies')} that nobody needs could not be deleted yet; that is tried again by itself.`);
  if (doubts) notes.push(`${words.count(doubts, 'answer was', 'answers were')} lost on the way; what was sent is looked for by itself.`);
  say(by('bots-notes'), notes.join(' '));
  by('bots-notes').hidden = notes.length === 0;
  fillEach(by('bots'), 'bot', bots, drawBot);
}

/** What of the bots the owner has to see to, as a sentence; empty when it is nothing. */
export function worry({ bots }) {
  const needy = bots.filter((bot) => stateOf(bot) === NEEDS).length;
  return needy ? `${words.count(needy, 'bot needs', 'bots need')} you.` : '';
}

const FINE = { tone: 'ok', word: 'Fine', sign: () => icon('circle-check') };
const WAITS = { tone: 'moon', word: 'Waiting', sign: () => icon('moon') };
const NEEDS = { tone: 'rose', word: 'Needs you', sign: () => icon('circle-alert') };

function stateOf(bot) {
  if (bot.state === 'resting') return WAITS;
  return bot.state === 'out' || bot.can_delete === false ? NEEDS : FINE;
}

function sum(bots) {
  const counts = [FINE, WAITS, NEEDS].map((state) => [bots.filter((bot) => stateOf(bot) === state).length, state.word.toLowerCase()]);
  return counts.filter(([count]) => count).map(([count, word]) => `${count} ${word}`).join(', ');
}

function reason(bot) {
  const until = bot.resting_until ? words.time(bot.resting_until) : '';
  switch (bot.reason) {
    case 'flood': return `Rests until ${until}: Telegram asked for a pause. What lies with other bots, too, is read there; nothing to do.`;
    case 'unreachable': return `Rests until ${until}: it got no answers. It is tried again by itself.`;
    case 'unauthorized': return `Telegram does not accept its token. Copy the token from @BotFather into TELEGRAM_BOT_TOKEN_${bot.slot} and start the server again.`;
    case 'forbidden': return 'It may not post in its channel. Make it an administrator there, then press Test bots.';
    case 'channel_gone': return `It sees no such channel. Check TELEGRAM_CHANNEL_ID_${bot.slot}, and whether the bot is its administrator.`;
    default: return bot.can_delete === false ? 'It has no right to delete in its channel, so what is deleted may stay there. Give it that right, then press Test bots.' : '';
  }
}

function drawBot(row, bot) {
  say(row.querySelector('.bot-name'), bot.username ? `@${bot.username}` : `Bot ${bot.slot}`);
  say(row.querySelector('.bot-channel'), bot.channel_title || String(bot.channel));
  const { tone, word, sign } = stateOf(bot);
  const badge = row.querySelector('.badge');
  if (badge.textContent !== word) {
    badge.className = `badge ${tone}`;
    badge.replaceChildren(sign(), word);
  }
  say(row.querySelector('.bot-share'), words.percent(bot.share));
  say(row.querySelector('.bot-copies'), words.count(bot.copies, 'pack', 'packs'));
  say(row.querySelector('.bot-messages'), bot.messages.toLocaleString('en'));
  say(row.querySelector('.bot-bytes'), `${words.size(bot.bytes_up)} up`);
  say(row.querySelector('.bot-down'), `${words.size(bot.bytes_down)} down`);
  say(row.querySelector('.bot-latency'), bot.latency_p50_ms === null ? '–' : `${bot.latency_p50_ms} ms`);
  say(row.querySelector('.bot-slow'), bot.latency_p95_ms === null ? '' : `slow ${bot.latency_p95_ms} ms`);
  const why = row.querySelector('.bot-reason');
  why.className = `bot-reason ${tone}`;
  say(why, reason(bot));
  drawTest(row.querySelector('.bot-test'), found.get(bot.slot));
}

function drawTest(box, test) {
  box.hidden = !test;
  if (!test || box.shows === test) return;
  box.shows = test;
  if (test.failures.length) {
    box.replaceChildren(...test.failures.map(({ wrong, advice }) => make('p', {}, make('b', {}, `${sentence(wrong)} `), advice)));
    return;
  }
  const speeds = `${test.up.megabytes_per_second.toFixed(1)} MB/s up, ${test.down.megabytes_per_second.toFixed(1)} MB/s down, answer after ${test.latency_ms} ms`;
  box.replaceChildren(make('p', {}, make('b', { className: 'ok' }, 'Tested. '), `Sent, read back and deleted ${words.size(test.up.bytes)}: ${speeds}.`));
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

/** Lets the button test all bots and show what was found; `refresh` draws the page again. */
export function offerTest(refresh) {
  const button = by('test-bots');
  button.addEventListener('click', () => attempt(async () => {
    button.disabled = true;
    say(button, 'Testing …');
    try {
      const tests = await api.testBots();
      found = new Map(tests.bots.map((test) => [test.slot, test]));
      if (tests.ok) toast('Every bot sends, reads back and deletes.');
      await refresh();
    } finally {
      button.disabled = false;
      say(button, 'Test bots');
    }
  }));
}
