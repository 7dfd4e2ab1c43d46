#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A console with viewers that come and go, with peers that misbehave, with workers that die.

    scripts/console_soak.py [--seconds 600] [--viewers 10] [--kills 0] [--seed 1] [--build build]
                            [--config build/console/trocard.yaml] [--no-peers]

Starts trocard on a free port. Up to so many viewers (tool_console_viewer) live for 5 to 60 s; half
of them leave by DELETE, half are killed -9. One client reads events and the display at 1 kbit/s,
others send garbage: random bytes, requests and offers that are mangled, bodies too large, floods
of messages. --kills N kills the worker at random moments. Prints a table, and PASS or FAIL for each
thing that is asked for. Exit 1 when anything failed, 3 when a library is not there.
"""
import argparse
import http.client
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TICKS = os.sysconf('SC_CLK_TCK')
WARM_S, LEAST_S = 60, 180  # what memory is not looked at; how long a run must be to judge it
GROWTH, GROWTH_KB = 0.03, 2048
START_S, LEAVE_S, ANSWER_S = 120, 30, 5  # LEAVE_S: a viewer that was killed is missed after 15 s
NO_PLACE = 4  # a viewer's exit: those that were killed still have theirs
STRANGER = ('127.0.0.2', 0)  # limits of connections are for each address


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


# ---- the console ------------------------------------------------------------------------------


class Console:
    """trocard with the configuration, on a free port."""

    def __init__(self, options, folder):
        text = read(options.config)
        tokens = re.search(r'^server:.*tokens: *"?([^,}" ]+)', text, re.M).group(1)
        beside = os.path.dirname(os.path.abspath(options.config))
        lines = [line.split() for line in read(os.path.join(beside, tokens)).splitlines()]
        self.token = {line[0]: line[1] for line in lines if len(line) > 2}
        self.config = os.path.join(beside, f'soak-{os.getpid()}.yaml')
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(re.sub(r'(^server:.*listen: *)"[^"]*"', r'\1"127.0.0.1:0"', text, flags=re.M))
        self.log = os.path.join(folder, 'log')
        with open(self.log, 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                [os.path.join(options.build, 'trocard'), '--config', self.config], stderr=log,
                stdout=log)
        self.port = 0

    def wait(self):
        """False: it ended instead."""
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r'http://127.0.0.1:(\d+)/', read(self.log))
            if found:
                self.port = int(found.group(1))
                status = self.status()
                if status and all(n['state'] == 'running' for n in status['networks']):
                    return True
            time.sleep(0.1)
        return False

    def ask(self, method, path, body=None, role='expert', timeout=ANSWER_S, **headers):
        """Status, body, headers."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout,
                                                source_address=headers.pop('source', None))
        try:
            full = {'Authorization': 'Bearer ' + self.token[role], **headers}
            connection.request(method, path, body, full)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def status(self):
        """None: no answer."""
        try:
            code, body, _ = self.ask('GET', '/api/v1/status')
        except (OSError, http.client.HTTPException):
            return None
        return json.loads(body) if code == 200 else None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return 'no end within 60 s'
        finally:
            os.remove(self.config)


# ---- peers ------------------------------------------------------------------------------------


class Soak:
    """What threads share: the time, chances, what was counted."""

    def __init__(self, console, options):
        self.console, self.options = console, options
        self.is_over = threading.Event()
        self.lock = threading.Lock()
        self.counts, self.offer, self.faults = {}, b'', []
        self.reports = []  # the lines of each viewer
        self.kills = []  # of the worker: ms until findings were back
        self.away = []  # ms: was a sentence interrupted
        self.interrupted = []  # when

    def count(self, name, n=1):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + n

    def chance(self, name):
        return random.Random(f'{self.options.seed} {name}')

    def viewer_command(self, *more):
        return [os.path.join(self.options.build, 'tests', 'tool_console_viewer'), *more,
                '127.0.0.1', str(self.console.port), self.console.token['expert']]


