#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The console's server: what web/openapi.json says of it, and whose requests are refused."""
import json
import os
import re
import shutil
import subprocess
import time

from _console import (API, CANDIDATE, EXPERT, FRAGMENT, NOBODYS, OFFER, OPERATOR, OTHER, SDP, WEB,
                      Listener, Server, need_tool)
from _kit import ROOT, Mismatch, Skip, equal, holds, main, read, test

# ---- the description ---------------------------------------------------------------------------


def pages():
    """Path in the description, path of a file."""
    for name in sorted(os.listdir(WEB)):
        stem, ending = os.path.splitext(name)
        if ending in ('.js', '.css'):
            yield '/{name}' + ending, '/' + name
        elif ending == '.html':
            path = {'index': '/', 'dashboard': '/dashboard'}[stem]
            yield path, path
        elif ending == '.json':
            yield '/' + name, '/' + name
        else:
            raise Mismatch(f'web/{name}: served as what?')


def cases(server):
    """Requests that bring each status of each operation: method, path of the description, status,
    and how to ask."""
    for described, path in pages():
        yield 'get', described, 200, (path,)
        tag = server.ask('GET', path).headers['ETag']
        yield 'get', described, 304, (path, None, None, {'If-None-Match': f'"x", W/{tag}'})
    for ending in ('.js', '.css'):
        yield 'get', '/{name}' + ending, 404, ('/nothing' + ending,)
    location, tag = server.offer()
    other, _ = server.offer(OTHER)
    big = 'x' * 65537
    yield 'post', '/whep', 401, ('/whep', None, OFFER, SDP)
    yield 'post', '/whep', 201, ('/whep?view=burned', OPERATOR, OFFER, SDP)
    yield 'post', '/whep', 400, ('/whep', EXPERT, 'v=1', SDP)
    yield 'post', '/whep', 400, ('/whep?view=upside-down', EXPERT, OFFER, SDP)
    yield 'post', '/whep', 413, ('/whep', EXPERT, big, SDP)
    yield 'post', '/whep', 415, ('/whep', EXPERT, OFFER, {'Content-Type': 'text/plain'})
    yield 'options', '/whep', 204, ('/whep',)
    session = '/whep/{id}'
    tags = {**FRAGMENT, 'If-Match': tag}
    yield 'patch', session, 401, (location, None, CANDIDATE, FRAGMENT)
    yield 'patch', session, 204, (location, EXPERT, CANDIDATE, FRAGMENT)
    yield 'patch', session, 204, (location, EXPERT, CANDIDATE, tags)
    yield 'patch', session, 400, (location, EXPERT, 'a=mid:0', FRAGMENT)
    yield 'patch', session, 400, (location, EXPERT, CANDIDATE + 'a=refuse\r\n', FRAGMENT)
    yield 'patch', session, 404, (other, EXPERT, CANDIDATE, FRAGMENT)
    yield 'patch', session, 404, (NOBODYS, EXPERT, CANDIDATE, FRAGMENT)
    yield 'patch', session, 412, (location, EXPERT, CANDIDATE, {**FRAGMENT, 'If-Match': '"x"'})
    yield 'patch', session, 413, (location, EXPERT, big, FRAGMENT)
    yield 'patch', session, 415, (location, EXPERT, CANDIDATE, SDP)
    yield 'patch', session, 422, (location, EXPERT, CANDIDATE, {**FRAGMENT, 'If-Match': '*'})
    yield 'options', session, 204, (location,)
    yield 'delete', session, 401, (location,)
    yield 'delete', session, 404, (other, EXPERT)
    yield 'delete', session, 200, (location, EXPERT)
    yield 'delete', session, 404, (location, EXPERT)
    server.offer()
    yield 'post', '/whep', 503, ('/whep', EXPERT, OFFER, SDP)
    for path in ('/api/v1/status', '/api/v1/sentences', '/api/v1/events', '/metrics'):
        yield 'get', path, 401, (path,)
        yield 'get', path, 200, (path, EXPERT)
    yield 'post', '/api/v1/sentence/dismiss', 401, ('/api/v1/sentence/dismiss',)
    yield 'post', '/api/v1/sentence/dismiss', 204, ('/api/v1/sentence/dismiss', EXPERT)
    yield 'get', '/api/v1/status', 200, ('/api/v1/status', EXPERT)
    yield 'get', '/api/v1/display.png', 401, ('/api/v1/display.png',)
    yield 'get', '/api/v1/display.png', 403, ('/api/v1/display.png', EXPERT)
    yield 'get', '/api/v1/display.png', 200, ('/api/v1/display.png', OPERATOR)
    trace = '/api/v1/trace'
    yield 'post', trace, 401, (trace,)
    yield 'post', trace, 403, (trace, EXPERT)
    yield 'post', trace, 400, (trace + '?ms=0', OPERATOR)
    yield 'post', trace, 400, (trace + '?ms=1e3', OPERATOR)
    yield 'post', trace, 200, (trace + '?ms=200', OPERATOR)


