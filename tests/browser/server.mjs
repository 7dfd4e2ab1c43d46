// SPDX-License-Identifier: Apache-2.0
// Serves web/ as the daemon does, with a page of chromium as the other end of WHEP. What a test
// wants the server to answer otherwise is in `answers`.
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';

import { ROOT, TOKEN } from './kit.mjs';

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css',
  '.json': 'application/json', '.png': 'image/png' };
const PAGES = { '/': 'web/index.html', '/dashboard': 'web/dashboard.html' };
const POLICY = "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; "
  + "base-uri 'none'; form-action 'none'";
const PEER = '<!doctype html><canvas></canvas><script src="/_peer/peer.js"></script>';

export class Server {
  constructor(sceneFolder) {
    this.sceneFolder = sceneFolder;
    this.answers = {}; // whep: a status instead of a session
    this.log = []; // "METHOD path status"
    this.streams = new Set();
    this.status = {};
    this.sentences = [];
  }

  async start() {
    this.server = http.createServer((request, response) => {
      this.handle(request, response).catch((error) => {
        response.writeHead(500).end(String(error));
      });
    });
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.address = `http://127.0.0.1:${this.server.address().port}`;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async usePeer(browser) {
    this.peer = await browser.newPage();
    await this.peer.goto(this.address + '/_peer/');
    await this.peer.evaluate(() => window.ready);
  }

  async handle(request, response) {
    const url = new URL(request.url, this.address);
    const answer = await this.answer(request, url);
    this.log.push(`${request.method} ${url.pathname}${url.search} ${answer.status}`);
    response.writeHead(answer.status, {
      'Content-Security-Policy': POLICY, 'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store', ...answer.headers,
    });
    if (answer.isStream) {
      this.streams.add(response);
      response.on('close', () => this.streams.delete(response));
      response.flushHeaders();
      this.event('status', this.status);
    } else {
      response.end(answer.body);
    }
  }

  event(name, data) {
    for (const stream of this.streams)
      stream.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  async answer(request, url) {
    if (url.pathname.startsWith('/whep') || url.pathname.startsWith('/api/')) {
      const isKnown = request.headers.authorization === `Bearer ${TOKEN}`
        || url.searchParams.get('token') === TOKEN;
      if (!isKnown)
        return { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } };
      return url.pathname.startsWith('/whep') ? this.whep(request, url) : this.api(request, url);
    }
    if (url.pathname === '/_peer/')
      return { status: 200, headers: { 'Content-Type': TYPES['.html'],
        'Content-Security-Policy': "default-src 'self'" }, body: PEER };
    return this.file(url.pathname);
  }

  async file(name) {
    const file = PAGES[name] ? path.join(ROOT, PAGES[name])
      : name.startsWith('/_peer/') ? path.join(ROOT, 'tests/browser', name.slice(7))
        : name.startsWith('/_scene/') ? path.join(this.sceneFolder, name.slice(8))
          : path.join(ROOT, 'web', name);
    try {
      return { status: 200, headers: { 'Content-Type': TYPES[path.extname(file)] },
        body: await readFile(file) };
    } catch {
      return { status: 404 };
    }
  }

  async whep(request, url) {
    const id = url.pathname.split('/')[2];
    if (request.method === 'DELETE')
      return { status: await this.peer.evaluate((id) => window.end(id), id) ? 200 : 404 };
    if (request.method === 'PATCH')
      return { status: 204 };
    if (this.answers.whep)
      return { status: this.answers.whep };
    const name = String(this.log.length);
    const offer = await body(request);
    const sdp = await this.peer.evaluate(([id, sdp]) => window.answer(id, sdp), [name, offer]);
    return { status: 201, body: sdp, headers: { 'Content-Type': 'application/sdp',
      Location: `/whep/${name}`, ETag: `"${name}"` } };
  }

  api(request, url) {
    const json = (value) => ({ status: 200, body: JSON.stringify(value),
      headers: { 'Content-Type': 'application/json' } });
    switch (`${request.method} ${url.pathname}`) {
    case 'GET /api/v1/status': return json(this.status);
    case 'GET /api/v1/sentences': return json(this.sentences);
    case 'GET /api/v1/events': return { status: 200, isStream: true,
      headers: { 'Content-Type': 'text/event-stream' } };
    case 'GET /api/v1/display.png': return this.file('/_scene/' + this.picture);
    case 'POST /api/v1/sentence/dismiss': return { status: 204 };
    case 'POST /api/v1/trace': return json({ traceEvents: [] });
    default: return { status: 404 };
    }
  }
}

async function body(request) {
  const parts = [];
  for await (const part of request)
    parts.push(part);
  return Buffer.concat(parts).toString();
}
