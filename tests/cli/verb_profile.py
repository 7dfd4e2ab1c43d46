#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar profile."""
import html.parser

import numpy

from _kit import (F32, Mismatch, emulator, equal, holds, info, main, model, node, read, read_json,
                  refused, test, trocar, weight)


def net(path='net.onnx', shape=(1, 8, 32, 32)):
    rng = numpy.random.default_rng(1)
    return model(path, [node('Conv', 'x w', 'c', name='first', pads=[1] * 4),
                        node('Relu', 'c', 'r', name='act'),
                        node('Conv', 'r v', 'd', name='second <&>', pads=[1] * 4),
                        node('Softmax', 'd', 'y', name='soft', axis=1)],
                 [info('x', F32, shape)], [info('y', F32, shape)],
                 [weight('w', rng.standard_normal((8, 8, 3, 3))),
                  weight('v', rng.standard_normal((8, 8, 3, 3)))])


def branches(path='branches.onnx'):
    """Two convolutions that do not wait for each other, and one place for their results."""
    rng = numpy.random.default_rng(2)
    return model(path, [node('Conv', 'x w', 'a', name='left', pads=[1] * 4),
                        node('Conv', 'x v', 'b', name='right', pads=[2] * 4),
                        node('Concat', 'a b', 'y', name='both', axis=1)],
                 [info('x', F32, (1, 4, 12, 12))], [info('y', F32, (1, 8, 12, 12))],
                 [weight('w', rng.standard_normal((4, 4, 3, 3))),
                  weight('v', rng.standard_normal((4, 4, 5, 5)))])


def profile(*arguments, env=None):
    out = trocar('profile', *arguments, '--runs', 5, '--json', 'p.json', env=env).out
    return read_json('p.json'), out


@test
def steps_of_an_engine():
    report, out = profile(net(), '--threads', 2)
    equal((report['threads'], report['runs']), (2, 5))
    steps = report['steps']
    equal([s['step'] for s in steps], list(range(len(steps))))
    if abs(sum(s['share'] for s in steps) - 1) > 1e-6:
        raise Mismatch('shares do not add up to one')
    if abs(sum(s['ms'] for s in steps) - report['steps_ms']) > 1e-6:
        raise Mismatch('times do not add up')
    convs = [s for s in steps if s['operator'].startswith('conv')]
    equal(len(convs), 2)
    for step in convs:
        products = 2 * 8 * 8 * 9 * 32 * 32
        if not products <= step['flops'] <= 1.02 * products:
            raise Mismatch(f'expected {products} operations, found {step["flops"]}')
        if not (step['gflops_per_s'] > 0 and 0 < step['of_peak'] < 2 and step['bytes'] > 0):
            raise Mismatch(f'{step}')
        if not 0 < step['balance'] <= 1 or not 1 <= step['threads'] <= 2:
            raise Mismatch(f'{step}')
    equal({s['node'] for s in convs}, {'first', 'second <&>'})
    if not (report['peak_gflops_per_s'] > 0 and report['peak_gbytes_per_s'] > 0):
        raise Mismatch(f'peak {report["peak_gflops_per_s"]}, {report["peak_gbytes_per_s"]}')
    holds(out, 'of peak', 'kernel', 'first', '1x8x32x32', 'measured peak')


@test
def plans_and_their_levels():
    m = net()
    trocar('build', m, '-o', 'net.plan', '--tune', 0)
    fast, _ = profile('net.plan', '--threads', 1)
    slow, _ = profile('net.plan', '--threads', 1, '--cpu', 'generic')
    names = [{s['kernel'] for s in report['steps'] if s['flops']} for report in (fast, slow)]
    for name in names[1]:
        if 'avx' in name or 'neon' in name:
            raise Mismatch(f'{name} at the level generic')
    profile(m, '--passes', 'none')
    profile(net('free.onnx', ('n', 8, 'h', 'w')), '--shapes', 'x=2x8x16x16')


@test
def traces_are_chromes():
    report, _ = profile(net(), '--threads', 2, '--trace', 't.json')
    events = read_json('t.json')['traceEvents']
    steps = [e for e in events if e['ph'] == 'X']
    equal({e['tid'] for e in steps} - {0, 1}, set(), 'threads')
    equal({e['args']['run'] for e in steps}, set(range(5)))
    equal({e['args']['step'] for e in steps}, set(range(len(report['steps']))))
    for e in steps:
        if not (e['ts'] >= 0 and e['dur'] >= 0 and e['name'] and e['args']['kernel']):
            raise Mismatch(f'{e}')
    # A thread does one thing at a time.
    for tid in (0, 1):
        own = sorted((e['ts'], e['dur']) for e in steps if e['tid'] == tid)
        for (a, length), (b, _) in zip(own, own[1:]):
            if a + length > b + 0.002:
                raise Mismatch(f'thread {tid}: {a} + {length} overlaps {b}')
    equal({e['args']['name'] for e in events if e['name'] == 'thread_name'},
          {'thread 0', 'thread 1'})


