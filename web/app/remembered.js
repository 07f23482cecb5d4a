// What a visitor chose in the player, kept by the browser for the next film. A browser may forbid storage;
// then nothing is remembered and nothing else changes.

const key = (name) => `telecine.${name}`;

/** The text kept under this name; null when there is none. */
export function kept(name) {
  try {
    return localStorage.getItem(key(name));
  } catch {
    return null;
  }
}

/** Keeps a text under this name. */
export function keep(name, text) {
  try {
    localStorage.setItem(key(name), text);
  } catch {
    // See above.
  }
}

/** A track that is wished for, `{language, name}`; null when none is. */
export function keptTrack(name) {
  try {
    return JSON.parse(kept(name));
  } catch {
    return null;
  }
}

/** Keeps a track of `sounds` or `subtitles` as a wish for later films; null means: none. */
export function keepTrack(name, track) {
  keep(name, JSON.stringify(track && { language: track.language, name: track.name }));
}

/** The track that comes nearest to a wish: the very one, else one in its language. */
export function nearest(tracks, wish) {
  if (!wish) return undefined;
  const alike = tracks.filter((track) => (track.language ?? '') === (wish.language ?? ''));
  return alike.find((track) => track.name === wish.name) ?? (wish.language ? alike[0] : undefined);
}
