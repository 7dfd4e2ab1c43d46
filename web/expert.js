// SPDX-License-Identifier: Apache-2.0
// The expert's page: live picture, what was found in it on the frame it belongs to, guidance,
// marks.
//
// Each time a frame is drawn the canvas gets an event `drawn` that says what was drawn for it.
import { expertColour } from './colours.js';
import { byId, h, setText, setTone } from './dom.js';
import { Drawing } from './draw.js';
import { Findings, Frames, Marks } from './frames.js';
import { Guidance } from './guidance.js';
import { Clock, Rate, Samples } from './latency.js';
import { Layers } from './layers.js';
import { opacityAt, Overlay, sureMark } from './overlay.js';
import { request, setToken, token } from './session.js';
import { language, setLanguage, text, translate } from './text.js';
import { readMark } from './timemark.js';
import { Viewer } from './viewer.js';

const MARK_EVERY = 4; // frames between readings of the time mark
const SEEN_EVERY_MS = 200;
const PING_EVERY_MS = 2000;
const STATUS_EVERY_MS = 3000;
const FIRST_PINGS_MS = 250;
const SILENT_MS = 2500; // without a frame the picture counts as gone
const RESTART_MS = 8000; // and the connection is made anew
const TICK_MS = 50;

const video = byId('video');
const frames = new Frames();
const findings = new Findings();
const marks = new Marks();
const clock = new Clock();
const rate = new Rate();
const glass = new Samples();
const behind = new Samples();
const viewer = new Viewer();
const overlay = new Overlay(byId('overlay'));
const layers = new Layers(() => draw());
const guidance = new Guidance((sentence) => viewer.send({ t: 'pick', sentence }));
const drawing = new Drawing(byId('picture'), byId('mark-text'), () => frames.known?.id ?? 0);
const limits = { max_age_ms: 100, fade_ms: 200 };

let me = '';
let lastFrame = 0; // performance.now() of the last frame shown
let lastSeen = 0;
let nFrames = 0;

// ---- messages ------------------------------------------------------------------------------

const handlers = {
  frame(message) {
    frames.add(message);
    if (frames.isKnown && frames.known.id === message.id)
      draw();
  },
  findings(message) {
    findings.add(message);
    layers.meet(message);
    if (frames.known && (message.shown_on ?? message.frame) <= frames.known.id)
      draw();
  },
  hello(message) {
    me = message.name;
    useStatus(message.status ?? {});
  },
  status(message) {
    useStatus(message.status ?? {});
  },
  sentence(message) {
    guidance.add(message, performance.now());
    draw();
  },
  mark(message) {
    marks.add(message);
    showMarks();
  },
  erase(message) {
    marks.erase(message.id);
    showMarks();
    draw();
  },
  pong(message) {
    clock.pong(message.at, message.now, performance.now());
  },
};

function useStatus(status) {
  setText(byId('console-name'), status.name ?? '');
  for (const key of Object.keys(limits))
    if (Number.isFinite(status[key]))
      limits[key] = status[key];
  layers.tell(status);
  const { state = 'off', blurred = false } = status.privacy ?? {};
  setText(byId('privacy'), blurred ? text('privacy.' + state) : '');
}

async function loadStatus() {
  if (viewer.state !== 'live')
    return;
  const response = await request('/api/v1/status');
  if (response.ok)
    useStatus(await response.json());
}

async function loadHistory() {
  const response = await request('/api/v1/sentences');
  if (!response.ok)
    return;
  const answer = await response.json();
  guidance.addHistory((answer.sentences ?? answer).filter((s) => s?.text));
}

// ---- picture -------------------------------------------------------------------------------

function frameShown(now, metadata) {
  video.requestVideoFrameCallback(frameShown);
  // On a busy machine the time of display has passed when the picture is submitted for it.
  const shownAt = Math.max(metadata.expectedDisplayTime ?? now, metadata.presentationTime ?? 0);
  lastFrame = performance.now();
  rate.add(lastFrame);
  const matched = frames.show(metadata.rtpTimestamp, now);
  const read = nFrames++ % MARK_EVERY === 0 || !frames.isKnown ? readMark(video) : null;
  if (read !== null) {
    if (matched === null || matched === read) // else a newer picture, which comes on after shownAt
      glass.add(clock.toDaemon(shownAt) - frames.captured(read));
    frames.mark(read);
  }
  draw({ read, matched, shownAt });
  tellSeen(shownAt);
}

