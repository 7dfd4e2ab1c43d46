// SPDX-License-Identifier: Apache-2.0
// A status as docs/console.md has it, for tests of the dashboard alone.
function time(p50, p95, p99, max) {
  return { n: 1024, p50_ms: p50, p95_ms: p95, p99_ms: p99, max_ms: max };
}

function network(name, device, tier, latency, run, more = {}) {
  const plan = (i) => ({ plan: `${name}${i ? '_small' : ''}.plan`, engine: '5be0c6aa01234567',
    worst_ms: 12.5 - 6 * i });
  return { name, device, state: 'running', trial: false, every: 1, deadline_ms: 33, priority: 1,
    tier, tiers: [plan(0), plan(1)], labels: [], ran: 8124, skipped: { late: 0, busy: 0 },
    misses: 0, lowered: 0, findings: 51222, age_ms: 21.4, latency, run, ...more };
}

export const status = {
  name: 'Theatre 3', language: 'en', version: '0.1.0', now_ms: 27070100,
  source: { kind: 'frames', state: 'running', width: 640, height: 360, fps: 30, format: 'nv12' },
  frame: 8124, max_age_ms: 100, fade_ms: 200, smoothing_ms: 60,
  budget: { budget_ms: 33, used: time(19.1, 24.6, 27.9, 35.2), frames: 8124, misses: 2 },
  stages: [
    { name: 'capture', what: 'arrived to handed on', time: time(0.08, 0.12, 0.2, 0.9) },
    { name: 'display', what: 'handed on to painted', time: time(1.1, 1.6, 2.2, 3.9) },
    { name: 'ring', what: 'captured to taken by a worker', time: time(0.2, 0.4, 0.6, 1.5) },
    { name: 'queue', what: 'taken to its run\'s begin', time: time(6.3, 18.2, 20.4, 24.4) },
    { name: 'run', what: 'the networks', time: time(8.7, 11.8, 12.4, 14.1) },
    { name: 'findings', what: 'run\'s end to the board', time: time(0.3, 0.5, 0.8, 1.2) },
    { name: 'rules', what: 'facts and rules', time: time(0.05, 0.07, 0.09, 0.3) },
    { name: 'encode', what: 'captured to encoded', time: time(3.1, 4.4, 5.0, 9.2) },
    { name: 'send', what: 'to the viewers', time: time(0.2, 0.4, 0.9, 2.1) },
  ],
  networks: [
    network('tissue', 'cpu', 0, time(11.2, 14.1, 16.9, 20.1), time(9.1, 10.2, 11.0, 12.2)),
    network('instruments', 'cpu', 0, time(17.5, 22.4, 25.0, 29.9), time(6.0, 6.8, 7.5, 8.8)),
    network('depth', 'cpu', 1, time(21.3, 27.2, 31.6, 35.2), time(4.9, 5.9, 6.2, 6.9),
      { skipped: { late: 12, busy: 3 }, misses: 2, lowered: 41, every: 2 }),
    network('out-of-body', 'cpu', 0, time(2.1, 2.9, 3.3, 4.0), time(1.1, 1.3, 1.5, 1.9),
      { trial: true }),
  ],
  workers: [{ device: 'cpu', process: 'main', state: 'running', pid: 4711, restarts: 1,
    since_ms: 120, lanes: 1 },
  { device: 'cpu', process: 'trials', state: 'ended', pid: null, restarts: 0, since_ms: 90,
    lanes: 1 }],
  viewers: [
    { name: 'Dr. Chen', role: 'expert', view: 'plain', connected: true, since_ms: 9000, sent: 51200,
      dropped: 0, messages: 31, refused: 0 },
    { name: 'Prof. Okafor', role: 'expert', view: 'burned', connected: true, since_ms: 19000,
      sent: 920, dropped: 4, messages: 2, refused: 0 },
  ],
  viewers_max: 16,
  privacy: { blurred: false, state: 'inside' },
  sentence: { id: 7, rule: 'hook-near-bowel', state: 'held', age_ms: 2400, text: {
    en: 'The hook is too close to the bowel wall: raise the working angle.',
    zh: '电钩距离肠壁过近，请抬高操作角度' } },
  encoder: 'x264enc', glass: time(24.0, 38.5, 44.0, 61.0),
  counters: { captured: 8124, displayed: 8124, display_lost: 0, encoded: 6400, encoder_lost: 0,
    findings: 24000, rules_fired: 17, marks: 2, messages: 33, messages_refused: 0,
    http_requests: 140, http_refused: 1, events_dropped: 0 },
};
