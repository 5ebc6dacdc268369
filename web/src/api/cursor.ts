// Places in the feed: `12` is after event 12, `12.2` after two frames of event 13.

export interface Cursor {
  position: number;
  frames: number;
}

export function parseCursor(text: string): Cursor | null {
  const found = /^(\d{1,16})(?:\.(\d{1,9}))?$/.exec(text);
  return found ? { position: Number(found[1]), frames: Number(found[2] ?? 0) } : null;
}

/** Whether `text` lies after `than`; a place that cannot be read lies nowhere. */
export function isAfter(text: string, than: string): boolean {
  const [one, other] = [parseCursor(text), parseCursor(than)];
  if (!one || !other) return false;
  return one.position === other.position ? one.frames > other.frames : one.position > other.position;
}