function tellSeen(shownAt) {
  const at = clock.toDaemon(shownAt);
  if (!frames.isKnown || Number.isNaN(at) || lastFrame - lastSeen < SEEN_EVERY_MS)
    return;
  lastSeen = lastFrame;
  viewer.send({ t: 'seen', frame: frames.known.id, at: Math.round(at * 10) / 10 });
}

function drawFindings(entry, now) {
  const age = frames.ageOf(entry.frame, now);
  const opacity = opacityAt(age, limits);
  const names = layers.namesOf(entry);
  overlay.faded(opacity, () => {
    if (opacity === 0)
      return;
    if (entry.grid && layers.isOn('depth'))
      overlay.depth(entry);
    if (entry.map && layers.isOn('masks'))
      overlay.masks(entry, names, (name) => layers.isMaskOn(name), layers.maskKey);
    for (const item of entry.items) {
      if (item.kind === 'box' && layers.isOn('boxes'))
        overlay.box(item);
      else if (item.kind === 'landmark' && layers.isOn('landmarks'))
        overlay.landmark(item);
    }
  });
  return { network: entry.network, frame: entry.frame, shownOn: entry.shownOn, age, opacity,
    items: entry.items };
}

function drawMarks() {
  const shown = layers.isOn('marks') ? marks.of(frames.known.id) : [];
  shown.forEach((mark) => overlay.mark(mark, mark.name === me));
  if (drawing.draft)
    overlay.mark(drawing.draft, true);
  if (drawing.cross)
    overlay.cross(...drawing.cross);
  return shown;
}

function drawGuidance(now) {
  const { opacity, list } = guidance.drawings(now, limits, opacityAt);
  if (opacity > 0 && layers.isOn('guidance'))
    overlay.faded(opacity, () => list.forEach((d) => overlay.guidance(d)));
}

// told: for a frame that has just come, its id by its RTP timestamp and by its time mark, each null
// where it is not known or was not read; when it is on the screen.
function draw(told = { read: null, matched: null, shownAt: null }) {
  if (!video.videoWidth)
    return;
  overlay.begin(video.videoWidth, video.videoHeight);
  if (!frames.known)
    return;
  const now = performance.now();
  const entries = viewer.isBurnedIn ? [] : findings.of(frames.known.id);
  const drawn = entries.map((entry) => drawFindings(entry, now));
  if (!viewer.isBurnedIn)
    drawGuidance(now);
  const shown = viewer.isBurnedIn ? [] : drawMarks();
  drawn.filter((d) => d.opacity > 0).forEach((d) => behind.add(d.age));
  overlay.canvas.dispatchEvent(new CustomEvent('drawn', {
    detail: { frame: frames.known.id, isKnown: frames.isKnown, rtp: frames.shown.rtp, ...told,
      findings: drawn, marks: shown, now },
  }));
}

function fitPicture() {
  const ratio = video.videoWidth / video.videoHeight;
  if (ratio > 0)
    byId('picture').style.setProperty('--ratio', String(ratio));
}

// ---- connection ----------------------------------------------------------------------------

const TONES = { live: 'good', denied: 'bad', forbidden: 'bad', unsupported: 'bad', idle: '' };
const FINAL = ['denied', 'forbidden', 'unsupported'];
const CURTAIN = ['connecting', 'waiting', 'full', 'no-video', ...FINAL];

let shownState = {};

function showState(state, seconds) {
  shownState = { state, seconds };
  const chip = byId('connection');
  setTone(chip, TONES[state] ?? 'warn');
  setText(chip, text('state.' + state, { seconds }));
  const curtain = byId('curtain');
  curtain.hidden = !CURTAIN.includes(state);
  byId('picture').classList.toggle('stale', state !== 'live');
  if (curtain.hidden)
    return;
  curtain.toggleAttribute('data-final', FINAL.includes(state));
  setText(byId('curtain-title'), text('curtain.' + state));
  setText(byId('curtain-more'), text(`curtain.${state}.more`));
  byId('again').hidden = state === 'connecting' || state === 'unsupported';
  byId('other-token').hidden = !['denied', 'forbidden'].includes(state);
}

