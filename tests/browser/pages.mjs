// SPDX-License-Identifier: Apache-2.0
// The pages alone: a real peer connection whose other end is a page of chromium (peer.js), pictures
// and truth of the simulator (scene.py).
//     node pages.mjs SCENE
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { atLeast, atMost, check, clockOffset, complaints, drawn, end, equal, launch, listenIn,
  shot, test, TOKEN, until, wrongMatches } from './kit.mjs';
import { Relay } from '../../scripts/console_relay.mjs';
import { Server } from './server.mjs';
import { status } from './status.mjs';

const folder = process.argv[2];
const scene = JSON.parse(await readFile(path.join(folder, 'scene.json'), 'utf8'));
const browser = await launch(['--disable-features=WebRtcHideLocalIpsWithMdns']);
const server = new Server(folder);
await server.start();
await server.usePeer(browser);
status.networks[0].labels = scene.status.networks[0].labels;
server.status = status;
server.picture = scene.frames[0].picture;

const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
const complained = complaints(page);

function setPeer(options) {
  return server.peer.evaluate((o) => Object.assign(window.options, o), options);
}

function tellPage(message) {
  return server.peer.evaluate((m) => window.tell(m), message);
}

async function heard(kind) {
  const list = await server.peer.evaluate(() => window.options.received);
  return list.filter((message) => message.t === kind);
}

function textOf(selector) {
  return page.locator(selector).innerText();
}

function connectionIs(state) {
  return until(`the connection is ${state}`,
    async () => (await textOf('#connection')).includes(state));
}

// Shares of the overlay's pixels by hue: how much of it has about this colour.
function shareOf([r, g, b]) {
  return page.evaluate(([r, g, b]) => {
    const canvas = document.getElementById('overlay');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let n = 0;
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 30 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g)
        + Math.abs(data[i + 2] - b) < 24)
        n++;
    return n / (data.length / 4);
  }, [r, g, b]);
}

const LIVER = [214, 64, 64];
const PATH = [255, 210, 60];

function indexOf(id) {
  const n = scene.frames.length;
  const at = id % (2 * n - 2);
  return at < n ? at : 2 * n - 2 - at;
}

function boxesOf(findings) {
  return findings.flatMap((f) => f.items).filter((item) => item.kind === 'box')
    .map((item) => item.box);
}

// What was drawn on a frame is what was found in the frame before it, and nothing else.
function wrongFrames(list) {
  const wrong = [];
  for (const { frame, findings } of list) {
    for (const entry of findings) {
      const truth = scene.frames[indexOf(entry.frame)].findings
        .find((f) => f.network === entry.network);
      wrong.push(entry.shownOn > frame && `frame ${frame}: findings of ${entry.shownOn}`);
      wrong.push(equal(`frame ${frame}`, boxesOf([entry]), boxesOf([truth])));
    }
  }
  return wrong.filter(Boolean).slice(0, 3);
}

async function joining() {
  await page.goto(server.address + '/');
  const asks = await page.locator('#login').isVisible();
  await page.fill('#token', 'short');
  await page.click('#login-form button[type=submit]');
  const said = await textOf('#login-error');
  await shot(page, 'login');
  await page.fill('#token', 'wrong-token-0123456789');
  await page.click('#login-form button[type=submit]');
  await connectionIs('token not accepted');
  await shot(page, 'denied');
  const curtain = await textOf('#curtain-title');
  await page.click('#other-token');
  return [asks ? null : 'the page does not ask for a token',
    equal('a short token', said, 'A token has at least 16 characters.'),
    equal('a wrong token', curtain, 'This token is not accepted')];
}

async function tokenInAddress() {
  await page.goto(`${server.address}/#token=${TOKEN}`);
  await connectionIs('live');
  return [equal('address', page.url(), `${server.address}/`)];
}

async function framesMatch() {
  const list = await drawn(page, 40, 'frames');
  return [...wrongFrames(list), ...wrongMatches(list),
    atLeast('frames shown', new Set(list.map((d) => d.frame)).size, 20),
    atLeast('frames with findings', list.filter((d) => d.findings.length === 4).length, 30)];
}

async function messagesLate() {
  await setPeer({ frameDelayMs: 60 });
  await page.waitForTimeout(500);
  const list = await drawn(page, 6, 'read');
  await setPeer({ frameDelayMs: 0 });
  return [atLeast('time marks read', list.length, 4),
    ...list.map((d) => equal('frame whose message comes after it', d.frame, d.read))];
}

