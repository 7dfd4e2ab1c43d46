// SPDX-License-Identifier: Apache-2.0
// The operator's dashboard: what GET /api/v1/events tells, each second.
import './dashboard_text.js';
import { drawBudget, drawHistory, drawPipeline, ms } from './charts.js';
import { byId, h, setText, setTone } from './dom.js';
import { Events } from './events.js';
import { request, setToken, token } from './session.js';
import { duration, language, nameText, setLanguage, text, translate } from './text.js';

const HISTORY = 120; // seconds
const KEPT_EVENTS = 100;
const DISPLAY_EVERY_MS = 1000;
const TRACE_MS = 2000;
const STALE_MS = 3500;

const events = new Events('/api/v1/events');
const history = new Map(); // of a network: 95th percentiles, a value a second
const happened = []; // newest first
let status = null;
let statusAt = 0;
let connection = { state: 'idle' };
let isOperator = true;

// ---- what a status shows -------------------------------------------------------------------

function showHead() {
  setText(byId('console-name'), status.name);
  setText(byId('source'), text('source', { ...status.source,
    state: text('source.' + status.source.state) }));
  setText(byId('uptime'), text('uptime', { time: duration(status.now_ms) }));
  const { privacy } = status;
  setText(byId('privacy'), text('privacy.' + privacy.state));
  setTone(byId('privacy'), privacy.blurred ? 'warn' : privacy.state === 'inside' ? 'good' : '');
}

function showBudget() {
  const { budget, counters, glass } = status;
  const { used } = budget;
  setText(byId('budget-said'), used.n === 0 ? text('budget.none')
    : text('budget.said', { p50: ms(used.p50_ms), p95: ms(used.p95_ms), p99: ms(used.p99_ms),
      budget: ms(budget.budget_ms), misses: budget.misses, frames: budget.frames }));
  drawBudget(byId('budget'), budget);
  const count = (name, value, tone = '') => {
    const dd = h('dd', {}, String(value));
    setTone(dd, value > 0 || typeof value === 'string' ? tone : '');
    return h('div', {}, h('dt', {}, text('count.' + name)), dd);
  };
  byId('counts').replaceChildren(
    count('captured', counters.captured), count('display_lost', counters.display_lost, 'bad'),
    count('encoder_lost', counters.encoder_lost, 'warn'), count('misses', budget.misses, 'warn'),
    count('rules_fired', counters.rules_fired), count('marks', counters.marks),
    count('refused', counters.messages_refused, 'warn'),
    count('glass', glass?.n > 0 ? `${ms(glass.p95_ms)} ms` : '–'));
}

function tierCell(network) {
  const dots = network.tiers.map((_, i) => h('i', {
    className: i === network.tier ? (i > 0 ? 'on lower' : 'on') : '' }));
  const plan = network.tiers[network.tier];
  return h('td', {}, h('div', { className: 'tiers' }, ...dots),
    h('small', { title: plan?.engine ?? '' }, plan?.plan ?? ''));
}

function timeCell(time, limit) {
  const p95 = h('b', {}, ms(time.p95_ms));
  setTone(p95, time.p95_ms > limit ? 'bad' : '');
  return h('td', { className: 'number' }, p95, ' ms',
    h('small', {}, `p50 ${ms(time.p50_ms)} · p99 ${ms(time.p99_ms)}`));
}

function countCell(value, tone, more = '') {
  const b = h('b', {}, String(value));
  setTone(b, value > 0 ? tone : '');
  return h('td', { className: 'number' }, b, more ? h('small', {}, more) : null);
}

function networkRow(network) {
  const state = [text('network.' + network.state), network.device,
    network.trial ? text('network.trial') : null].filter(Boolean).join(' · ');
  const { late, busy } = network.skipped;
  const chart = h('canvas', { role: 'img', 'aria-label': text('network.history') });
  const row = h('tr', {},
    h('td', {}, h('b', {}, nameText(network.name)), h('small', {}, state)), tierCell(network),
    timeCell(network.latency, network.deadline_ms), h('td', {}, chart),
    timeCell(network.run, network.tiers[network.tier]?.worst_ms ?? Infinity),
    countCell(network.ran, '', network.lowered > 0
      ? text('network.lowered', { n: network.lowered }) : ''),
    countCell(late + busy, 'warn', text('network.skips', { late, busy })),
    countCell(network.misses, 'warn'),
    h('td', { className: 'number' }, network.age_ms === null ? '–' : `${ms(network.age_ms)} ms`));
  return { row, chart };
}