// Live is what shows a picture, not what has a connection.
function connectionChanged({ detail }) {
  if (detail.state === 'live') {
    lastFrame = performance.now();
    showState('connecting');
    return;
  }
  if (detail.state === 'connecting')
    forget();
  showState(detail.state, detail.seconds);
}

function forget() {
  frames.clear();
  findings.clear();
  marks.clear();
  clock.clear();
  glass.clear();
  behind.clear();
  guidance.forget();
  showMarks();
}

function connectionOpened() {
  ping();
  setTimeout(ping, FIRST_PINGS_MS);
  setTimeout(ping, 2 * FIRST_PINGS_MS);
  loadHistory().catch((error) => console.warn('what was said before is not known:', error));
}

function ping() {
  viewer.send({ t: 'ping', at: performance.now() });
}

function watchPicture(now) {
  if (viewer.state !== 'live')
    return;
  const silent = now - lastFrame;
  if (silent > RESTART_MS)
    viewer.restart();
  else if (silent > SILENT_MS)
    showState('no-video', Math.floor(silent / 1000));
  else if (rate.at(now) > 0)
    showState('live');
}

// ---- figures and lists ---------------------------------------------------------------------

function showFigure(id, value, warn) {
  const node = byId(id);
  setText(node, Number.isFinite(value) ? `${Math.round(value)} ms` : '–');
  setTone(node, value > warn ? 'warn' : '');
}

function showFigures(now) {
  showFigure('figure-glass', glass.percentile(0.95), 150);
  showFigure('figure-findings', behind.percentile(0.95), limits.max_age_ms);
  showFigure('figure-trip', clock.trip, 200);
  setText(byId('figure-rate'), viewer.state === 'live' ? `${rate.at(now).toFixed(0)} /s` : '–');
  setText(byId('frame'), frames.known ? text('frame', { id: frames.known.id }) : '');
}

let marksKey = '';

function showMarks() {
  const list = marks.latest();
  const key = JSON.stringify([language(), list.map((m) => [m.id, m.text, markState(m)])]);
  if (key === marksKey)
    return;
  marksKey = key;
  byId('mark-list').replaceChildren(...(list.length > 0 ? list.map(markItem)
    : [h('li', { className: 'empty' }, text('marks.none'))]));
}

function markState(mark) {
  if (mark.confidence === 0)
    return 'marks.lost';
  return mark.confidence < sureMark ? 'marks.unsure' : '';
}

function markItem(mark) {
  const who = mark.name === me ? text('marks.you') : mark.name ?? '';
  const state = markState(mark);
  return h('li', {}, h('i', { tint: expertColour(mark.name ?? '') }),
    h('span', {}, [who, mark.text || text('mark.' + mark.kind)].join(' · ')),
    state ? h('small', {}, text(state)) : null,
    h('button', { 'aria-label': text('marks.erase', { name: who }), onclick: () => erase(mark.id) },
      '✕'));
}

// ---- what the expert does ------------------------------------------------------------------

function send({ detail }) {
  if (!viewer.send(detail))
    return;
  marks.add({ ...detail, name: me });
  showMarks();
}

// Ids of what this expert has drawn, newest last.
function mine() {
  return marks.latest().filter((mark) => mark.name === me).map((mark) => mark.id);
}

function eraseLast() {
  mine().slice(-1).forEach(erase);
}

function eraseMine() {
  mine().forEach(erase);
}

function erase(id) {
  viewer.send({ t: 'erase', id });
  marks.erase(id);
  showMarks();
  draw();
}

function chooseTool(tool) {
  drawing.choose(tool);
  for (const button of document.querySelectorAll('[data-tool]'))
    button.setAttribute('aria-pressed', String(button.dataset.tool === tool));
}