async function messagesLost() {
  await setPeer({ dropEvery: 3 });
  await page.waitForTimeout(300);
  const list = await drawn(page, 60, 'read');
  await setPeer({ dropEvery: 0 });
  const lost = list.filter((d) => d.frame % 3 === 0);
  return [atLeast('frames known by their time mark', lost.length, 3),
    ...list.map((d) => equal('frame', d.frame, d.read))];
}

function masksShown() {
  return until('masks', async () => await shareOf(LIVER) > 0.02);
}

async function layersSwitch() {
  await masksShown();
  await page.locator('[data-mask=liver]').uncheck({ force: true });
  await drawn(page, 2);
  const without = await shareOf(LIVER);
  await page.locator('[data-mask=liver]').check({ force: true });
  await page.locator('body').press('m');
  await drawn(page, 2);
  const none = await shareOf(LIVER);
  const isOff = await page.locator('[data-layer=masks]').isChecked();
  await page.locator('body').press('m');
  return [atMost('liver switched off', without, 0.002),
    atMost('masks switched off', none, 0.002), equal('switch of masks', isOff, false)];
}

async function depthLayer() {
  await page.locator('body').press('d');
  await drawn(page, 3);
  await shot(page, 'depth');
  const isOn = await page.locator('[data-layer=depth]').isChecked();
  await page.locator('body').press('d');
  return [equal('switch of depth', isOn, true)];
}

async function guidanceShown() {
  const said = await textOf('#guidance-text');
  const path = await shareOf(PATH);
  await page.locator('body').press('w');
  const why = await textOf('#why-list');
  await shot(page, 'expert');
  await page.locator('body').press('w');
  await page.locator('body').press('p');
  const picks = await until('pick', async () => (await heard('pick'))[0]);
  return [equal('sentence', said, scene.sentence.text.en), atLeast('yellow path', path, 0.0005),
    ...['view roll', '15.2 deg', 'tier 0', 'frame 1', '5be0c6aa01234567', 'off-axis']
      .filter((part) => !why.includes(part)).map((part) => `why lacks "${part}": ${why}`),
    equal('pick', picks.sentence, scene.sentence.id)];
}

async function languagesSwitch() {
  await page.click('.bar [data-language=zh]');
  const zh = await textOf('#guidance-text');
  const live = await textOf('#connection');
  await drawn(page, 2);
  await shot(page, 'expert_zh');
  await page.click('.bar [data-language=en]');
  return [equal('sentence', zh, scene.sentence.text.zh), equal('state', live, '实时'),
    equal('back', await textOf('#guidance-text'), scene.sentence.text.en)];
}

function tellSentence(changes) {
  return server.peer.evaluate((m) => window.tellSentence(m), { ...scene.sentence, ...changes });
}

async function interruption() {
  await tellSentence({ state: 'interrupted', age_ms: 3000 });
  const said = await until('interrupted', async () => {
    const chip = await textOf('#guidance-state');
    return chip.includes('interrupted') && chip;
  });
  await shot(page, 'interrupted');
  const text = await textOf('#guidance-text');
  await tellSentence({ state: 'new' });
  return [equal('state', said.replace(/[34] s/, '3 s'), 'signal interrupted, 3 s'),
    equal('the sentence stays', text, scene.sentence.text.en)];
}

// One that comes on one channel only, after a later one.
async function sentenceLate() {
  await tellSentence({ id: 8, state: 'new', text: { en: 'Said last.' } });
  await until('the last one', async () => await textOf('#guidance-text') === 'Said last.');
  await tellPage({ ...scene.sentence, t: 'sentence', seq: 1, id: 6, state: 'new',
    text: { en: 'Came late.' } });
  await until('the late one', async () => (await textOf('#history')).includes('Came late.'));
  const [now, before] = [await textOf('#guidance-text'), await textOf('#history')];
  await tellSentence({ state: 'new' });
  await until('the first one', async () => (
    await textOf('#guidance-text') === scene.sentence.text.en));
  return [equal('now', now, 'Said last.'),
    equal('times that it was said', before.split(scene.sentence.text.en).length - 1, 1),
    equal('times that the last one is among those before', before.split('Said last.').length, 1)];
}

async function fading() {
  await masksShown();
  const [, list] = await Promise.all([setPeer({ hasFindings: false }), drawn(page, 60)]);
  const seen = list.flatMap((d) => d.findings);
  const after = await shareOf(LIVER);
  await setPeer({ hasFindings: true });
  const wrong = seen.filter(({ age, opacity }) => (age <= 100 && opacity !== 1)
    || (age > 100 && age < 300 && Math.abs(opacity - (300 - age) / 200) > 1e-6)
    || (age >= 300 && opacity !== 0));
  return [atMost('masks after', after, 0),
    atLeast('findings while fading',
      seen.filter(({ opacity }) => opacity > 0 && opacity < 1).length, 1),
    ...wrong.slice(0, 2).map((w) => `opacity of ${JSON.stringify(w)}`)];
}