function showNetworks() {
  const rows = status.networks.map((network) => ({ network, ...networkRow(network) }));
  byId('networks').replaceChildren(...(rows.length > 0 ? rows.map(({ row }) => row)
    : [h('tr', {}, h('td', { colSpan: 9 }, text('networks.none')))]));
  for (const { network, chart } of rows)
    drawHistory(chart, history.get(network.name) ?? [], network.deadline_ms);
}

function keepHistory() {
  for (const network of status.networks) {
    const values = history.get(network.name) ?? [];
    values.push(network.latency.p95_ms ?? NaN);
    history.set(network.name, values.slice(-HISTORY));
  }
}

function chip(label, tone) {
  const node = h('small', { className: 'chip' }, label);
  setTone(node, tone);
  return node;
}

function showList(id, items, none) {
  byId(id).replaceChildren(...(items.length > 0 ? items : [h('li', { className: 'quiet' }, none)]));
}

function showWorkers() {
  showList('workers', status.workers.map((worker) => h('li', {},
    h('span', {}, h('b', {}, worker.device), ' ',
      h('small', {}, [worker.process === 'trials' ? text('worker.trials') : '',
        worker.pid ? text('worker.pid', worker) : ''].filter(Boolean).join(' · '))),
    h('small', {}, text('worker.restarts', { n: worker.restarts })),
    chip(text('worker.' + worker.state), worker.state === 'running' ? 'good' : 'warn'))),
  text('workers.none'));
}

function showViewers() {
  setText(byId('viewers-said'), text('viewers.said', { n: status.viewers.length,
    most: status.viewers_max }));
  showList('viewers', status.viewers.map((viewer) => h('li', {},
    h('span', {}, h('b', {}, viewer.name), ' ',
      h('small', {}, viewer.view === 'burned' ? text('viewer.burned') : '')),
    h('small', {}, text('viewer.dropped', viewer)),
    chip(text(viewer.connected ? 'viewer.connected' : 'viewer.connecting'),
      viewer.connected ? 'good' : 'warn'))), text('viewers.none'));
}

function showSentence() {
  const { sentence } = status;
  const isThere = sentence && sentence.state !== 'ended';
  setText(byId('sentence'), isThere ? sentence.text[language()] || sentence.text.en
    : text('sentence.none'));
  byId('sentence').classList.toggle('none', !isThere);
  const state = byId('sentence-state');
  setText(state, isThere
    ? text('sentence.' + sentence.state, { age: duration(sentence.age_ms) }) : '');
  setTone(state, { new: 'good', interrupted: 'warn' }[sentence?.state]);
  byId('dismiss').hidden = !isThere;
}

function showStatus() {
  if (!status)
    return;
  showHead();
  showBudget();
  drawPipeline(byId('pipeline'), status.stages, status.budget.budget_ms);
  showNetworks();
  showWorkers();
  showViewers();
  showSentence();
}

// ---- events --------------------------------------------------------------------------------

function eventText(name, data) {
  if (name === 'sentence')
    return text('event.sentence', { text: data.text?.[language()] || data.text?.en,
      state: text('sentence.' + data.state, { age: duration(data.age_ms ?? 0) }) });
  if (name === 'mark')
    return data.erased ? text('event.erased', data)
      : text('event.mark', { ...data, kind: text('mark.' + data.kind) });
  if (name === 'worker' && data.process === 'trials')
    data = { ...data, device: `${data.device} (${text('worker.trials')})` };
  if (name === 'worker' || name === 'viewer')
    return text('event.' + name, { ...data, state: text(`${name}.${data.state}`) });
  return text('event.' + name, data);
}

const EVENT_TONES = {
  tier: () => 'warn',
  worker: (data) => (data.state === 'running' ? 'good' : 'bad'),
  sentence: (data) => (data.state === 'interrupted' ? 'warn' : ''),
};

function showEvents() {
  showList('events', happened.map(({ name, data, at }) => {
    const span = h('span', {}, eventText(name, data));
    setTone(span, EVENT_TONES[name]?.(data));
    return h('li', {}, h('time', {}, at.toTimeString().slice(0, 8)), span);
  }), text('events.none'));
}

