#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The console's server against clients that are slow, flood or lie; TLS; errors at its start."""
import http.client
import json
import os
import select
import shutil
import socket
import ssl
import subprocess
import threading
import time
import warnings
from random import Random

from _console import (CANDIDATE, EXPERT, NOBODYS, OFFER, OPERATOR, SDP, Listener, Server,
                      need_tool)
from _kit import Mismatch, Skip, equal, holds, main, test

# ---- clients that are slow, flood or lie ---------------------------------------------------------


def seconds_of(server):
    begin = time.monotonic()
    equal(server.ask('GET', '/api/v1/status', EXPERT).status, 200)
    return time.monotonic() - begin


def is_closed_within(s, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([s], [], [], 0.1)[0]:
            try:
                if not s.recv(65536):
                    return True
            except ConnectionError:
                return True
    return False


@test
def who_waits_holds_nobody():
    """An offer that takes 2 s, 20 clients that send half a request, 10 that send garbage."""
    need_tool()
    with Server() as server:
        stuck = [server.raw(b'GET /api/v1/status HTTP/1.1\r\nHo') for _ in range(20)]
        stuck += [server.raw(os.urandom(4096).replace(b'\n', b'n')) for _ in range(10)]
        server.tell('slow 2000')
        time.sleep(0.3)
        offers = [threading.Thread(target=server.offer) for _ in range(4)]
        for thread in offers:
            thread.start()
        worst = max(seconds_of(server) for _ in range(20))
        for thread in offers:
            thread.join()
        for s in stuck:
            s.close()
    if worst > 1:
        raise Mismatch(f'another request waited {worst:.2f} s')


@test
def who_is_too_slow_is_cut():
    need_tool()
    with Server('impatient') as server:
        idle, slow, half = server.raw(), server.raw(b'GET / HT'), server.raw(
            b'POST /whep HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ' + EXPERT.encode() +
            b'\r\nContent-Type: application/sdp\r\nContent-Length: 100\r\n\r\nv=0\r\n')
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(('127.0.0.1', server.port))
        deaf.sendall(f'GET /api/v1/events?token={EXPERT} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
        listener = Listener(server)
        dripping = server.raw(b'GET / HTTP/1.1\r\n')
        for _ in range(8):
            try:
                dripping.sendall(b'X: y\r\n')
            except ConnectionError:
                break
            time.sleep(0.25)
        for name, s in (('idle', idle), ('slow', slow), ('half', half), ('dripping', dripping)):
            equal(is_closed_within(s, 3), True, f'{name} is cut')
            s.close()
        big = json.dumps({'id': 'x' * 60000})
        for _ in range(12):
            server.tell('event mark ' + big)
        server.tell('event tier {}')
        listener.until(lambda _, name, __: name == 'tier')
        end = time.monotonic() + 10
        while time.monotonic() < end:
            counters = json.loads(server.ask('GET', '/api/v1/status', EXPERT).body)['counters']
            if counters['events_dropped'] == 1:
                break
            time.sleep(0.2)
        equal((counters['events_dropped'], counters['http_cut'] >= 4), (1, True), f'{counters}')
        listener.until(lambda _, name, data: name == 'status' and
                       data['counters']['events_dropped'] == 1)
        deaf.close()
        listener.close()


WHOLE = [f'GET /api/v1/status HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {EXPERT}\r\n\r\n',
         f'GET /api/v1/events?token={EXPERT} HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 3\r\n\r\n',
         f'POST /whep?view=burned HTTP/1.1\r\nHost: a\r\nContent-Type: application/sdp\r\n'
         f'Authorization: Bearer {EXPERT}\r\nContent-Length: {len(OFFER)}\r\n\r\n{OFFER}',
         f'PATCH {NOBODYS} HTTP/1.1\r\nHost: a\r\nContent-Type: '
         f'application/trickle-ice-sdpfrag\r\nAuthorization: Bearer {EXPERT}\r\n'
         f'If-Match: "a", *\r\nContent-Length: {len(CANDIDATE)}\r\n\r\n{CANDIDATE}',
         f'POST /api/v1/trace?ms=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n'
         f'Authorization: Bearer {OPERATOR}\r\n\r\n3\r\nabc\r\n0\r\n\r\n']


STRANGE = [b'\0', b'\r\n', b'%00', b'%', b'"', b'9' * 30, b'\xff' * 9]


def mutated(random):
    data = bytearray(random.choice(WHOLE).encode())
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data))
        kind = random.randrange(4)
        if kind == 0:
            data[at] = random.randrange(256)
        elif kind == 1:
            del data[at:at + random.randint(1, 12)]
        elif kind == 2:
            data[at:at] = random.choice(STRANGE)
        else:
            data[at:at] = data[at:at + random.randint(1, 60)]
        if not data:
            data = bytearray(b'x')
    return bytes(data)


