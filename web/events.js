// SPDX-License-Identifier: Apache-2.0
// Server-sent events, read with the token in a header instead of in the address, and begun again
// by itself. Events of this object: `state` (live, waiting, denied, forbidden, full) and `event`
// (name, data).
import { request } from './session.js';

const WAITS_MS = [500, 1000, 2000, 4000, 8000];
const FINAL = { 401: 'denied', 403: 'forbidden' };
const SILENT_MS = 15000; // a line comes at least every 10 s

// Calls take(name, data, id) for each whole event in a text; returns what is left of it.
export function parseEvents(text, take) {
  const blocks = text.split(/\r?\n\r?\n/);
  const rest = blocks.pop();
  for (const block of blocks) {
    const fields = { event: 'message', data: [], id: null };
    for (const line of block.split(/\r?\n/)) {
      const [, name, value] = line.match(/^(\w+): ?(.*)$/) ?? [];
      if (name === 'data')
        fields.data.push(value);
      else if (name in fields)
        fields[name] = value;
    }
    if (fields.data.length > 0)
      take(fields.event, fields.data.join('\n'), fields.id);
  }
  return rest;
}

export class Events extends EventTarget {
  constructor(path) {
    super();
    this.path = path;
    this.lastId = null;
    this.failures = 0;
    this.run = 0;
  }

  start() {
    this.stop();
    this.read(this.run);
  }

  stop() {
    this.run++;
    clearTimeout(this.timer);
    this.abort?.abort();
  }

  say(state, seconds) {
    this.dispatchEvent(new CustomEvent('state', { detail: { state, seconds } }));
  }

  async read(run) {
    let status = 0;
    try {
      this.abort = new AbortController();
      const headers = this.lastId ? { 'Last-Event-ID': this.lastId } : {};
      this.watch();
      const response = await request(this.path, { headers, signal: this.abort.signal });
      ({ status } = response);
      if (response.ok)
        await this.follow(response.body.getReader(), run);
    } catch (error) {
      if (run === this.run)
        console.warn('events ended:', error.message);
    }
    clearTimeout(this.timer);
    if (run === this.run)
      this.again(status, run);
  }

  // Ends a stream that has gone silent.
  watch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.abort.abort(), SILENT_MS);
  }

  async follow(reader, run) {
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || run !== this.run)
        return;
      this.watch();
      text = parseEvents(text + decoder.decode(value, { stream: true }), (...event) => (
        this.take(...event)));
    }
  }

  take(name, data, id) {
    this.failures = 0;
    this.lastId = id ?? this.lastId;
    this.say('live');
    try {
      this.dispatchEvent(new CustomEvent('event', { detail: { name, data: JSON.parse(data) } }));
    } catch (error) {
      console.warn(`an event ${name} was not understood:`, error);
    }
  }

  again(status, run) {
    if (FINAL[status]) {
      this.say(FINAL[status]);
      return;
    }
    const wait = WAITS_MS[Math.min(this.failures++, WAITS_MS.length - 1)];
    this.say(status === 503 ? 'full' : 'waiting', Math.ceil(wait / 1000));
    this.timer = setTimeout(() => run === this.run && this.read(run), wait);
  }
}