def one_viewer(soak, chance, is_first):
    """Comes, stays, goes one way or the other."""
    life = min(chance.uniform(5, 60), max(3.0, soak.options.seconds / 3))
    is_killed = chance.random() < 0.5
    more = ['--seconds', str(3600 if is_killed else life)]
    more += ['--decode'] if is_first else ['--burned'] if chance.random() < 0.1 else []
    with subprocess.Popen(soak.viewer_command(*more), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + life
        while process.poll() is None and (time.monotonic() < end or not is_killed):
            if soak.is_over.is_set():
                is_killed = True
                break
            time.sleep(0.1)
        if is_killed:
            process.kill()
        out, err = process.communicate()
    lines = [json.loads(line) for line in out.splitlines() if line.endswith('}')]
    with soak.lock:
        soak.reports.append(lines)
        is_fault = not is_killed and process.returncode not in (0, NO_PLACE)
        if is_fault and not soak.is_over.is_set():
            soak.faults.append(err.strip())
    soak.count('viewers that found no place' if process.returncode == NO_PLACE else
               'viewers that were killed' if is_killed else 'viewers that left')


def viewers(soak, place):
    chance = soak.chance(f'viewer {place}')
    soak.is_over.wait(chance.uniform(0, 5) if place else 0)
    while not soak.is_over.is_set():
        one_viewer(soak, chance, place == 0)
        soak.is_over.wait(chance.uniform(0.2, 5))


def slow_reader(soak, path, role):
    """1 kbit/s: 16 bytes each 128 ms."""
    while not soak.is_over.is_set():
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.settimeout(2)
            try:
                s.connect(('127.0.0.1', soak.console.port))
                s.sendall(f'GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer '
                          f'{soak.console.token[role]}\r\n\r\n'.encode())
                while s.recv(16) and not soak.is_over.wait(0.128):
                    soak.count('bytes read at 1 kbit/s', 16)
            except TimeoutError:
                continue
            except OSError:
                pass
        soak.count('slow readers that were cut')
        soak.is_over.wait(1)


def mangled(chance, data):
    """A few changes of bytes, lines or the length."""
    data = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(max(1, len(data)))
        kind = chance.randrange(4)
        if kind == 0:
            data[at:at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del data[at:at + chance.randint(1, 40)]
        elif kind == 2:
            data[at:at] = data[at:at + chance.randint(1, 200)]
        else:
            data[at:at] = chance.choice([b'\r\n', b'\0', b'99999999999', b'a=', b'%s', b'\xff'])
    return bytes(data)


def send_raw(soak, data):
    with socket.socket() as s:
        s.settimeout(2)
        s.bind(STRANGER)
        s.connect(('127.0.0.1', soak.console.port))
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        s.recv(4096)


def send_offer(soak, chance):
    """What is still an offer is taken, and goes at once."""
    code, _, headers = soak.console.ask('POST', '/whep', mangled(chance, soak.offer), timeout=10,
                                        source=STRANGER, **{'Content-Type': 'application/sdp'})
    soak.count(f'mangled offers: {code}')
    if code == 201:
        soak.console.ask('DELETE', headers['Location'], source=STRANGER)
    elif code not in (400, 503):
        soak.faults.append(f'a mangled offer: expected 400, found {code}')


def garbage(soak):
    chance = soak.chance('garbage')
    token = soak.console.token['expert']
    request = (f'POST /whep HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: '
               'application/sdp\r\nContent-Length: 20\r\n\r\nv=0\r\no=- 1 1 IN IP4 x').encode()
    kinds = {
        'random bytes': lambda: send_raw(soak, chance.randbytes(chance.randint(1, 20000))),
        'mangled requests': lambda: send_raw(soak, mangled(chance, request)),
        'huge bodies': lambda: send_raw(
            soak, request.replace(b'Length: 20', b'Length: 4000000') + bytes(2000000)),
        'offers': lambda: send_offer(soak, chance)}
    while not soak.is_over.wait(0.1):
        name = chance.choice(list(kinds))
        try:
            kinds[name]()
        except (OSError, http.client.HTTPException):
            pass  # it may well be cut
        soak.count('garbage: ' + name)


def floods(soak):
    while not soak.is_over.is_set():
        with subprocess.Popen(soak.viewer_command('--flood', '--seconds', '6'),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if soak.is_over.wait(0.1):
                    process.kill()
        soak.count('floods of messages')
        soak.is_over.wait(5)


def take_event(soak, data):
    if data['state'] == 'interrupted':
        soak.interrupted.append(time.monotonic())
    elif data['state'] == 'left':
        soak.count('left: ' + data['why'])


def listener(soak):
    """Notes when sentences are interrupted, and why viewers left."""
    while not soak.is_over.is_set():
        connection = http.client.HTTPConnection('127.0.0.1', soak.console.port, timeout=15)
        try:
            connection.request('GET', '/api/v1/events',
                               headers={'Authorization': 'Bearer ' + soak.console.token['expert']})
            answer = connection.getresponse()
            name = b''
            for line in answer:
                if soak.is_over.is_set():
                    break
                if line.startswith(b'event: '):
                    name = line[7:].strip()
                elif line.startswith(b'data: ') and name in (b'sentence', b'viewer'):
                    take_event(soak, json.loads(line[6:]))
        except (OSError, http.client.HTTPException) as e:
            if not soak.is_over.is_set():
                soak.faults.append(f'events: {e}')
        finally:
            connection.close()


def back_after(soak, begin):
    """ms until each network has findings of a frame after the kill; None: not within a minute."""
    while time.monotonic() < begin + 60 and not soak.is_over.is_set():
        now = soak.console.status()
        since_ms = (time.monotonic() - begin) * 1000
        if now and all(n['state'] == 'running' and n['age_ms'] is not None and
                       n['age_ms'] < since_ms for n in now['networks']):
            return since_ms
        time.sleep(0.02)
    return None


def killer(soak):
    chance, options = soak.chance('killer'), soak.options
    pause = options.seconds / (options.kills + 1)
    for _ in range(options.kills):
        if soak.is_over.wait(pause * chance.uniform(0.6, 1.1)):
            return
        before = soak.console.status()
        pids = [w['pid'] for w in before['workers'] if w['pid']] if before else []
        if not pids:
            soak.faults.append('there was no worker to kill')
            continue
        begin = time.monotonic()
        os.kill(chance.choice(pids), signal.SIGKILL)
        time.sleep(0.1)  # it has seen by now that the worker is gone
        ms = back_after(soak, begin)
        soak.kills.append(ms)
        if before['sentence'] and ms:
            # Where networks are slow it may stand interrupted when the worker is killed.
            soak.away.append((ms, before['sentence']['state'] == 'interrupted' or
                              any(begin <= t for t in soak.interrupted)))


# ---- what is watched --------------------------------------------------------------------------


def cpu_s(pid):
    """Of the process; 0: it has gone."""
    try:
        fields = read(f'/proc/{pid}/stat').rsplit(')', 1)[1].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / TICKS


def sample(soak, begin):
    """None: no answer."""
    asked = time.monotonic()
    now = soak.console.status()
    if now is None:
        return None
    pid = soak.console.process.pid
    text = read(f'/proc/{pid}/status')
    return {'at': time.monotonic() - begin, 'answer_ms': (time.monotonic() - asked) * 1000,
            'rss_kb': int(re.search(r'VmRSS:\s+(\d+)', text).group(1)),
            'threads': int(re.search(r'Threads:\s+(\d+)', text).group(1)),
            'files': len(os.listdir(f'/proc/{pid}/fd')), 'cpu_s': cpu_s(pid),
            'worker_s': {w['pid']: cpu_s(w['pid']) for w in now['workers'] if w['pid']},
            'viewers': sum(v['connected'] for v in now['viewers'])}


def watch(soak, samples):
    begin = time.monotonic()
    while time.monotonic() < begin + soak.options.seconds:
        one = sample(soak, begin) if soak.console.process.poll() is None else None
        if one:
            samples.append(one)
        else:
            soak.faults.append(f'after {time.monotonic() - begin:.0f} s the status did not come')
            if soak.console.process.poll() is not None:
                return
        time.sleep(max(0, 1 - (time.monotonic() - begin) % 1))


def run(soak):
    """The samples, and the status when all had gone."""
    works = [(viewers, i) for i in range(soak.options.viewers)] + [(listener,)]
    if not soak.options.no_peers:
        works += [(garbage,), (floods,), (slow_reader, '/api/v1/events', 'expert'),
                  (slow_reader, '/api/v1/display.png', 'operator')]
    works += [(killer,)] if soak.options.kills else []
    threads = [threading.Thread(target=w[0], args=(soak, *w[1:]), daemon=True) for w in works]
    for thread in threads:
        thread.start()
    samples, end = [], None
    watch(soak, samples)
    soak.is_over.set()
    for thread in threads:
        thread.join(30)
    for _ in range(LEAVE_S):
        end = soak.console.status()
        if end is None or not end['viewers']:
            break
        time.sleep(1)
    return samples, end


# ---- what is said -----------------------------------------------------------------------------


def pooled(soak, key):
    """All of them in order."""
    total = {}
    for lines in soak.reports:
        for line in lines:
            for age, n in line[key].items():
                total[int(age)] = total.get(int(age), 0) + n
    return sorted(total.items())


def quantiles(table):
    n, text = sum(count for _, count in table), []
    for q in (0.5, 0.95, 0.99):
        seen = 0
        for age, count in table:
            seen += count
            if seen >= q * n:
                text.append(f'p{q * 100:.0f} {age}')
                break
    return f'{", ".join(text)} ms of {n}' if n else 'none came'


def of_status(q):
    return (f'p50 {q["p50_ms"]:.1f}, p95 {q["p95_ms"]:.1f}, p99 {q["p99_ms"]:.1f} ms' if q['n']
            else 'none')


def load(samples):
    """Of each second: viewers, share of a core of the daemon and its workers."""
    rows = []
    for a, b in zip(samples, samples[1:]):
        seconds = b['at'] - a['at']
        worker = sum(s - a['worker_s'][pid] for pid, s in b['worker_s'].items()
                     if pid in a['worker_s'])
        rows.append((a['viewers'], (b['cpu_s'] - a['cpu_s']) / seconds, worker / seconds))
    return rows


def per_viewer(rows):
    """Least squares: share of a core for capture, display and encoder, and for each viewer. Without
    viewers the encoder does not run."""
    rows = [r for r in rows if r[0] > 0]
    x, y = [r[0] for r in rows], [r[1] for r in rows]
    if len(set(x)) < 2:
        return None
    slope, base = statistics.linear_regression(x, y)
    return base, slope


def thirds(samples):
    """Medians of memory in kB of the first and the last third, once it is warm."""
    warm = [s['rss_kb'] for s in samples if s['at'] >= WARM_S]
    n = len(warm) // 3
    return statistics.median(warm[:n]), statistics.median(warm[-n:])


def print_table(soak, samples, end):
    rows = load(samples)
    line = per_viewer(rows)
    print(f'daemon: {samples[-1]["rss_kb"] / 1024:.1f} MB at the end, most '
          f'{max(s["rss_kb"] for s in samples) / 1024:.1f}; threads at most '
          f'{max(s["threads"] for s in samples)}, descriptors {max(s["files"] for s in samples)}')
    print(f'cores: daemon {statistics.mean(r[1] for r in rows):.3f}, workers '
          f'{statistics.mean(r[2] for r in rows):.3f}' +
          (f'; daemon with the encoder {line[0]:.3f}, each viewer {line[1]:.4f}' if line else ''))
    answers = sorted(s['answer_ms'] for s in samples)
    print(f'status: answered within {statistics.median(answers):.0f} ms (median), at most '
          f'{answers[-1]:.0f} ms')
    print(f'viewers: {sum(s["viewers"] for s in samples) / len(samples):.1f} on average, at most '
          f'{max(s["viewers"] for s in samples)}')
    for name, n in sorted(soak.counts.items()):
        print(f'{name}: {n}')
    print(f'age of findings when they were sent: {quantiles(pooled(soak, "ages"))}')
    print(f'age of pictures when they were decoded: {quantiles(pooled(soak, "glass"))}')
    for network in end['networks'] if end else []:
        print(f'{network["name"]}: frame in to findings {of_status(network["latency"])}, ran '
              f'{network["ran"]}, late {network["skipped"]["late"]}, busy '
              f'{network["skipped"]["busy"]}, misses {network["misses"]}')
    if end:
        print(f'budget: {end["budget"]["misses"]} of {end["budget"]["frames"]} frames missed '
              f'{end["budget"]["budget_ms"]} ms; restarts '
              f'{sum(w["restarts"] for w in end["workers"])}')


def judge_video(end, fps):
    n = end['counters']
    late = abs(n['captured'] - n['displayed'])
    figures = (f'captured {n["captured"]}, displayed {n["displayed"]}, lost on the way '
               f'{n["display_lost"]}, encoded {n["encoded"]}, lost there {n["encoder_lost"]}')
    # What was captured last may be on its way, behind a queue of 16.
    return n['display_lost'] == 0 and late <= min(16, fps), figures


def judge_viewers(soak, end):
    long_ones = [lines[-1] for lines in soak.reports if lines and lines[-1]['seconds'] >= 5]
    blind = sum(line['units'] == 0 or line['findings'] == 0 for line in long_ones)
    rates = [line['units'] / line['seconds'] for line in long_ones]
    figures = (f'{len(long_ones)} stayed 5 s or more, {blind} of them saw nothing, '
               f'{min(rates, default=0):.1f} pictures/s at least, {len(end["viewers"])} left over')
    return bool(long_ones) and blind == 0 and not end['viewers'], figures


def judge_kills(soak):
    back = [ms for ms in soak.kills if ms is not None]
    missed = sum(ms > 1500 and not said for ms, said in soak.away)
    figures = (f'{len(soak.kills)} kills, findings back {len(back)} times, after '
               f'{min(back, default=0):.0f} to {max(back, default=0):.0f} ms; while a sentence '
               f'stood {len(soak.away)} times, {sum(said for _, said in soak.away)} of them marked '
               'interrupted')
    is_all = len(soak.kills) == soak.options.kills and len(back) == len(soak.kills)
    return is_all and missed == 0, figures


def verdicts(soak, samples, end, code):
    """Name, whether it is as it should be (None: not judged), figures."""
    yield 'no video frame lost', *judge_video(end, end['source']['fps'])
    if soak.options.seconds < LEAST_S:
        yield 'memory', None, f'{soak.options.seconds:.0f} s are too few, {LEAST_S} needed'
    else:
        first, last = thirds(samples)
        yield ('memory is flat', last <= first + max(GROWTH * first, GROWTH_KB),
               f'{first / 1024:.1f} MB, then {last / 1024:.1f} MB')
    yield 'viewers see and leave nothing', *judge_viewers(soak, end)
    if soak.options.kills:
        yield 'findings come back', *judge_kills(soak)
    yield ('nothing else went wrong', not soak.faults,
           '; '.join(sorted(set(soak.faults))[:5]) or 'no request failed')
    yield 'trocard ends', code == 0, f'exit {code}'


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--seconds', type=float, default=600)
    parser.add_argument('--viewers', type=int, default=10)
    parser.add_argument('--kills', type=int, default=0)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--build', default=os.path.join(ROOT, 'build'))
    parser.add_argument('--config')
    parser.add_argument('--no-peers', action='store_true',
                        help='without those that are slow or send garbage')
    options = parser.parse_args()
    if not options.config:
        subprocess.run([os.path.join(ROOT, 'scripts', 'console.sh'), '--prepare'], check=True)
        options.config = os.path.join(ROOT, 'build', 'console', 'trocard.yaml')
    return options


def main():
    options = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        console = Console(options, folder)
        if not console.wait():
            code = console.stop()
            said = read(console.log)
            print(f'FAIL start: trocard ended with {code}: {said.strip()[-1000:]}')
            return 3 if code == 3 else 1
        soak = Soak(console, options)
        soak.offer = subprocess.run(
            [os.path.join(options.build, 'tests', 'tool_console_viewer'), '--offer'], check=True,
            stdout=subprocess.PIPE).stdout
        samples, end = run(soak)
        code = console.stop()
        said = read(console.log)
    if end is None or len(samples) < 2:
        print(f'FAIL console: it does not answer any more, exit {code}: {said[-3000:]}')
        return 1
    print_table(soak, samples, end)
    rows = list(verdicts(soak, samples, end, code))
    for name, is_good, figures in rows:
        print(f'{"SKIP" if is_good is None else "PASS" if is_good else "FAIL"} {name}: {figures}')
    if code != 0:
        print(said[-3000:])
    return 1 if any(is_good is False for _, is_good, _ in rows) else 0


if __name__ == '__main__':
    sys.exit(main())