def described():
    return {(method, path, int(status)) for (method, path), operation in API.operations.items()
            for status in operation['responses']}


def without_calls(server):
    """A daemon that runs without media, status and so on."""
    for method, path in sorted(API.operations):
        if '503' in API.operations[method, path]['responses'] and path != '/whep':
            if path != '/api/v1/events':
                yield method, path, 503, (path, OPERATOR)
    listeners = []
    for _ in range(32):
        s = server.raw(f'GET /api/v1/events?token={EXPERT} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
        s.recv(1000)
        listeners.append(s)
    yield 'get', '/api/v1/events', 503, ('/api/v1/events', EXPERT)
    yield 'post', '/whep', 503, ('/whep', EXPERT, OFFER, SDP)
    for s in listeners:
        s.close()


def ask_all(server, some_cases):
    seen = set()
    for method, path, status, request in some_cases(server):
        answer = server.ask(method, *request)
        equal(answer.status, status, f'{method} {request[0]} ({answer.body[:100]})')
        API.check_answer(method, path, answer)
        seen.add((method, path, status))
    return seen


@test
def answers_are_as_described():
    need_tool()
    with Server() as server:
        seen = ask_all(server, cases)
    with Server('no-media') as server:
        seen |= ask_all(server, without_calls)
    missing_pages = {(m, p, s) for m, p, s in described() - seen
                     if p in ('/', '/dashboard', '/{name}.css', '/{name}.js') and s != 404}
    if missing_pages and {'index.html', 'dashboard.html'} <= set(os.listdir(WEB)):
        raise Mismatch(f'never answered so: {sorted(missing_pages)}')
    equal(sorted(described() - seen - missing_pages), [], 'described, never answered so')


@test
def there_are_no_other_routes():
    """The table in the source, and every method at every path."""
    need_tool()
    table = re.findall(r'\{"([A-Z]+)",\s*"([^"]+)",',
                       read(os.path.join(ROOT, 'src/console/daemon/http_route.c')))
    routes = {(method.lower(), path.replace('*', '{id}')) for method, path in table if path}
    pages_described = {(m, p) for m, p in API.operations
                       if not p.startswith(('/whep', '/api', '/metrics'))}
    equal(sorted(routes), sorted(set(API.operations) - pages_described), 'routes')
    equal(sorted(set(dict(pages())) - {p for _, p in pages_described}), [], 'pages')
    with Server() as server:
        location, _ = server.offer()
        for path in sorted({p for _, p in API.operations}):
            if path.startswith('/{'):
                continue
            methods = {m for m, p in API.operations if p == path}
            if 'get' in methods and path != '/api/v1/events':
                methods.add('head')
            if path in ('/', '/dashboard') and path not in dict(pages()):
                continue
            for method in 'get head post put patch delete options trace x'.split():
                if method in methods:
                    continue
                answer = server.ask(method, path.replace('/whep/{id}', location), OPERATOR)
                equal(answer.status, 405, f'{method} {path}')
                allow = {m.strip().lower() for m in answer.headers['Allow'].split(',')}
                equal(allow, methods, f'{method} {path}: Allow')
        for path in ('/whep/', '/whep/x', '/api', '/api/v1', '/api/v1/', '/api/v1/status/', '//',
                     '/api/v1/Status', '/../etc/passwd', '/%2e%2e/etc/passwd', '/meson.build',
                     '/index.html', '/favicon.ico', '/metrics/', '/whep/' + 'A' * 32):
            equal(server.ask('GET', path, OPERATOR).status, 404, path)


# ---- tokens --------------------------------------------------------------------------------------


@test
def wrong_tokens_learn_nothing():
    need_tool()
    with Server() as server:
        location, _ = server.offer()
        for method, path in sorted(API.operations):
            if not API.operations[method, path]['security']:
                continue
            path = path.replace('/whep/{id}', location)
            for headers in ({}, {'Authorization': 'Bearer ' + 'x' * 20},
                            {'Authorization': 'Bearer ' + EXPERT[:-1]},
                            {'Authorization': 'Bearer ' + EXPERT + 'a'},
                            {'Authorization': 'Basic ' + EXPERT}, {'Authorization': EXPERT},
                            {'Authorization': 'Bearer'}, {'Authorization': 'Bearer ' + 'a' * 5000}):
                answer = server.ask(method, path, None, None, headers)
                equal((answer.status, answer.body, answer.headers['WWW-Authenticate'],
                       answer.headers['Content-Type']), (401, b'', 'Bearer', None), path)
        counters = json.loads(server.ask('GET', '/api/v1/status', EXPERT).body)['counters']
        n_guarded = sum(1 for o in API.operations.values() if o['security'])
        equal(counters['http_refused'], 8 * n_guarded)


@test
def tokens_in_addresses_are_for_events_and_pictures():
    need_tool()
    with Server() as server:
        for path, status in (('/api/v1/events', 200), ('/api/v1/display.png', 200),
                             ('/api/v1/status', 401), ('/metrics', 401),
                             ('/api/v1/sentences', 401)):
            equal(server.ask('GET', f'{path}?token={OPERATOR}').status, status, path)
        equal(server.ask('POST', f'/whep?token={OPERATOR}', None, OFFER, SDP).status, 401)
        equal(server.ask('GET', f'/api/v1/display.png?token={EXPERT}').status, 403)
        equal(server.ask('GET', '/api/v1/events?token=').status, 401)


# ---- WHEP ----------------------------------------------------------------------------------------


@test
def sessions_end_with_their_viewer():
    need_tool()
    with Server() as server:
        location, tag = server.offer()
        holds(server.ask('PATCH', location, EXPERT, CANDIDATE,
                         {**FRAGMENT, 'If-Match': f'"x", {tag}'}).headers['ETag'], tag)
        equal(server.ask('PATCH', location, OTHER, CANDIDATE, FRAGMENT).status, 404)
        equal(server.ask('DELETE', location, OPERATOR).status, 404)
        server.tell('gone ' + location.removeprefix('/whep/'))
        for _ in range(50):
            if server.ask('PATCH', location, EXPERT, CANDIDATE, FRAGMENT).status == 404:
                break
            time.sleep(0.1)
        equal(server.ask('DELETE', location, EXPERT).status, 404)


@test
def preflights_are_for_the_own_origin():
    need_tool()
    with Server() as server:
        own = f'http://127.0.0.1:{server.port}'
        asked = {'Access-Control-Request-Method': 'POST'}
        for path in ('/whep', NOBODYS):
            answer = server.ask('OPTIONS', path, None, None, {**asked, 'Origin': own})
            equal(answer.headers['Access-Control-Allow-Origin'], own)
            for origin in ('https://127.0.0.1', 'http://evil.example', 'null', own + '0'):
                answer = server.ask('OPTIONS', path, None, None, {**asked, 'Origin': origin})
                equal([h for h in answer.headers if h.startswith('Access-Control')], [], origin)
        equal(server.ask('OPTIONS', '/whep').headers['Accept-Post'], 'application/sdp')


# ---- what is served ------------------------------------------------------------------------------


@test
def pages_come_whole_and_guarded():
    need_tool()
    with Server() as server:
        for name in sorted(os.listdir(WEB)):
            path = {'index.html': '/', 'dashboard.html': '/dashboard'}.get(name, '/' + name)
            answer = server.ask('GET', path)
            with open(os.path.join(WEB, name), 'rb') as f:
                equal(answer.body == f.read(), True, f'{name} as it is')
            holds(answer.headers['Content-Security-Policy'], "default-src 'self'")
            equal(answer.headers['X-Content-Type-Options'], 'nosniff')
            head = server.ask('HEAD', path)
            equal((head.status, head.body), (200, b''), 'HEAD ' + path)
            equal(head.headers['Content-Length'], str(len(answer.body)))
        answer = server.ask('GET', '/api/v1/status', EXPERT)
        equal((answer.headers['Cache-Control'], answer.headers['X-Content-Type-Options']),
              ('no-store', 'nosniff'))


@test
def metrics_are_read_by_prometheus():
    need_tool()
    with Server() as server:
        time.sleep(0.2)
        text = server.ask('GET', '/metrics', EXPERT).body.decode()
        status = json.loads(server.ask('GET', '/api/v1/status', EXPERT).body)
    values = dict(line.rsplit(' ', 1) for line in text.splitlines() if not line.startswith('#'))
    run = 'trocar_stage_seconds_bucket{stage="run",le="%s"}'
    equal(values[run % '0.002'], '0')
    equal(values[run % '0.004'], values['trocar_stage_seconds_count{stage="run"}'])
    bounds = re.findall(r'trocar_glass_latency_seconds_bucket\{le="([^"]+)"\}', text)
    equal(bounds, '0.001 0.002 0.004 0.006 0.008 0.01 0.012 0.0167 0.033 0.05 0.1 +Inf'.split())
    equal(int(values['trocar_frames_captured_total']) <= status['counters']['captured'], True)
    equal(status['stages'][4]['time']['p50_ms'], 4)
    if not shutil.which('promtool'):
        raise Skip('promtool is not there (Debian package prometheus)')
    done = subprocess.run(['promtool', 'check', 'metrics'], input=text, text=True,
                          capture_output=True, timeout=60)
    equal((done.returncode, done.stdout + done.stderr), (0, ''), 'promtool check metrics')


@test
def traces_are_of_the_time_asked_for():
    need_tool()
    with Server() as server:
        begin = json.loads(server.ask('GET', '/api/v1/status', EXPERT).body)['now_ms']
        rows = json.loads(server.ask('POST', '/api/v1/trace?ms=300', OPERATOR).body)['traceEvents']
    spans = [r for r in rows if r['ph'] == 'X']
    names = {r['tid']: r['args']['name'] for r in rows if r['ph'] == 'M'}
    equal({names[r['tid']] for r in spans}, {'capture', 'run tissue'}, 'rows')
    ends = [(r['ts'] + r['dur']) / 1e3 - begin for r in spans]
    equal(0 <= min(ends) and max(ends) < 2000 and max(ends) - min(ends) < 301, True, 'times')
    equal(len({r['args']['frame'] for r in spans if r['name'] == 'run'}) > 10, True, 'frames')


EVENTS = {'tier': {'at': 1.5, 'network': 'tissue', 'from': 0, 'to': 1, 'why': 'late'},
          'worker': {'at': 1.5, 'device': 'cpu', 'process': 'main', 'state': 'restarting',
                     'restarts': 1, 'why': 'signal 9'},
          'viewer': {'at': 1.5, 'name': 'Dr. Chen', 'role': 'expert', 'state': 'joined', 'why': ''},
          'mark': {'at': 1.5, 'id': 'a-1', 'kind': 'arrow', 'name': 'Dr. Chen', 'frame': 812,
                   'erased': False}}


@test
def events_come_as_they_happen():
    need_tool()
    with Server() as server:
        listener = Listener(server)
        for name, data in EVENTS.items():
            server.tell(f'event {name} {json.dumps(data)}')
        found = listener.until(lambda _, name, __: name == 'mark')
        got = {name: data for _, name, data in found if name != 'status'}
        equal(got, EVENTS)
        for name, data in got.items():
            API.check(data, API.schema('Event' + name.title()), name)
        found = listener.until(lambda _, name, __: name == 'status')
        status = next(data for _, name, data in found if name == 'status')
        API.check(status, API.schema('Status'), 'status')
        numbers = [number for number, _, _ in found]
        equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), 'ids')
        listener.close()
        again = Listener(server, {'Last-Event-ID': str(numbers[0])})
        equal(again.until(lambda *_: True)[0][0], numbers[1], 'goes on behind')
        again.close()


if __name__ == '__main__':
    main()