@test
def mangled_requests_harm_nothing():
    """Whatever comes of them, the next request is answered."""
    need_tool()
    random = Random(7)
    with Server(viewers=256) as server:
        for i in range(400):
            s = server.raw(mutated(random))
            s.shutdown(socket.SHUT_WR)
            if select.select([s], [], [], 0.05)[0]:
                try:
                    s.recv(4096)
                except ConnectionError:
                    pass
            s.close()
            if i % 100 == 99:
                seconds_of(server)
        seconds_of(server)


@test
def floods_are_bounded():
    """Headers, bodies and connections without end, while another client is served."""
    need_tool()
    with Server() as server:
        first = seconds_of(server)
        before = server.memory_kb()
        answer = server.ask('GET', '/', None, None, {'X': 'y' * 20000})
        equal(answer.status, 431, 'long headers')
        equal(server.ask('GET', '/' + 'y' * 20000).status in (404, 414, 431), True, 'long path')
        s = server.raw(b'POST /whep HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n'
                       b'Content-Type: application/sdp\r\nAuthorization: Bearer ' +
                       EXPERT.encode() + b'\r\n\r\n')
        with_end = 0
        try:
            for with_end in range(4000):
                s.sendall(b'1000\r\n' + b'x' * 4096 + b'\r\n')
        except ConnectionError:
            pass
        equal(with_end < 3999, True, 'a body without end is cut')
        s.close()
        chunked = server.ask('POST', '/whep', EXPERT, iter([b'x' * 1000] * 100), SDP)
        equal(chunked.status, 413, 'a long chunked body')
        sockets = []
        for _ in range(300):
            try:
                sockets.append(server.raw(b'GET /api/v1/status HTTP/1.1\r\n'))
            except OSError:
                break
        time.sleep(0.5)
        n_open = sum(not is_closed_within(s, 0) and not select.select([s], [], [], 0)[0]
                     for s in sockets)
        equal(n_open <= 48, True, f'{n_open} connections of one address')
        for s in sockets:
            s.close()
        for _ in range(50):
            try:
                seconds_of(server)
                break
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
        grown = server.memory_kb() - before
    if grown > 20000 or first > 5:
        raise Mismatch(f'memory grew by {grown} kB')


@test
def viewers_that_come_and_go_leave_nothing():
    need_tool()
    with Server(viewers=64) as server:
        def visit(n):
            for i in range(n):
                location, _ = server.offer()
                equal(server.ask('DELETE', location, EXPERT).status, 200)
                if i % 4 == 0:
                    listener = Listener(server)
                    listener.response.read1(1)
                    listener.close()
        visit(8)
        time.sleep(1.5)
        before = server.memory_kb()
        visit(40)
        n_listening = 1
        for _ in range(40):
            status = server.ask('GET', '/api/v1/status', EXPERT)
            n_listening = sum(1 for _ in os.listdir(f'/proc/{server.process.pid}/task'))
            if n_listening <= 6:
                break
            time.sleep(0.2)
        equal(status.status, 200)
        equal(n_listening <= 6, True, f'{n_listening} threads are left')
        grown = server.memory_kb() - before
    if grown > 8000:
        raise Mismatch(f'memory grew by {grown} kB')