function chooseView(isBurnedIn) {
  if (viewer.isBurnedIn === isBurnedIn)
    return;
  viewer.isBurnedIn = isBurnedIn;
  byId('view-layers').setAttribute('aria-pressed', String(!isBurnedIn));
  byId('view-burned').setAttribute('aria-pressed', String(isBurnedIn));
  for (const node of document.querySelectorAll('.layers input, .tools button:not(#full)'))
    node.disabled = isBurnedIn;
  viewer.start();
}

function toggleFull() {
  if (document.fullscreenElement)
    document.exitFullscreen();
  else
    document.querySelector('.room').requestFullscreen().catch(() => {});
}

const KEYS = {
  1: () => chooseTool('point'),
  2: () => chooseTool('stroke'),
  3: () => chooseTool('arrow'),
  4: () => chooseTool('text'),
  m: () => layers.toggle('masks'),
  b: () => layers.toggle('boxes'),
  l: () => layers.toggle('landmarks'),
  d: () => layers.toggle('depth'),
  g: () => layers.toggle('guidance'),
  k: () => layers.toggle('marks'),
  p: () => guidance.pickCurrent(),
  w: () => guidance.toggleWhy(),
  v: () => chooseView(!viewer.isBurnedIn),
  f: toggleFull,
  '?': () => byId('keys').showModal(),
};

function keyPressed(event) {
  if (byId('app').hidden || byId('keys').open || event.ctrlKey || event.metaKey || event.altKey
    || event.target.matches('input:not([type="checkbox"])'))
    return;
  if (event.key === 'Backspace')
    (event.shiftKey ? eraseMine : eraseLast)();
  else
    KEYS[event.key.toLowerCase()]?.();
}

// ---- coming and going ----------------------------------------------------------------------

function enter() {
  byId('login').hidden = true;
  byId('app').hidden = false;
  viewer.start();
}

function leave() {
  viewer.stop();
  setToken('');
  byId('app').hidden = true;
  byId('login').hidden = false;
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
  showState(shownState.state ?? 'idle', shownState.seconds);
  layers.showLegend();
  guidance.show();
  showMarks();
  draw();
}

function listen() {
  viewer.addEventListener('state', connectionChanged);
  viewer.addEventListener('open', connectionOpened);
  viewer.addEventListener('message', ({ detail }) => handlers[detail.t](detail));
  viewer.addEventListener('track', ({ detail }) => {
    video.srcObject = detail;
    video.play().catch(() => {});
  });
  video.addEventListener('resize', fitPicture);
  video.requestVideoFrameCallback?.(frameShown);
  drawing.addEventListener('mark', send);
  drawing.addEventListener('change', () => draw());
  new ResizeObserver(() => draw()).observe(byId('picture'));
  document.addEventListener('keydown', keyPressed);
  document.addEventListener('language', languageChanged);
  window.addEventListener('hashchange', () => location.hash && token() && enter());
  window.addEventListener('pageshow', ({ persisted }) => persisted && token() && viewer.start());
  for (const button of document.querySelectorAll('[data-language]'))
    button.addEventListener('click', () => setLanguage(button.dataset.language));
  for (const button of document.querySelectorAll('[data-tool]'))
    button.addEventListener('click', () => chooseTool(button.dataset.tool));
  const clicks = {
    undo: eraseLast,
    clear: eraseMine,
    full: toggleFull,
    help: () => byId('keys').showModal(),
    leave,
    again: () => viewer.start(),
    'other-token': leave,
    'view-layers': () => chooseView(false),
    'view-burned': () => chooseView(true),
  };
  for (const [id, action] of Object.entries(clicks))
    byId(id).addEventListener('click', action);
  byId('login-form').addEventListener('submit', logIn);
}

function tick() {
  const now = performance.now();
  watchPicture(now);
  guidance.showAge(now);
  if (now - lastFrame > 2 * TICK_MS)
    draw();
}

function main() {
  translate();
  listen();
  languageChanged();
  chooseTool('point');
  setInterval(tick, TICK_MS);
  setInterval(() => showFigures(performance.now()), 250);
  setInterval(ping, PING_EVERY_MS);
  setInterval(() => loadStatus().catch(() => {}), STATUS_EVERY_MS);
  if (token())
    enter();
  else
    byId('login').hidden = false;
}

main();
