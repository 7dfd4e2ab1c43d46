// SPDX-License-Identifier: Apache-2.0
// The viewer's half of WHEP: one peer connection at a time, made anew by itself when it is lost.
//
// Events: `state` (name, seconds, data), `track` (a MediaStream), `message` (a message of the
// daemon), `open` (the channel `control` can be written).
import { isUnderstood } from './messages.js';
import { request } from './session.js';

const GATHER_MS = 300; // for candidates to be in the offer; later ones are sent after it
const DISCONNECTED_MS = 4000;
const ANSWER_MS = 12000;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];
const FULL_WAIT_MS = 5000;
const FINAL = { 401: 'denied', 403: 'forbidden' };

function after(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

// H.264 alone, what every daemon can encode first.
function preferH264(transceiver) {
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const rank = (c) => (c.sdpFmtpLine.includes('packetization-mode=1') ? 0 : 2)
    + (c.sdpFmtpLine.includes('42e01f') ? 0 : 1);
  const h264 = codecs.filter((c) => c.mimeType === 'video/H264');
  if (h264.length === 0)
    return false;
  transceiver.setCodecPreferences?.(h264.sort((a, b) => rank(a) - rank(b)));
  return true;
}

// Candidates as RFC 8840 wants them.
function fragment(description, candidates) {
  const line = (name) => description.sdp.match(new RegExp(`^a=${name}:.*$`, 'm'))?.[0] ?? '';
  const head = [line('ice-ufrag'), line('ice-pwd'), 'm=video 9 UDP/TLS/RTP/SAVPF 0', line('mid')];
  return [...head, ...candidates.map((c) => 'a=' + c.candidate), ''].join('\r\n');
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

class Refused extends Error {
  constructor(status) {
    super(`the daemon answers ${status}`);
    this.status = status;
  }
}

export class Viewer extends EventTarget {
  constructor() {
    super();
    this.isBurnedIn = false;
    this.state = 'idle';
    this.attempt = 0; // changes whenever what was begun before must not go on
    this.failures = 0;
    window.addEventListener('pagehide', () => this.stop());
  }

  start() {
    this.stop();
    this.failures = 0;
    this.run(this.attempt);
  }

  stop() {
    this.attempt++;
    clearInterval(this.countdown);
    this.close();
    this.say('idle');
  }

  // Ends what there is and begins anew at once, as when the picture has stopped.
  restart() {
    this.attempt++;
    this.close();
    this.run(this.attempt);
  }

  send(message) {
    if (this.control?.readyState !== 'open')
      return false;
    this.control.send(JSON.stringify(message));
    return true;
  }

  say(state, detail = {}) {
    this.state = state;
    this.dispatchEvent(new CustomEvent('state', { detail: { state, ...detail } }));
  }

  async run(attempt) {
    this.say('connecting');
    try {
      await this.connect(attempt);
    } catch (error) {
      if (attempt === this.attempt)
        this.lost(error);
    }
  }

  async connect(attempt) {
    const peer = new RTCPeerConnection();
    this.peer = peer;
    const video = peer.addTransceiver('video', { direction: 'recvonly' });
    if (!preferH264(video)) {
      this.close();
      this.say('unsupported');
      return;
    }
    if ('jitterBufferTarget' in video.receiver)
      video.receiver.jitterBufferTarget = 0;
    this.listen(peer, attempt);
    await this.offer(peer, attempt);
    await after(ANSWER_MS);
    if (attempt === this.attempt && peer.connectionState !== 'connected')
      throw new Error('no connection');
  }

  listen(peer, attempt) {
    const isMine = () => attempt === this.attempt;
    this.control = peer.createDataChannel('control');
    this.receive(this.control, isMine);
    this.control.onopen = () => isMine() && this.dispatchEvent(new Event('open'));
    this.control.onclose = () => isMine() && this.lost(new Error('the console has closed'));
    peer.ondatachannel = ({ channel }) => this.receive(channel, isMine);
    peer.ontrack = ({ track }) => {
      this.dispatchEvent(new CustomEvent('track', { detail: new MediaStream([track]) }));
    };
    peer.onconnectionstatechange = () => isMine() && this.connectionChanged(peer, attempt);
  }

  receive(channel, isMine) {
    channel.onmessage = ({ data }) => {
      if (!isMine() || typeof data !== 'string')
        return;
      const message = parse(data);
      if (isUnderstood(message))
        this.dispatchEvent(new CustomEvent('message', { detail: message }));
      else
        console.warn(`a message on ${channel.label} was not understood`);
    };
  }

  async connectionChanged(peer, attempt) {
    if (peer.connectionState === 'connected') {
      this.failures = 0;
      this.say('live');
    } else if (peer.connectionState === 'failed') {
      this.lost(new Error('the connection failed'));
    } else if (peer.connectionState === 'disconnected') {
      await after(DISCONNECTED_MS);
      if (attempt === this.attempt && peer.connectionState === 'disconnected')
        this.lost(new Error('the connection is silent'));
    }
  }

  async offer(peer, attempt) {
    const late = [];
    const gathered = new Promise((done) => {
      peer.onicecandidate = ({ candidate }) => (candidate ? late.push(candidate) : done());
    });
    await peer.setLocalDescription();
    await Promise.race([gathered, after(GATHER_MS)]);
    late.length = 0;
    const session = await this.post(peer.localDescription.sdp, attempt);
    if (attempt !== this.attempt)
      return;
    peer.onicecandidate = ({ candidate }) => candidate && this.trickle(peer, session, [candidate]);
    await peer.setRemoteDescription({ type: 'answer', sdp: session.answer });
    if (late.length > 0)
      this.trickle(peer, session, late);
  }

  async post(sdp, attempt) {
    const response = await request(this.isBurnedIn ? '/whep?view=burned' : '/whep', {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: sdp,
    });
    if (response.status !== 201)
      throw new Refused(response.status);
    const session = {
      address: response.headers.get('Location'),
      etag: response.headers.get('ETag'),
      answer: await response.text(),
    };
    if (attempt === this.attempt)
      this.session = session;
    else
      this.leave(session);
    return session;
  }

  trickle(peer, session, candidates) {
    const headers = { 'Content-Type': 'application/trickle-ice-sdpfrag' };
    if (session.etag)
      headers['If-Match'] = session.etag;
    const body = fragment(peer.localDescription, candidates);
    request(session.address, { method: 'PATCH', headers, body })
      .catch((error) => console.warn('a candidate was not sent:', error));
  }

  leave(session) {
    request(session.address, { method: 'DELETE', keepalive: true }).catch(() => {});
  }

  close() {
    this.peer?.close();
    if (this.session)
      this.leave(this.session);
    this.peer = this.control = this.session = null;
  }

  lost(error) {
    const attempt = ++this.attempt;
    this.close();
    if (FINAL[error.status]) {
      this.say(FINAL[error.status]);
      return;
    }
    const wait = error.status === 503 ? FULL_WAIT_MS
      : WAITS_MS[Math.min(this.failures++, WAITS_MS.length - 1)] * (0.8 + 0.4 * Math.random());
    this.waitFor(wait, error.status === 503 ? 'full' : 'waiting', attempt);
  }

  waitFor(ms, state, attempt) {
    const end = performance.now() + ms;
    const tick = () => {
      const left = end - performance.now();
      if (attempt !== this.attempt || left <= 0)
        clearInterval(this.countdown);
      if (attempt !== this.attempt)
        return;
      if (left <= 0)
        this.run(attempt);
      else
        this.say(state, { seconds: Math.ceil(left / 1000) });
    };
    clearInterval(this.countdown);
    this.countdown = setInterval(tick, 500);
    tick();
  }
}