@test
def stops_while_clients_wait():
    need_tool()
    with Server() as server:
        listeners = [Listener(server) for _ in range(3)]
        s = server.raw(f'POST /api/v1/trace?ms=10000 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n'
                       f'Authorization: Bearer {OPERATOR}\r\n\r\n'.encode())
        time.sleep(0.3)
        seconds = server.stop()
        equal(server.process.returncode, 0, 'exit')
        equal(seconds < 3, True, f'{seconds:.1f} s')
        for listener in listeners:
            listener.close()
        s.close()
        server.stop = lambda: 0


def send_malformed(server, is_over):
    while not is_over.is_set():
        try:
            with server.raw(b'GET /api/v1/status HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n'):
                pass
        except OSError:
            pass


@test
def stops_while_malformed_requests_come():
    """libmicrohttpd's own answers to them are not to meet its end."""
    need_tool()
    for _ in range(8):
        is_over = threading.Event()
        try:
            with Server() as server:
                for _ in range(4):
                    threading.Thread(target=send_malformed, args=(server, is_over)).start()
                time.sleep(0.1)
        finally:
            is_over.set()


# ---- TLS and errors at start ---------------------------------------------------------------------


def make_certificate(name):
    if not shutil.which('openssl'):
        raise Skip('openssl is not there')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:P-256', '-nodes', '-keyout', name + '.key', '-out',
                    name + '.pem', '-days', '2', '-subj', '/CN=localhost', '-addext',
                    'subjectAltName=IP:127.0.0.1'], check=True,
                   capture_output=True, timeout=60)


@test
def https_is_tls_1_2_or_newer():
    need_tool()
    make_certificate('cert')
    context = ssl.create_default_context(cafile='cert.pem')
    with Server(more=', certificate: cert.pem, key: cert.key', context=context) as server:
        equal(server.ask('GET', '/api/v1/status', EXPERT).status, 200)
        equal(server.ask('GET', '/api/v1/status').status, 401)
        listener = Listener(server)
        listener.until(lambda _, name, __: name == 'status')
        listener.close()
        for version, works in ((ssl.TLSVersion.TLSv1_3, True), (ssl.TLSVersion.TLSv1_2, True),
                               (ssl.TLSVersion.TLSv1_1, False)):
            server.context = ssl.create_default_context(cafile='cert.pem')
            server.context.set_ciphers('ALL:@SECLEVEL=0')
            with warnings.catch_warnings():  # that it is old is the point
                warnings.simplefilter('ignore', DeprecationWarning)
                server.context.minimum_version = server.context.maximum_version = version
            try:
                is_answered = server.ask('GET', '/openapi.json').status == 200
            except (ssl.SSLError, ConnectionError):
                is_answered = False
            equal(is_answered, works, version.name)
        s = server.raw(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        equal(is_closed_within(s, 20), True, 'plain HTTP is refused')
        s.close()


def refused(code, *says, **options):
    server = Server(**options)
    out, err = server.process.communicate(timeout=20)
    equal((server.process.returncode, out), (code, ''), err)
    holds(err, *says)


@test
def what_cannot_start_says_why():
    need_tool()
    make_certificate('cert')
    make_certificate('other')
    refused(2, 'no.pem: cannot read', more=', certificate: no.pem, key: cert.key')
    for key in ('tokens', 'other.key'):
        refused(2, 'server: libmicrohttpd does not start',
                more=f', certificate: cert.pem, key: {key}')
    with Server() as server:
        refused(3, f'cannot listen on 127.0.0.1, port {server.port}: Address already in use',
                listen=f'127.0.0.1:{server.port}')


if __name__ == '__main__':
    main()
