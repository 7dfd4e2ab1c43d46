// SPDX-License-Identifier: Apache-2.0
// Which frame is on the screen, and what was found in it. The picture tells an RTP timestamp, the
// messages `frame` tell whose it is; either may come first. All times in ms.
const KEPT_FRAMES = 600;
const KEPT_FINDINGS = 40; // of a network
const KEPT_MOVES = 40; // of a mark
const MAX_NEWER = 8; // frames

function trim(map, most) {
  for (const key of map.keys()) {
    if (map.size <= most)
      return;
    map.delete(key);
  }
}

// The newest entry of a list in ascending order whose key is not above a limit.
function newestUpTo(list, key, limit) {
  for (let i = list.length - 1; i >= 0; i--)
    if (list[i][key] <= limit)
      return list[i];
  return null;
}

// Into ascending order; messages seldom come out of it.
function insert(list, entry, key, most) {
  let i = list.length;
  while (i > 0 && list[i - 1][key] > entry[key])
    i--;
  list.splice(i, 0, entry);
  if (list.length > most)
    list.shift();
}

export class Frames {
  constructor() {
    this.clear();
  }

  clear() {
    this.byRtp = new Map();
    this.capturedAt = new Map(); // by id, the daemon's clock
    this.shown = null; // { rtp, presented }: what the screen shows
    this.known = null; // the last one shown whose id is known
    this.counts = { early: 0, late: 0, fromMark: 0, newer: 0 };
    this.period = 1000 / 30;
  }

  // A message `frame`. True when the frame is on the screen already.
  add({ id, rtp, at }) {
    this.byRtp.set(rtp, id);
    this.capturedAt.set(id, at);
    trim(this.byRtp, KEPT_FRAMES);
    trim(this.capturedAt, KEPT_FRAMES);
    if (this.shown?.rtp !== rtp || this.known?.rtp === rtp)
      return false;
    this.counts.late++;
    this.identify(id);
    return true;
  }

  // A frame came onto the screen. Returns its id where it is known.
  show(rtp, presented) {
    this.shown = { rtp, presented };
    const id = this.byRtp.get(rtp);
    if (id === undefined)
      return null;
    this.counts.early++;
    this.identify(id);
    return id;
  }

  // The time mark of the picture on the screen. It names the frame where its message was lost, and
  // where a newer picture has come onto the screen since the browser told of one.
  mark(id) {
    const isMatched = this.isKnown;
    if (isMatched && this.known.id === id)
      return;
    if (isMatched && Math.abs(this.known.id - id) > MAX_NEWER)
      return; // a mark that was read wrongly
    this.counts[isMatched ? 'newer' : 'fromMark']++;
    this.identify(id);
  }

  identify(id) {
    this.measurePeriod(id);
    this.known = { id, ...this.shown };
  }

  measurePeriod(id) {
    const step = id - (this.known?.id ?? id);
    const time = this.captured(id) - this.captured(this.known?.id ?? id);
    if (step > 0 && step < 10 && time > 0)
      this.period += (time / step - this.period) / 16;
  }

  get isKnown() {
    return this.known !== null && this.known.rtp === this.shown.rtp;
  }

  // When a frame was captured; by its distance from the one shown where its message was lost.
  captured(id) {
    const exact = this.capturedAt.get(id);
    if (exact !== undefined || !this.known)
      return exact ?? NaN;
    const base = this.capturedAt.get(this.known.id);
    return base === undefined ? NaN : base + (id - this.known.id) * this.period;
  }

  // How old what was found in a frame is beside the frame on the screen, and has become since.
  ageOf(id, now) {
    if (!this.known)
      return Infinity;
    const behind = this.captured(this.known.id) - this.captured(id);
    const frames = Number.isNaN(behind) ? (this.known.id - id) * this.period : behind;
    return Math.max(0, frames) + Math.max(0, now - this.known.presented - 2 * this.period);
  }
}

// Findings of all networks, each to be seen from the frame on that they were joined to.
export class Findings {
  constructor() {
    this.clear();
  }

  clear() {
    this.byNetwork = new Map();
  }

  add(message) {
    const list = this.byNetwork.get(message.network) ?? [];
    this.byNetwork.set(message.network, list);
    insert(list, { ...message, shownOn: message.shown_on ?? message.frame }, 'shownOn',
      KEPT_FINDINGS);
  }

  // The newest findings of each network that belong to a frame.
  of(id) {
    return [...this.byNetwork.values()].map((list) => newestUpTo(list, 'shownOn', id))
      .filter(Boolean);
  }
}

// Marks of all experts; the daemon moves them with the tissue.
export class Marks {
  constructor() {
    this.clear();
  }

  clear() {
    this.moves = new Map(); // by id, oldest first
  }

  add(mark) {
    const list = this.moves.get(mark.id) ?? [];
    this.moves.set(mark.id, list);
    insert(list, mark, 'frame', KEPT_MOVES);
  }

  erase(id) {
    if (id)
      this.moves.delete(id);
    else
      this.moves.clear();
  }

  // Where they are on a frame: before a mark's first place is known, at that place.
  of(id) {
    return [...this.moves.values()].map((list) => newestUpTo(list, 'frame', id) ?? list[0]);
  }

  latest() {
    return [...this.moves.values()].map((list) => list[list.length - 1]);
  }
}
