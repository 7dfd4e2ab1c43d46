// SPDX-License-Identifier: Apache-2.0
// Clocks and figures. The daemon's clock is found by pings: the answer with the shortest round trip
// of the last ten is the closest one.
const KEPT_PINGS = 10;
const KEPT_SAMPLES = 300;

export class Clock {
  constructor() {
    this.pings = [];
  }

  clear() {
    this.pings.length = 0;
  }

  // An answer to a ping that was sent at `sent` and says that the daemon's time is `daemon`.
  pong(sent, daemon, received) {
    this.pings.push({ trip: received - sent, offset: daemon - (sent + received) / 2 });
    if (this.pings.length > KEPT_PINGS)
      this.pings.shift();
  }

  get best() {
    return this.pings.reduce((a, b) => (b.trip < a.trip ? b : a), { trip: Infinity, offset: NaN });
  }

  get trip() {
    return this.pings.length > 0 ? this.pings[this.pings.length - 1].trip : NaN;
  }

  // performance.now() as the daemon would say it; NaN before the first answer.
  toDaemon(ms) {
    return ms + this.best.offset;
  }
}

export class Samples {
  constructor() {
    this.clear();
  }

  clear() {
    this.values = [];
  }

  add(value) {
    if (!Number.isFinite(value))
      return;
    this.values.push(value);
    if (this.values.length > KEPT_SAMPLES)
      this.values.shift();
  }

  // The value that a share of the samples does not exceed; NaN without samples.
  percentile(share) {
    if (this.values.length === 0)
      return NaN;
    const sorted = [...this.values].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }
}

// Events a second over the last two seconds.
export class Rate {
  constructor() {
    this.times = [];
  }

  add(now) {
    this.times.push(now);
    while (this.times[0] < now - 2000)
      this.times.shift();
  }

  at(now) {
    return this.times.filter((t) => t >= now - 2000).length / 2;
  }
}