class Page(html.parser.HTMLParser):
    """Checks nesting, gathers text and what is fetched."""
    VOID = {'meta', 'br', 'img', 'line', 'path'}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text, self.links = [], [], '', []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ('src', 'href')]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise Mismatch(f'</{tag}> closes another element')

    def handle_data(self, data):
        self.text += data


@test
def pages_stand_alone():
    profile(net(), '--html', 'p.html')
    page = Page()
    page.feed(read('p.html'))
    equal(page.open, [])
    equal(page.links, [])
    equal('script' in page.tags, False)
    equal(page.tags.count('svg'), 3)
    holds(page.text, 'Roofline', 'Slowest steps', 'Kernels', 'second <&>', 'GFLOP/s')


def close(got, want, what):
    if abs(got - want) > 1e-6 * max(abs(want), 1):
        raise Mismatch(f'{what}: expected {want}, found {got}')


def check_timeline(report):
    """What holds of every run: nothing works twice in a lane, and the path's parts fill the run."""
    line, steps = report['timeline'], report['steps']
    events = line['events']
    equal({e['step'] for e in events}, {s['step'] for s in steps}, 'steps that were seen')
    equal(len(events), len(steps))
    for e in events:
        if not 0 <= e['begin_ms'] <= e['ready_ms'] <= e['end_ms'] <= line['span_ms'] + 1e-9:
            raise Mismatch(f'{e} in a run of {line["span_ms"]} ms')
    for lane in range(line['lanes']):
        own = [e for e in events if e['lane'] == lane]
        for a, b in zip(own, own[1:]):
            if b['ready_ms'] < a['end_ms']:
                raise Mismatch(f'lane {lane}: {b} begins before {a} has ended')
    close(sum(e['critical_ms'] for e in events), line['span_ms'], 'the critical path')
    for s in steps:
        own = [e for e in events if e['step'] == s['step']]
        close(s['run_ms'], sum(e['end_ms'] - e['ready_ms'] for e in own), 'time in the run')
        close(s['critical_ms'], sum(e['critical_ms'] for e in own), 'share of the path')
    # Where three work at once this is a bound only; here there are two at most.
    close(sum(s['run_ms'] for s in steps), line['busy_ms'] + line['overlap_ms'], 'work')
    return events


@test
def a_run_on_a_gpu():
    env = emulator()
    report, out = profile(branches(), '--device', 'cuda', '--html', 'p.html', '--trace', 't.json',
                          env=env)
    events = check_timeline(report)
    line = report['timeline']
    # The emulated device does one thing at a time, so that every kernel is on the path.
    equal((line['lanes'], line['overlap_ms']), (1, 0))
    equal([e['step'] for e in events if e['critical_ms'] == 0], [])
    if not 0 < line['busy_ms'] <= line['span_ms'] or not line['traced_ms'] > 0:
        raise Mismatch(f'{line}')
    equal(report['runs'], line['runs'])
    holds(out, 'in a run: ', 'no kernel works', 'critical')
    page = Page()
    page.feed(read('p.html'))
    equal((page.open, page.tags.count('svg')), ([], 3))
    holds(page.text, 'critical path', 'in run', 'By its clocks')
    shown = [e for e in read_json('t.json')['traceEvents'] if e['ph'] == 'X' and e['pid'] == 2]
    equal([e['args']['step'] for e in shown], [e['step'] for e in events])


@test
def kernels_that_overlap():
    report, _ = profile(branches(), '--device', 'cuda',
                        env={**emulator(), 'TRO_FAKE_CUPTI': 'overlap'})
    events = check_timeline(report)
    equal(report['timeline']['lanes'], 2)
    if not report['timeline']['overlap_ms'] > 0:
        raise Mismatch(f'{report["timeline"]}')
    # Whoever needs the results of others works when they are there.
    last = events[-1]
    close(last['ready_ms'], max(e['end_ms'] for e in events[:-1]), 'begin of the last')


@test
def why_there_is_no_time_line():
    env = emulator()
    m = branches()
    for more, why in (({'TRO_FAKE_CUPTI': 'busy'}, 'MULTIPLE_SUBSCRIBERS'),
                      ({'TRO_FAKE_CUPTI': 'blind'}, 'CUPTI saw no kernel'),
                      ({'TROCAR_CUPTI': '/nonexistent/libcupti.so'}, 'CUPTI was not found')):
        report, out = profile(m, '--device', 'cuda', '--html', 'p.html', env={**env, **more})
        equal(report['timeline'], None)
        holds(report['timeline_missing'], why)
        equal({s['run_ms'] for s in report['steps']}, {None})
        holds(out, 'steps are timed alone', why)
        holds(read('p.html'), 'no time line of a run', why)


@test
def wrong_use_is_refused():
    m = net()
    refused('profile', 'ref:' + m, says='reference kernels')
    refused('profile', m, '--trace', 'no/where.json', says='no/where.json')
    refused('profile', 'nothing.plan', says='nothing.plan')
    refused('profile', m, m, says='profile')
    holds(trocar('profile', '--help').out, '--trace', '--html')


main()