function inPicture(x, y) {
  return page.evaluate(([x, y]) => {
    const box = document.getElementById('picture').getBoundingClientRect();
    return [box.left + x * box.width, box.top + y * box.height];
  }, [x, y]);
}

async function drag(...points) {
  await page.mouse.move(...await inPicture(...points[0]));
  await page.mouse.down();
  for (const point of points.slice(1))
    await page.mouse.move(...await inPicture(...point), { steps: 6 });
  await page.mouse.up();
}

const near = (what, found, expected, most = 0.01) => atMost(`${what}: distance`,
  Math.hypot(found[0] - expected[0], found[1] - expected[1]), most);

async function pointerDraws() {
  await page.locator('body').press('1');
  await drag([0.3, 0.4]);
  await page.locator('body').press('2');
  await drag([0.2, 0.7], [0.3, 0.75], [0.4, 0.7]);
  await page.locator('body').press('3');
  await drag([0.8, 0.8], [0.62, 0.5]);
  await page.locator('body').press('4');
  await drag([0.6, 0.2]);
  await page.keyboard.type('clip here 夹闭');
  await page.keyboard.press('Enter');
  const marks = await until('four marks', async () => {
    const list = await heard('mark');
    return list.length === 4 && list;
  });
  await drawn(page, 3);
  await shot(page, 'marks');
  const [point, stroke, arrow, text] = marks;
  const [{ frame }] = await drawn(page, 1);
  return [equal('kinds', marks.map((m) => m.kind), ['point', 'stroke', 'arrow', 'text']),
    near('point', point.points[0], [0.3, 0.4]), atLeast('points', stroke.points.length, 6),
    near('arrow', arrow.points[1], [0.62, 0.5]), equal('text', text.text, 'clip here 夹闭'),
    ...marks.map((m) => (m.frame > frame - 400 && m.frame <= frame ? null
      : `frame ${m.frame} of a mark, now ${frame}`)),
    ...marks.map((m) => (/^[0-9a-f-]{8,36}$/.test(m.id) ? null : `id ${m.id}`))];
}

async function keysDraw() {
  await page.locator('body').press('3');
  await page.locator('#picture').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Shift+ArrowRight');
  await page.keyboard.press('Shift+ArrowDown');
  await shot(page, 'cross');
  await page.keyboard.press('Enter');
  const mark = (await until('a mark', async () => {
    const list = await heard('mark');
    return list.length === 5 && list;
  }))[4];
  await page.keyboard.press('Backspace');
  const erased = await until('erase', async () => (await heard('erase'))[0]);
  return [equal('kind', mark.kind, 'arrow'), near('begin', mark.points[0], [0.5, 0.5]),
    near('end', mark.points[1], [0.55, 0.55]), equal('erased', erased.id, mark.id)];
}

async function blurredPicture() {
  server.status = { ...status, privacy: { blurred: true, state: 'outside' } };
  const said = await until('blur is told', () => textOf('#privacy'));
  server.status = status;
  await until('it is no longer told', async () => await textOf('#privacy') === '');
  return [equal('told', said, 'blurred: out of the body')];
}

async function marksOfOthers() {
  await tellPage({ t: 'mark', id: 'other-1', kind: 'text', name: 'Prof. Okafor', frame: 1,
    points: [[0.5, 0.3]],
    text: '<b>artery</b>', confidence: 0 });
  const list = await until('a mark of another expert', async () => {
    const text = await textOf('#mark-list');
    return text.includes('Okafor') && text;
  });
  await tellPage({ t: 'mark', id: 'other-1', kind: 'text', name: 'Prof. Okafor', frame: 2,
    points: [[0.5, 0.3]], text: '', confidence: 0.64 });
  await until('a place that is unsure',
    async () => (await textOf('#mark-list')).includes('place unsure'));
  await tellPage({ t: 'erase', id: 'other-1' });
  await until('its end', async () => !(await textOf('#mark-list')).includes('Okafor'));
  await page.locator('body').press('Shift+Backspace');
  await until('mine erased', async () => (await textOf('#mark-list')).includes('Nobody'));
  return [list.includes('<b>artery</b>') ? null : `text is not shown as text: ${list}`,
    list.includes('tissue lost') ? null : 'a mark without its tissue is not told'];
}