function take({ detail: { name, data } }) {
  if (name === 'status') {
    status = data;
    statusAt = performance.now();
    keepHistory();
    showStatus();
    return;
  }
  happened.unshift({ name, data, at: new Date() });
  happened.splice(KEPT_EVENTS);
  showEvents();
}

// ---- connection ----------------------------------------------------------------------------

const TONES = { live: 'good', denied: 'bad', forbidden: 'bad' };

function showConnection() {
  const silent = performance.now() - statusAt;
  const isStale = connection.state === 'live' && silent > STALE_MS;
  const state = isStale ? 'stale' : connection.state;
  setText(byId('connection'), text('state.' + state, {
    seconds: isStale ? Math.floor(silent / 1000) : connection.seconds }));
  setTone(byId('connection'), TONES[state] ?? 'warn');
  document.querySelector('.board').classList.toggle('stale', state !== 'live');
}

function connectionChanged({ detail }) {
  connection = detail;
  showConnection();
  if (detail.state === 'denied' || detail.state === 'forbidden')
    leave(text('curtain.' + detail.state));
}

async function showDisplay() {
  if (byId('app').hidden || !isOperator || document.hidden)
    return;
  const response = await request('/api/v1/display.png');
  if (response.status === 403) {
    isOperator = false;
    byId('trace').disabled = byId('dismiss').disabled = true;
    setText(byId('display-title'), text('display.denied'));
    byId('display').hidden = true;
  }
  if (!response.ok)
    return;
  const picture = await createImageBitmap(await response.blob());
  const canvas = byId('display');
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext('2d').drawImage(picture, 0, 0);
  picture.close();
}

function followDisplay() {
  showDisplay().catch((error) => console.warn('the display cannot be seen:', error.message))
    .finally(() => setTimeout(followDisplay, DISPLAY_EVERY_MS));
}

// ---- what the operator does ----------------------------------------------------------------

async function recordTrace() {
  const button = byId('trace');
  button.disabled = true;
  setText(button, text('trace.waiting'));
  let isThere = false;
  try {
    const response = await request(`/api/v1/trace?ms=${TRACE_MS}`, { method: 'POST' });
    isThere = response.ok;
    if (isThere) {
      const address = URL.createObjectURL(await response.blob());
      h('a', { href: address, download: 'trocar-trace.json' }).click();
      URL.revokeObjectURL(address);
    }
  } catch (error) {
    console.warn('no trace:', error.message);
  }
  button.disabled = false;
  setText(button, text(isThere ? 'trace' : 'trace.failed'));
}

function dismiss() {
  request('/api/v1/sentence/dismiss', { method: 'POST' })
    .catch((error) => console.warn('not dismissed:', error.message));
}

function enter() {
  byId('login').hidden = true;
  byId('app').hidden = false;
  isOperator = true;
  byId('display').hidden = false;
  byId('trace').disabled = byId('dismiss').disabled = false;
  events.start();
}

function leave(why = '') {
  events.stop();
  setToken('');
  byId('app').hidden = true;
  byId('login').hidden = false;
  setText(byId('login-error'), why);
  byId('token').value = '';
  byId('token').focus();
}

function logIn(event) {
  event.preventDefault();
  const value = byId('token').value.trim();
  setText(byId('login-error'), value.length < 16 ? text('login.short') : '');
  if (value.length < 16)
    return;
  setToken(value);
  enter();
}

function languageChanged() {
  for (const button of document.querySelectorAll('[data-language]'))
    button.setAttribute('aria-pressed', String(button.dataset.language === language()));
  showConnection();
  showStatus();
  showEvents();
}

function main() {
  translate();
  events.addEventListener('state', connectionChanged);
  events.addEventListener('event', take);
  document.addEventListener('language', languageChanged);
  window.addEventListener('hashchange', () => location.hash && token() && enter());
  for (const button of document.querySelectorAll('[data-language]'))
    button.addEventListener('click', () => setLanguage(button.dataset.language));
  byId('login-form').addEventListener('submit', logIn);
  byId('leave').addEventListener('click', () => leave());
  byId('trace').addEventListener('click', recordTrace);
  byId('dismiss').addEventListener('click', dismiss);
  new ResizeObserver(() => status && drawBudget(byId('budget'), status.budget))
    .observe(byId('budget'));
  languageChanged();
  setInterval(showConnection, 500);
  followDisplay();
  if (token())
    enter();
  else
    byId('login').hidden = false;
}

main();
