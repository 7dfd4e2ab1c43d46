#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Stands between a console and an expert's browser as a long line would: delays and loses.
//
//     scripts/console_relay.mjs --to http://127.0.0.1:8443 [--listen 8444] [--delay MS]
//         [--loss PERCENT] [--seed N]
//
// Pages and requests go through it (delayed; TCP hides losses), and answers to offers are changed
// so that media and data channels go through it as well: each candidate of the console becomes a
// socket of the relay, those of the browser are kept from the console, which finds it by what
// comes through. Both ways have the delay and the loss; the order of packets stays.
import dgram from 'node:dgram';
import http from 'node:http';
import https from 'node:https';
import os from 'node:os';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

// Park and Miller's, so that a run can be repeated.
function randomFrom(seed) {
  let state = seed % 2147483647 || 1;
  return () => {
    state = state * 48271 % 2147483647;
    return state / 2147483647;
  };
}

async function bodyOf(stream) {
  const parts = [];
  for await (const part of stream)
    parts.push(part);
  return Buffer.concat(parts);
}

function withoutCandidates(sdp) {
  return sdp.split(/\r?\n/).filter((line) => !line.startsWith('a=candidate:')).join('\r\n');
}

// A line waits for no processor. Where that is not allowed, the delay grows with the load.
function setPriority(priority) {
  try {
    os.setPriority(priority);
  } catch (error) {
    console.warn(`the relay waits for processors like all others: ${error.message}`);
  }
}

function bind(kind, address) {
  return new Promise((done, fail) => {
    const socket = dgram.createSocket(kind);
    socket.once('error', fail);
    socket.bind(0, address, () => {
      socket.off('error', fail);
      socket.on('error', () => {}); // a peer that has gone
      done(socket);
    });
  });
}

export class Relay {
  constructor({ to, port = 0, delayMs = 0, loss = 0, seed = 1 }) {
    Object.assign(this, { to: new URL(to), port, delayMs, loss });
    this.random = randomFrom(seed);
    this.sockets = [];
    this.counts = { forwarded: 0, lost: 0 };
  }

  async start() {
    this.server = http.createServer((request, response) => {
      this.pass(request, response).catch(() => response.destroy());
    });
    await new Promise((done) => this.server.listen(this.port, '127.0.0.1', done));
    this.address = `http://127.0.0.1:${this.server.address().port}`;
    this.priority = os.getPriority();
    setPriority(os.constants.priority.PRIORITY_HIGH);
  }

  stop() {
    setPriority(this.priority);
    this.server.closeAllConnections();
    this.server.close();
    this.sockets.forEach((socket) => socket.close());
    this.sockets = [];
  }

  later(action) {
    setTimeout(action, this.delayMs);
  }

  async pass(request, response) {
    const isOffer = request.method === 'POST' && request.url.startsWith('/whep');
    const body = await bodyOf(request);
    if (request.method === 'PATCH') {
      this.later(() => response.writeHead(204).end());
      return;
    }
    const sent = isOffer ? Buffer.from(withoutCandidates(body.toString())) : body;
    this.later(() => this.ask(request, sent, response, isOffer));
  }

  ask(request, body, response, isOffer) {
    const library = this.to.protocol === 'https:' ? https : http;
    const headers = { ...request.headers, host: this.to.host, 'content-length': body.length };
    delete headers['transfer-encoding'];
    if (body.length === 0)
      delete headers['content-length'];
    const forwarded = library.request(new URL(request.url, this.to),
      { method: request.method, headers, rejectUnauthorized: false });
    forwarded.on('response', (answer) => {
      (isOffer && answer.statusCode === 201 ? this.answerOffer(answer, response)
        : this.answer(answer, response)).catch(() => response.destroy());
    });
    forwarded.on('error', () => response.destroy());
    response.on('close', () => forwarded.destroy());
    forwarded.end(body);
  }

  async answer(answer, response) {
    this.later(() => response.writeHead(answer.statusCode, answer.headers).flushHeaders());
    for await (const part of answer)
      this.later(() => response.write(part));
    this.later(() => response.end());
  }

  async answerOffer(answer, response) {
    const sdp = await this.throughRelay((await bodyOf(answer)).toString());
    const headers = { ...answer.headers, 'content-length': Buffer.byteLength(sdp) };
    this.later(() => response.writeHead(answer.statusCode, headers).end(sdp));
  }

  // a=candidate:FOUNDATION COMPONENT TRANSPORT PRIORITY ADDRESS PORT ...
  async throughRelay(sdp) {
    const lines = [];
    for (const line of sdp.split(/\r?\n/)) {
      const words = line.split(' ');
      if (line.startsWith('a=candidate:') && words[2]?.toLowerCase() === 'udp') {
        const socket = await this.open(words[4], Number(words[5]));
        [words[4], words[5]] = ['127.0.0.1', socket.address().port];
        lines.push(words.join(' '));
      } else if (!line.startsWith('a=candidate:')) {
        lines.push(line);
      }
    }
    return lines.join('\r\n');
  }

  // A socket for one candidate of the console; behind it one for each peer that writes to it.
  async open(address, port) {
    const front = await bind('udp4', '127.0.0.1');
    this.sockets.push(front);
    const backs = new Map();
    front.on('message', (packet, from) => {
      const key = `${from.address}:${from.port}`;
      if (!backs.has(key))
        backs.set(key, this.back(front, from, address));
      this.carry(async () => (await backs.get(key)).send(packet, port, address));
    });
    return front;
  }

  async back(front, from, address) {
    const isV6 = address.includes(':');
    const local = address === '127.0.0.1' || address === '::1' ? address : undefined;
    const socket = await bind(isV6 ? 'udp6' : 'udp4', local);
    this.sockets.push(socket);
    socket.on('message', (packet) => {
      this.carry(() => front.send(packet, from.port, from.address));
    });
    return socket;
  }

  carry(send) {
    if (this.random() < this.loss) {
      this.counts.lost++;
      return;
    }
    this.counts.forwarded++;
    this.later(() => this.sockets.length > 0 && send());
  }
}

async function main() {
  const { values } = parseArgs({ options: {
    to: { type: 'string' }, listen: { type: 'string', default: '8444' },
    delay: { type: 'string', default: '40' }, loss: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
  } });
  if (!values.to) {
    console.error('usage: console_relay.mjs --to URL [--listen PORT] [--delay MS] [--loss PERCENT]'
      + ' [--seed N]');
    process.exit(2);
  }
  const relay = new Relay({ to: values.to, port: Number(values.listen),
    delayMs: Number(values.delay), loss: Number(values.loss) / 100, seed: Number(values.seed) });
  await relay.start();
  console.log(`${relay.address} leads to ${values.to}, ${values.delay} ms, ${values.loss} %`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  await main();