async function badMessages() {
  const before = complained.length;
  await server.peer.evaluate(() => {
    for (const text of ['', '{', '[]', 'null', '{"t":"frame"}', '{"t":"findings"}', '{"t":"mark"}',
      '{"t":"toString"}', '{"t":"sentence"}', '{"t":"hello"}',
      '{"t":"findings","frame":1,"network":"x","items":[{}]}',
      '{"t":"findings","frame":1,"network":"x","items":[],'
      + '"map":{"width":4,"height":4,"labels":"?"}}',
      '{"t":"findings","frame":1,"network":"tissue","items":[],'
      + '"map":{"width":4,"height":4,"labels":"AP//gICA"}}'])
      window.tellRaw(text);
  });
  await page.waitForTimeout(300);
  const list = await drawn(page, 20);
  return [...complained.splice(before), ...wrongFrames(list)];
}

async function viewSwitches() {
  await page.click('#view-burned');
  await connectionIs('live');
  const list = await drawn(page, 3);
  const isOff = await page.locator('[data-tool=point]').isDisabled();
  const asked = server.log.filter((line) => line.startsWith('POST /whep?view=burned')).length;
  const left = server.log.filter((line) => line.startsWith('DELETE')).length;
  await page.locator('body').press('v');
  await connectionIs('live');
  return [equal('overlays', list.flatMap((d) => d.findings), []), equal('tools off', isOff, true),
    equal('POST', asked, 1), atLeast('DELETE of the session before', left, 1)];
}

async function silence() {
  await setPeer({ isSending: false });
  await connectionIs('no picture');
  await shot(page, 'no_picture');
  const title = await textOf('#curtain-title');
  await setPeer({ isSending: true });
  await connectionIs('live');
  const list = await drawn(page, 10);
  return [equal('told', title, 'No picture arrives'), ...wrongFrames(list)];
}

async function reconnects() {
  server.answers.whep = 503;
  await server.peer.evaluate(() => window.closeAll());
  await connectionIs('no place free');
  await shot(page, 'full');
  server.answers.whep = 500;
  await connectionIs('reconnecting');
  server.answers.whep = 0;
  await connectionIs('live');
  return wrongFrames(await drawn(page, 10));
}

async function forbidden() {
  server.answers.whep = 403;
  await page.reload();
  await connectionIs('not allowed');
  const title = await textOf('#curtain-title');
  const n = server.log.filter((line) => line.startsWith('POST /whep ')).length;
  await page.waitForTimeout(1500);
  const more = server.log.filter((line) => line.startsWith('POST /whep ')).length;
  server.answers.whep = 0;
  await page.click('#again');
  await connectionIs('live');
  return [equal('told', title, 'This token may not see the picture'),
    equal('not tried again', more, n)];
}

async function latency() {
  await drawn(page, 40, 'read');
  const figures = await Promise.all(['#figure-glass', '#figure-findings', '#figure-trip']
    .map(async (id) => Number.parseInt(await textOf(id), 10)));
  const rate = Number.parseInt(await textOf('#figure-rate'), 10);
  const seen = await heard('seen');
  return [...['glass to glass', 'findings', 'round trip'].map((name, i) => (
    figures[i] >= 0 && figures[i] < 5000 ? null : `${name}: ${figures[i]}`)),
  atLeast('frames a second', rate, 1), atLeast('frames told as seen', seen.length, 3)];
}

async function tablet() {
  await page.setViewportSize({ width: 820, height: 1180 });
  await drawn(page, 5);
  await shot(page, 'tablet');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.setViewportSize({ width: 1280, height: 720 });
  await drawn(page, 2);
  const high = await page.evaluate(() => document.documentElement.scrollHeight);
  return [atMost('width of the page on a tablet', wide, 820),
    atMost('height of the page at 1280 x 720', high, 720)];
}

async function leaves() {
  const before = server.log.filter((line) => line.startsWith('DELETE')).length;
  await page.goto('about:blank');
  await until('DELETE', () => (
    server.log.filter((line) => line.startsWith('DELETE')).length > before));
  return [];
}

