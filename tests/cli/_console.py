# SPDX-License-Identifier: Apache-2.0
"""What the scripts of the console's server share: running it alone, asking it, its events."""
import http.client
import json
import os
import re
import socket
import subprocess
import time

from _kit import ROOT, Mismatch, Skip, equal, read, write
from _openapi import OpenApi

BUILD = os.environ.get('TROCAR_BUILD', os.path.join(ROOT, 'build'))
TOOL = os.path.join(BUILD, 'tests', 'tool_console_server')
WEB = os.path.join(ROOT, 'web')
API = OpenApi(read(os.path.join(WEB, 'openapi.json')))
EXPERT, OTHER, OPERATOR = 'a' * 20, 'c' * 20, 'b' * 20
OFFER = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n'
CANDIDATE = 'a=mid:0\r\na=candidate:1 1 UDP 2130706431 127.0.0.1 9 typ host\r\n'
SDP = {'Content-Type': 'application/sdp'}
FRAGMENT = {'Content-Type': 'application/trickle-ice-sdpfrag'}
NOBODYS = '/whep/' + '0' * 32
CONFIG = '''console: {{name: "Theatre 3"}}
source: {{kind: frames, location: frames, width: 640, height: 360, fps: 30}}
budget_ms: 33
networks:
  - {{name: tissue, plan: unet.plan, lower: [small.plan]}}
  - {{name: depth, plan: depth.plan, every: 2}}
server: {{listen: "{listen}", tokens: tokens, viewers: {viewers}{more}}}
'''
TOKENS = f'expert {EXPERT} Dr. Chen\nexpert {OTHER} Dr. Other\noperator {OPERATOR} Operator\n'


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body


class Server:
    """tool_console_server, for a test's time."""

    def __init__(self, how='', viewers=4, listen='127.0.0.1:0', more='', context=None):
        write('tokens', TOKENS)
        write('console.yaml', CONFIG.format(listen=listen, viewers=viewers, more=more))
        self.context = context
        command = [TOOL, 'console.yaml'] + ([how] if how else [])
        # Freed memory that AddressSanitizer holds back would look like a leak.
        asan = os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=1'
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, 'ASAN_OPTIONS': asan})

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line.startswith('port '):
            raise Mismatch(f'no port: {self.process.stderr.read()}')
        self.port = int(line.split()[1])
        return self

    def __exit__(self, *_):
        seconds = self.stop()
        equal(self.process.returncode, 0, 'exit')
        if seconds > 3:
            raise Mismatch(f'the server took {seconds:.1f} s to stop')

    def stop(self):
        begin = time.monotonic()
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        said = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        if said:
            raise Mismatch(f'expected nothing on standard error, found {said[-2000:]!r}')
        return time.monotonic() - begin

    def tell(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()

    def connect(self, timeout=10):
        if self.context:
            return http.client.HTTPSConnection('127.0.0.1', self.port, timeout=timeout,
                                               context=self.context)
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout)

    def ask(self, method, path, token=None, body=None, headers=None):
        connection = self.connect()
        try:
            full = {**({'Authorization': 'Bearer ' + token} if token else {}), **(headers or {})}
            connection.request(method.upper(), path, body, full)
            response = connection.getresponse()
            is_stream = response.headers.get('Content-Type') == 'text/event-stream'
            return Answer(response, b'' if is_stream else response.read())
        finally:
            connection.close()

    def offer(self, token=EXPERT, path='/whep', status=201):
        answer = self.ask('POST', path, token, OFFER, SDP)
        equal(answer.status, status, f'POST {path}')
        return answer.headers['Location'], answer.headers['ETag']

    def raw(self, data=b''):
        s = socket.create_connection(('127.0.0.1', self.port), timeout=10)
        s.sendall(data)
        return s

    def memory_kb(self):
        found = re.search(r'VmRSS:\s+(\d+)', read(f'/proc/{self.process.pid}/status'))
        return int(found.group(1))


def need_tool():
    with open(os.path.join(BUILD, 'build.ninja'), encoding='utf-8') as f:
        if 'http_route.c' not in f.read():
            raise Skip('libmicrohttpd is not there')


def events_of(text):
    """Complete events: id, name, data."""
    for block in text.split('\n\n')[:-1]:
        lines = dict(line.split(': ', 1) for line in block.split('\n') if not line.startswith(':'))
        if 'data' in lines:
            yield int(lines['id']), lines['event'], json.loads(lines['data'])


class Listener:
    def __init__(self, server, headers=None):
        self.connection = server.connect()
        self.connection.request('GET', '/api/v1/events', None,
                                {'Authorization': 'Bearer ' + EXPERT, **(headers or {})})
        self.response = self.connection.getresponse()
        self.text = ''
        self.found = []

    def until(self, wanted, seconds=10):
        """All events up to the first, also of those that came before, for which wanted(id, name,
        data)."""
        end, n_looked_at = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            if any(wanted(*event) for event in self.found[n_looked_at:]):
                return self.found
            n_looked_at = len(self.found)
            data = self.response.read1(65536)
            if not data:
                raise Mismatch('the stream has ended')
            whole, ending, self.text = (self.text + data.decode()).rpartition('\n\n')
            self.found += events_of(whole + ending)
        raise Mismatch(f'it did not come within {seconds} s')

    def close(self):
        self.connection.close()
