// How quantities and times are spelled, everywhere the same.

const two = (number) => String(number).padStart(2, '0');

/** 7440 → "2 h 04 min"; under an hour "54 min", under a minute "42 s". */
export function length(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** 2832 → "47:12", 7440 → "2:04:00". */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** 2832 → "47 minutes 12", for those who listen. */
export function spoken(seconds) {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
  return `${h ? `${h} hours ` : ''}${m} minutes ${s}`;
}

function scaled(value, units) {
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return [value >= 99.5 || unit === 0 ? Math.round(value) : Number(value.toPrecision(value < 9.95 ? 2 : 3)), units[unit]];
}

/** 4200000000 → ["4.2", "GB"]: number and unit apart, for a figure. */
export const sizeParts = (bytes) => scaled(bytes || 0, ['B', 'kB', 'MB', 'GB', 'TB', 'PB']);
export const size = (bytes) => sizeParts(bytes).join(' ');
/** Bytes a second → "18.4 MB/s". */
export const speed = (rate) => `${size(rate)}/s`;
/** Bits a second → "8.1 Mbit/s". */
export const bitrate = (bits) => scaled(bits || 0, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s']).join(' ');
/** 0.428 → "42 %": rounded down, so that nothing is called done before it is. */
export const percent = (fraction) => `${Math.floor((fraction || 0) * 100)} %`;
export const left = (seconds) => `${length(Math.max(1, seconds))} left`;
export const count = (number, one, many) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

/** When something happened: "today 21:42", "yesterday 09:10", "12 November", "3 May 2024". */
export function day(text, now = new Date()) {
  const when = new Date(text);
  if (Number.isNaN(when.getTime())) return '';
  const time = `${two(when.getHours())}:${two(when.getMinutes())}`;
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate());
  const days = Math.ceil((midnight - when) / 86400000);
  if (days <= 0) return `today ${time}`;
  if (days === 1) return `yesterday ${time}`;
  const year = when.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return when.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year });
}

/** The time of day alone: "14:32". */
export function time(text) {
  const when = new Date(text);
  return `${two(when.getHours())}:${two(when.getMinutes())}`;
}

/** A name in two parts; the first may be cut, the second (with the extension) stays. */
export function halves(name) {
  const tail = name.length > 24 ? 12 : 0;
  return [name.slice(0, name.length - tail), name.slice(name.length - tail)];
}

const STAGES = {
  received: 'In line', queued: 'In line', waiting: 'Waiting', inspect: 'Looking at the file', plan: 'Looking at the file',
  copy: 'Copying', encode: 'Encoding', transcode: 'Preparing', package: 'Preparing', deposit: 'Storing', store: 'Storing',
  protect: 'Storing', publish: 'Finishing', mend: 'Mending', move: 'Moving', forget: 'Deleting', paused: 'Paused',
  cancelled: 'Cancelled', make_way: 'Makes way', in_line: 'In line',
};
const REFINED = {
  waiting: 'In line', inspect: 'Looking at the file', subtitles: 'Adding subtitles', storyboard: 'Adding scrub pictures',
  stills: 'Adding stills to choose from', sounds: 'Adding sounds', original: 'Keeping the file', store: 'Storing',
  protect: 'Storing', make_way: 'Makes way', in_line: 'In line',
};

/** The server's name of a stage, as people say it; `kind` is the job's. */
export const stage = (name, kind) => {
  if (kind === 'refine') return REFINED[name] ?? 'Adding sizes';
  return (kind === 'attach' ? REFINED[name] : STAGES[name]) ?? 'Preparing';
};

const WORK = {
  ingest: 'Preparing a film', attach: 'Added subtitles and posters', refine: 'More sizes, sounds and subtitles', mend: 'Mending copies', move: 'Moving copies',
  forget: 'Deleting for good',
};

/** What a job of this kind does. */
export const work = (kind) => WORK[kind] ?? kind;

/** Whether nothing moves until somebody says so. */
export const rests = (video) => video.stage === 'cancelled' || video.stage === 'paused';

/** Whether nothing moves now, be it that others have their turn. */
export const waits = (video) => rests(video) || video.stage === 'in_line' || video.stage === 'queued';

const CHANNELS = { 1: 'mono', 2: 'stereo', 6: '5.1', 8: '7.1' };

/** A number of sound channels as people call it; empty when it is not known. */
export const channels = (number) => CHANNELS[number] ?? (number ? `${number} channels` : '');

/** 2160-line pictures and more are worth a badge; the rest is ordinary. */
export const isUltra = (video) => Math.max(video.width || 0, (video.height || 0) * 16 / 9) >= 3800;

/** "1080p" after the longer way round, so that a wide or an upright film is not called something else. */
export function rung(width, height) {
  if (!height) return '';
  const lines = Math.round(Math.max(height, Math.min(width || 0, 16000) * 9 / 16));
  const named = [2160, 1440, 1080, 720, 576, 480, 360, 240].find((rung) => Math.abs(lines - rung) <= rung * 0.04);
  return `${width && width < height ? Math.min(width, height) : named ?? height}p`;
}