async function dashboard() {
  await page.goto(`${server.address}/dashboard#token=${TOKEN}`);
  await until('networks', async () => (await page.locator('#networks tr').count()) === 4);
  for (let i = 0; i < 40; i++)
    server.event('status', status);
  server.event('tier', { at: 1, network: 'depth', from: 0, to: 1, why: 'late' });
  server.event('worker', { at: 2, device: 'cpu', process: 'trials', state: 'restarting',
    restarts: 1, why: 'signal 9' });
  server.event('viewer', { at: 3, name: '<i>Dr. Chen', role: 'expert', state: 'joined', why: '' });
  server.event('mark', { at: 4, id: 'a', kind: 'arrow', name: 'Dr. Chen', frame: 9,
    erased: false });
  server.event('sentence', { ...status.sentence, state: 'interrupted', age_ms: 3000 });
  const events = await until('events', async () => {
    const text = await textOf('#events');
    return text.includes('signal interrupted') && text;
  });
  await until('the display', () => server.log.some((line) => line.includes('display.png')));
  await page.waitForTimeout(500);
  await shot(page, 'dashboard');
  const shown = await textOf('.board');
  await page.click('#dismiss');
  await until('dismissal', () => server.log.some((line) => line.includes('sentence/dismiss')));
  const wanted = ['p95 25 ms', '2 of 8124', 'depth small', 'late 12 · busy 3', 'restarts 1',
    'Prof. Okafor', '2 of 16'].filter((part) => !shown.replace('_', ' ').includes(part));
  return [...wanted.map((part) => `"${part}" is not shown`),
    ...['depth: tier 0 → 1 late', 'worker cpu (on trial): restarting signal 9',
      '<i>Dr. Chen joined', 'Dr. Chen: arrow'].filter((part) => !events.includes(part))
      .map((part) => `no "${part}"`)];
}

async function dashboardDenied() {
  await page.click('#leave');
  await page.fill('#token', 'wrong-token-0123456789');
  await page.click('#login-form button[type=submit]');
  const said = await until('refusal', () => textOf('#login-error'));
  return [equal('told', said, 'This token is not accepted')];
}

async function eventsParsed() {
  await page.goto(`${server.address}/dashboard`);
  const found = await page.evaluate(async () => {
    const { parseEvents } = await import('/events.js');
    const list = [];
    const rest = parseEvents(': hello\n\nid: 3\nevent: a\ndata: 1\ndata: 2\n\n'
      + 'event: b\r\ndata:x\r\n\r\ndata: cut', (...event) => list.push(event));
    return { list, rest };
  });
  return [equal('events', found, {
    list: [['a', '1\n2', '3'], ['b', 'x', null]], rest: 'data: cut' })];
}

// What reaches the page over a line of 40 ms that loses one packet of a hundred, each way.
async function longLine() {
  const relay = new Relay({ to: server.address, delayMs: 40, loss: 0.01 });
  await relay.start();
  await listenIn(page);
  await page.goto(`${relay.address}/#token=${TOKEN}`);
  await connectionIs('live');
  const list = await drawn(page, 40, 'frames');
  const heard = await page.evaluate(() => window.heard);
  await page.goto('about:blank');
  relay.stop();
  const { trip, offset } = clockOffset(heard);
  const byRtp = new Map(heard.filter((m) => m.t === 'frame').map((m) => [m.rtp, m.id]));
  list.forEach((d) => { d.matched = byRtp.get(d.rtp) ?? null; });
  const ways = heard.filter((m) => m.t === 'frame').map((m) => m.came + offset - m.now);
  return [...wrongFrames(list), ...wrongMatches(list),
    atLeast('round trip', trip, 80), atLeast('least time of a message', Math.min(...ways), 30),
    atLeast('packets lost', relay.counts.lost, 1)];
}

await test('token is asked for, a wrong one is told', joining);
await test('token in the address is taken out of it', tokenInAddress);
if (!await page.locator('#connection[data-tone=good]').isVisible())
  process.exit(1);
await test('findings are drawn on the frame they belong to', framesMatch);
await test('messages that come after their frame', messagesLate);
await test('messages that are lost', messagesLost);
await test('layers are switched', layersSwitch);
await test('depth is a layer', depthLayer);
await test('sentence, path, what it rests on, support', guidanceShown);
await test('two languages', languagesSwitch);
await test('a signal that is interrupted', interruption);
await test('a sentence that comes late', sentenceLate);
await test('old findings fade and go', fading);
await test('point, drawing, arrow, text', pointerDraws);
await test('drawing with keys', keysDraw);
await test('marks of others', marksOfOthers);
await test('messages that make no sense', badMessages);
await test('a picture that is blurred', blurredPicture);
await test('figures of latency', latency);
await test('tablet and small screen', tablet);
await test('burned-in view', viewSwitches);
await test('no picture', silence);
await test('the connection is made anew', reconnects);
await test('a role that may not', forbidden);
await test('the page says that it leaves', leaves);
await test('a long line that loses packets', longLine);
await test('events are parsed', eventsParsed);
await test('dashboard', dashboard);
await test('dashboard with a wrong token', dashboardDenied);
check('no complaints', complained.slice(0, 3));
await browser.close();
server.stop();
end();
