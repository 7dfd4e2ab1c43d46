// SPDX-License-Identifier: Apache-2.0
// The other end for tests of the page alone: sends pictures of the simulator over a real peer
// connection and, for each frame, what docs/console.md says that the daemon sends.
const canvas = document.querySelector('canvas');
const context = canvas.getContext('2d');
const sessions = new Map();

// What a test switches: parts that stay away, and the order in which messages come.
const options = {
  isSending: true, hasFindings: true, hasSentence: true, frameDelayMs: 0, dropEvery: 0,
  received: [], period: 33,
};
window.options = options;

let scene;
let pictures;
let frame = 0;
let nSentences = 0;

async function load() {
  scene = await (await fetch('/_scene/scene.json')).json();
  [canvas.width, canvas.height] = [scene.width, scene.height];
  pictures = await Promise.all(scene.frames.map(async ({ picture }) => (
    createImageBitmap(await (await fetch('/_scene/' + picture)).blob()))));
}

// There and back, so that motion has no jump.
function indexOf(id) {
  const n = pictures.length;
  const at = id % (2 * n - 2);
  return at < n ? at : 2 * n - 2 - at;
}

function paintMark(id) {
  for (let row = 0; row < 2; row++) {
    for (let column = 0; column < 18; column++) {
      const bit = Math.floor(id / 2 ** (row * 16 + column - 1)) % 2;
      const isBright = column === 17 || (column > 0 && bit === 1);
      const luma = Math.round(((isBright ? 208 : 32) - 16) * 255 / 219);
      context.fillStyle = `rgb(${luma} ${luma} ${luma})`;
      context.fillRect(column * 8, row * 8, 8, 8);
    }
  }
}

function say(session, channel, message) {
  if (session[channel]?.readyState === 'open')
    session[channel].send(JSON.stringify(message));
}

// Twice, as the daemon does.
function saySentence(session, message) {
  const seq = ++nSentences;
  for (const channel of ['frames', 'control'])
    say(session, channel, { t: 'sentence', seq, frame, ...message });
}

function sayFrame(session, id, rtp, at) {
  const message = { t: 'frame', id, rtp, at, now: performance.now() };
  if (options.dropEvery && id % options.dropEvery === 0)
    return;
  setTimeout(() => say(session, 'frames', message), options.frameDelayMs);
}

// Found in the frame before, joined to this one.
function sayFindings(session, id, at) {
  const found = id - 1;
  for (const findings of scene.frames[indexOf(found)].findings)
    say(session, 'frames', { t: 'findings', frame: found, shown_on: id, tier: 0,
      engine: '5be0c6aa01234567', age_ms: performance.now() - at, ...findings });
}

// One picture at a time: the next one is drawn when this one has been encoded, so that each RTP
// timestamp is known to be of one picture.
async function sendFrame(session) {
  const id = ++frame;
  const at = performance.now();
  context.drawImage(pictures[indexOf(id)], 0, 0);
  paintMark(id);
  const encoded = new Promise((done) => { session.encoded = done; });
  session.track.requestFrame();
  const rtp = await Promise.race([encoded, new Promise((done) => setTimeout(done, 1500))]);
  if (rtp === undefined)
    return;
  if (options.hasFindings)
    sayFindings(session, id, at);
  sayFrame(session, id, rtp, at);
  await new Promise((done) => setTimeout(done, options.period - (performance.now() - at)));
}

async function run(session) {
  while (sessions.has(session.id)) {
    if (options.isSending && session.peer.connectionState === 'connected')
      await sendFrame(session);
    else
      await new Promise((done) => setTimeout(done, 20));
  }
}

function heard(session, message) {
  options.received.push(message);
  if (message.t === 'ping')
    say(session, 'control', { t: 'pong', at: message.at, now: performance.now() });
  if (message.t === 'mark')
    say(session, 'control', { ...message, name: 'Dr. Chen', confidence: 0.9 });
  if (message.t === 'erase')
    say(session, 'control', message);
}

function opened(session) {
  say(session, 'control', { t: 'hello', id: session.id, name: 'Dr. Chen', role: 'expert',
    status: scene.status });
  if (options.hasSentence)
    saySentence(session, scene.sentence);
}

window.tell = (message) => {
  for (const session of sessions.values())
    say(session, 'control', { frame, ...message });
};

window.tellSentence = (message) => {
  for (const session of sessions.values())
    saySentence(session, message);
};

window.tellRaw = (text) => {
  for (const session of sessions.values())
    session.control.send(text);
};

window.closeAll = () => {
  sessions.forEach((session) => session.peer.close());
  sessions.clear();
};

function gathered(peer) {
  return new Promise((done) => {
    peer.addEventListener('icegatheringstatechange', () => (
      peer.iceGatheringState === 'complete' && done()));
  });
}

// Chromium begins at 300 kbit/s, which a first picture takes a second of.
function fastStart(sdp) {
  return sdp.replace(/^a=fmtp:.*profile-level-id.*$/gm,
    '$&;x-google-start-bitrate=4000;x-google-min-bitrate=2000');
}

async function send(session) {
  session.track = canvas.captureStream(0).getVideoTracks()[0];
  session.track.contentHint = 'detail';
  const sender = session.peer.addTrack(session.track);
  const worker = new Worker('/_peer/stamps.js');
  worker.onmessage = ({ data }) => session.encoded?.(data);
  sender.transform = new RTCRtpScriptTransform(worker);
  return sender;
}

window.answer = async (id, sdp) => {
  const peer = new RTCPeerConnection();
  const session = { id, peer };
  sessions.set(id, session);
  peer.ondatachannel = ({ channel }) => {
    session.control = channel;
    channel.onmessage = ({ data }) => heard(session, JSON.parse(data));
    channel.onopen = () => opened(session);
  };
  session.frames = peer.createDataChannel('frames', { ordered: false, maxRetransmits: 0 });
  await peer.setRemoteDescription({ type: 'offer', sdp: fastStart(sdp) });
  const sender = await send(session);
  const complete = gathered(peer);
  await peer.setLocalDescription();
  const parameters = sender.getParameters();
  parameters.encodings[0].maxBitrate = 4e6;
  parameters.degradationPreference = 'maintain-resolution';
  await sender.setParameters(parameters);
  await complete;
  run(session);
  return peer.localDescription.sdp;
};

window.end = (id) => {
  const session = sessions.get(id);
  session?.peer.close();
  return sessions.delete(id);
};

window.ready = load();
