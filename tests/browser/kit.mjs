// SPDX-License-Identifier: Apache-2.0
// What the browser tests share: Debian's chromium, results in the form that tests/check.py reads.
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const TOKEN = 'expert-token-0123456789';

const require = createRequire(import.meta.url);
const { chromium } = require(process.env.TROCAR_PLAYWRIGHT);

let nFailed = 0;

export function check(name, problems) {
  const list = [problems].flat().filter(Boolean);
  console.log(list.length > 0 ? `FAIL ${name}: ${list.join('; ')}` : `PASS ${name}`);
  nFailed += list.length > 0 ? 1 : 0;
}

export function equal(what, found, expected) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  return a === b ? null : `${what}: expected ${b}, found ${a}`;
}

export function atMost(what, found, most) {
  return found <= most ? null : `${what}: expected at most ${most}, found ${found}`;
}

export function atLeast(what, found, least) {
  return found >= least ? null : `${what}: expected at least ${least}, found ${found}`;
}

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

// A failed test names itself; the next one goes on.
export async function test(name, body) {
  try {
    check(name, await body());
  } catch (error) {
    check(name, String(error.message ?? error).split('\n').slice(0, 3).join(' '));
  }
}

// Asks every 50 ms until the answer is true.
export async function until(what, ask, ms = 20e3) {
  const stop = Date.now() + ms;
  while (Date.now() < stop) {
    const answer = await ask();
    if (answer)
      return answer;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${what}: not within ${ms / 1000} s`);
}

export function launch(args = []) {
  return chromium.launch({
    executablePath: process.env.TROCAR_CHROMIUM,
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...args],
  });
}

// What a page complains of, but for answers that the test asked for.
export function complaints(page) {
  const list = [];
  page.on('pageerror', (error) => list.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('Failed to load resource'))
      list.push(message.text());
  });
  return list;
}

export function shot(page, name) {
  const folder = process.env.TROCAR_SCREENSHOTS;
  return folder ? page.screenshot({ path: path.join(folder, name + '.png') }) : null;
}

// What the page drew the next n times on frames that are known: events `drawn` of its canvas. With
// 'read' those alone whose time mark was read, with 'frames' the first of each frame.
export function drawn(page, n, which = 'all') {
  return page.evaluate(({ n, which }) => new Promise((done, fail) => {
    const list = [];
    const canvas = document.getElementById('overlay');
    const timer = setTimeout(() => fail(new Error(`drawn: ${list.length} of ${n} in 60 s`)), 60e3);
    const add = ({ detail }) => {
      if (!detail.isKnown || (which === 'read' && detail.read === null)
        || (which === 'frames' && detail.frame === list.at(-1)?.frame))
        return;
      list.push(JSON.parse(JSON.stringify(detail, (key, value) => (
        key === 'map' || key === 'grid' ? undefined : value))));
      if (list.length < n)
        return;
      clearTimeout(timer);
      canvas.removeEventListener('drawn', add);
      done(list);
    };
    canvas.addEventListener('drawn', add);
  }), { n, which });
}

// The picture may have become newer between the browser's word of it and the reading of its mark;
// never older, and seldom.
export function wrongMatches(list) {
  const both = list.filter((d) => d.read !== null && d.matched !== null);
  const newer = both.filter((d) => d.read > d.matched && d.read <= d.matched + 3);
  const wrong = both.filter((d) => d.read !== d.matched && !newer.includes(d));
  return [atLeast('frames with time mark and RTP timestamp', both.length, 4),
    atMost('pictures newer than told', newer.length, Math.ceil(both.length / 4)),
    ...wrong.map((d) => `matched ${d.matched} by RTP, the time mark says ${d.read}`)];
}

// From the next page on window.heard keeps the daemon's messages with the time that they came.
export function listenIn(page) {
  return page.addInitScript(() => {
    window.heard = [];
    const listen = (channel) => channel.addEventListener('message', ({ data }) => {
      const message = JSON.parse(data);
      window.heard.push({ ...message, map: undefined, grid: undefined, came: performance.now(),
        bytes: data.length });
    });
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...options) {
        super(...options);
        this.addEventListener('datachannel', ({ channel }) => listen(channel));
      }

      createDataChannel(...options) {
        const channel = super.createDataChannel(...options);
        listen(channel);
        return channel;
      }
    };
  });
}

// The daemon's clock by the best of the pings heard: what to add to the page's.
export function clockOffset(heard) {
  const pongs = heard.filter((m) => m.t === 'pong')
    .map((m) => ({ trip: m.came - m.at, offset: m.now - (m.at + m.came) / 2 }));
  return pongs.sort((a, b) => a.trip - b.trip)[0];
}

export function end() {
  process.exitCode = nFailed > 0 ? 1 : 0;
}
