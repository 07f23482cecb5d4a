// Every request to the server starts here. Errors are `Problem`s whose message is a sentence for people.

/** What the server, or the way to it, had to say. `code` is stable; `offline` means there was no answer. */
export class Problem extends Error {
  constructor(body, status) {
    super(body.detail || body.title || 'The server could not do this. Its log says why.');
    this.code = body.code || '';
    this.status = status;
    this.videoId = body.video_id;
  }
}

const NO_ANSWER = { code: 'offline', detail: 'The server does not answer. Try again when it is back.' };

/** `lost` when a request got no answer, `back` when one did. */
export const connection = new EventTarget();

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, { method, ...packed(body) });
  } catch {
    connection.dispatchEvent(new Event('lost'));
    throw new Problem(NO_ANSWER, 0);
  }
  connection.dispatchEvent(new Event('back'));
  return answer;
}

// A form names its own type, a file has one, and everything else is JSON.
function packed(body) {
  if (!body) return {};
  if (body instanceof FormData) return { body };
  if (body instanceof Blob) return { body, headers: { 'Content-Type': body.type } };
  return { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
}

async function send(method, path, body) {
  const answer = await ask(method, path, body);
  const text = await answer.text();
  const value = parsed(text);
  if (!answer.ok) throw new Problem(value ?? {}, answer.status);
  return value;
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

const video = (id) => `/api/videos/${encodeURIComponent(id)}`;

/** One page of the library: `{videos, next_cursor, total}`. Empty values are left out. */
export function videos(query) {
  const wanted = Object.entries(query).filter(([, value]) => value);
  return send('GET', `/api/videos?${new URLSearchParams(wanted)}`);
}

export const videoOf = (id) => send('GET', video(id));
export const change = (id, fields) => send('PATCH', video(id), fields);
export const trash = (id) => send('DELETE', video(id));
export const deleteForGood = (id) => send('DELETE', `${video(id)}?now=true`);
export const restore = (id) => send('POST', `${video(id)}/restore`);
export const retry = (id) => send('POST', `${video(id)}/retry`);
export const cancel = (id) => send('POST', `${video(id)}/cancel`);

/** Adds subtitles: a form with `file`, `language`, and perhaps `label` and `forced`. */
export const addSubtitles = (id, form) => send('POST', `${video(id)}/subtitles`, form);
export const removeSubtitles = (id, track) => send('DELETE', `${video(id)}/subtitles/${encodeURIComponent(track)}`);
/** The stills that can be the poster: `{candidates: [{candidate, seconds, url, in_use}], other}`. */
export const posters = (id) => send('GET', `${video(id)}/posters`);
export const choosePoster = (id, candidate) => send('PUT', `${video(id)}/poster`, { candidate });
/** Makes a picture (a `File`) the poster. */
export const sendPoster = (id, picture) => send('PUT', `${video(id)}/poster`, picture);

/** A text of the server's, such as a list of thumbnails; empty when it is not there. */
export async function textAt(path) {
  const answer = await ask('GET', path);
  return answer.ok ? answer.text() : '';
}

const job = (id) => `/api/jobs/${encodeURIComponent(id)}`;
export const pauseJob = (id) => send('POST', `${job(id)}/pause`);
export const resumeJob = (id) => send('POST', `${job(id)}/resume`);
/** From -10 (last) to 10 (first). */
export const prioritize = (id, priority) => send('POST', `${job(id)}/priority`, { priority });
export const probeEncoders = () => send('POST', '/api/system/encoders/probe');
export const systemStatus = () => send('GET', '/api/system/status');
export const cacheStats = () => send('GET', '/api/system/cache/stats');
export const clearCache = () => send('POST', '/api/system/cache/clear');
export const botsStatus = () => send('GET', '/api/system/bots/status');
export const affected = () => send('GET', '/api/system/affected');
export const testBots = () => send('POST', '/api/system/bots/test');
export const openapi = () => send('GET', '/api/openapi.json');
export const ping = () => send('GET', '/healthz');

/** The server's stream of changes. */
export const events = () => new EventSource('/api/events');

// A server that starts again is waited for, for about an hour: half a second, one, two, … fifteen.
const RETRIES = Array.from({ length: 240 }, (_, number) => Math.min(15000, 500 * 2 ** number));

/**
 * Sends one file, and goes on after whatever interrupts it: a lost line, a restart of the server, a
 * reload of the page once the same file is given again. `onProgress(sent, total)` follows the bytes,
 * `onWaiting()` says that it will be tried again. `done` is how far the server is with all of it.
 */
export function upload(file, { again, onProgress, onWaiting }) {
  let sender;
  let giveUp;
  let ended = false;
  let paused = false;
  let begun = false;
  const start = () => {
    begun = true;
    sender.start();
  };
  // What the server makes then has a name only once it has answered: to break that off leaves it there.
  const isAsking = () => begun && !sender.url;
  const stopped = new Promise((_, reject) => {
    giveUp = () => reject(new Problem({ code: 'stopped', detail: 'Stopped.' }, 0));
  });
  const sent = new Promise((resolve, reject) => {
    const options = {
      endpoint: again ? '/api/uploads?again=true' : '/api/uploads',
      metadata: { filename: file.name },
      retryDelays: RETRIES,
      removeFingerprintOnSuccess: true,
      onAfterResponse: stayWith,
      onProgress(bytes, total) {
        connection.dispatchEvent(new Event('back'));
        onProgress(bytes, total);
      },
      onShouldRetry(error) {
        const status = answerTo(error)?.getStatus() ?? 0;
        if (!status) connection.dispatchEvent(new Event('lost'));
        const waits = !ended && passes(status);
        if (waits) onWaiting();
        return waits;
      },
      // Whoever paused or stopped it did so while the server was asked for its place.
      onUploadUrlAvailable() {
        if (ended) sender.abort(true).catch(() => {});
        else if (paused) sender.abort();
      },
      onError: (error) => reject(problemOf(error)),
      onSuccess: () => resolve(sender.url),
    };
    const take = (made) => {
      sender = made;
      if (!ended && !paused) start();
    };
    prepared(file, options).then(take, reject);
  });
  return {
    done: Promise.race([sent.then((url) => became(url, onWaiting)), stopped]),
    pause() {
      paused = true;
      if (!isAsking()) sender?.abort();
    },
    goOn() {
      paused = false;
      if (sender && !isAsking()) start();
    },
    stop() {
      ended = true;
      giveUp();
      return isAsking() ? undefined : sender?.abort(true);
    },
  };
}

async function prepared(file, options) {
  const { Upload } = await import('../vendor/tus.mjs');
  const sender = new Upload(file, options);
  const [before] = await sender.findPreviousUploads();
  if (before) sender.resumeFromPreviousUpload(before);
  return sender;
}

// All of it is sent: that must not be forgotten because the server cannot be asked for a while.
async function became(url, onWaiting) {
  for (const pause of RETRIES) {
    try {
      return await send('GET', `/api/upload/${url.split('/').pop()}/progress`);
    } catch (problem) {
      if (!passes(problem.status)) throw problem;
      onWaiting();
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  throw new Problem(NO_ANSWER, 0);
}

// After any failure to say how far an upload is, the sender would begin anew. Only when it is gone, it shall.
function stayWith(request, answer) {
  const status = answer.getStatus();
  if (request.getMethod() !== 'HEAD' || (status >= 200 && status < 300) || [404, 410, 423].includes(status)) return;
  throw Object.assign(new Error('How far the upload is was not answered.'), { answer });
}

const answerTo = ({ originalResponse, causingError }) => originalResponse ?? causingError?.answer;

// No answer, a server that is busy or ends, and another connection that had the upload: all of that passes.
const passes = (status) => [0, 408, 409, 423, 500, 502, 503, 504].includes(status);

function problemOf(error) {
  const answer = answerTo(error);
  return answer ? new Problem(parsed(answer.getBody()) ?? {}, answer.getStatus()) : new Problem(NO_ANSWER, 0);
}
