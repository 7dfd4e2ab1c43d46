#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar bench."""
import os

import numpy

from _kit import (F32, Mismatch, equal, holds, info, main, model, need_ort, node, read_json,
                  refused, test, trocar, weight)

LATENCY = ['min', 'mean', 'p50', 'p90', 'p95', 'p99', 'p999', 'max', 'tail', 'flatness']
FIELDS = ['latency_ms', 'throughput_hz', 'peak_bytes', 'energy_mj', 'device', 'precision',
          'engine_hash']


def net(path='net.onnx', shape=(1, 4, 16, 16)):
    w = numpy.random.default_rng(1).standard_normal((4, 4, 3, 3))
    return model(path, [node('Conv', 'x w', 'c', pads=[1] * 4), node('Relu', 'c', 'y')],
                 [info('x', F32, shape)], [info('y', F32, shape)], [weight('w', w)])


def bench(*arguments, env=None):
    out = trocar('bench', *arguments, '--duration', 0.3, '--json', 'b.json', env=env).out
    return read_json('b.json'), out


def check_latency(side):
    ms = side['latency_ms']
    equal(sorted(ms), sorted(LATENCY))
    order = [ms[k] for k in ('min', 'p50', 'p90', 'p95', 'p99', 'p999', 'max')]
    if not (order[0] > 0 and order == sorted(order) and ms['min'] <= ms['mean'] <= ms['max']):
        raise Mismatch(f'latency {ms}')
    equal(round(ms['tail'] - (ms['max'] - ms['p95']), 9), 0)
    if not 0 <= ms['flatness'] <= ms['p90'] - ms['min']:
        raise Mismatch(f'flatness {ms}')


@test
def json_of_the_contract():
    report, out = bench(net())
    equal([k for k in FIELDS if k not in report], [], 'fields that are missing')
    check_latency(report)
    equal((report['device'], report['precision'], report['energy_mj']), ('cpu', 'fp32', None))
    equal(len(report['engine_hash']), 16)
    # One stream: as many runs a second as their mean lets there be.
    rate = report['throughput_hz'] * report['latency_ms']['mean'] / 1000
    if not 0.3 < rate <= 1.01:
        raise Mismatch(f'throughput is {rate} of what the mean latency gives')
    if not report['runs'] >= 3 or not report['peak_bytes'] > 4 * 4 * 16 * 16:
        raise Mismatch(f'{report["runs"]} runs, {report["peak_bytes"]} bytes')
    holds(out, 'side', 'p99.9', 'net.onnx', '#')


@test
def several_sides_take_turns():
    m = net()
    trocar('build', m, '-o', 'net.plan', '--tune', 0)
    report, out = bench('ref:' + m, m, 'net.plan')
    equal([s['side'] for s in report['sides']], ['ref:' + m, m, 'net.plan'])
    equal([s['kind'] for s in report['sides']], ['ref', 'engine', 'engine'])
    equal([s['device'] for s in report['sides']], ['ref', 'cpu', 'cpu'])
    for side in report['sides']:
        check_latency(side)
        want = report['latency_ms']['p50'] / side['latency_ms']['p50']
        equal(round(side['speed'] - want, 6), 0)
    equal(report['engine_hash'], None)
    holds(out, 'speed', '1.00x', 'net.plan: ms, runs')


@test
def onnx_runtime_is_a_side():
    need_ort()
    m = net()
    report, _ = bench(m, 'ort:' + m)
    equal([s['kind'] for s in report['sides']], ['engine', 'ort'])
    check_latency(report['sides'][1])
    equal(report['sides'][1]['engine_hash'], None)


@test
def streams_run_at_the_same_time():
    report, _ = bench(net(), '--streams', 3, '--threads', 1)
    equal(report['streams'], 3)
    one, _ = bench('net.onnx', '--threads', 1)
    if not report['peak_bytes'] > one['peak_bytes']:
        raise Mismatch('three streams take no more memory than one')
    if not report['peak_bytes'] < 3 * one['peak_bytes']:
        raise Mismatch('weights are not shared by streams')


@test
def idle_gaps_come_before_runs():
    report, _ = bench(net(), '--idle', 20)
    if not report['runs'] <= 0.3 / 0.020 + 1 or not report['throughput_hz'] <= 50:
        raise Mismatch(f'{report["runs"]} runs, {report["throughput_hz"]} a second')
    if not report['latency_ms']['p50'] < 20:
        raise Mismatch('the rest counts as latency')


@test
def energy_of_the_machine():
    folder = os.path.abspath('power/intel-rapl:0')
    os.makedirs(folder)
    for name, value in (('energy_uj', 5), ('max_energy_range_uj', 1000)):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
            f.write(f'{value}\n')
    report, _ = bench(net(), env={'TROCAR_POWERCAP': os.path.abspath('power')})
    equal(report['energy_mj'], 0)


@test
def shapes_and_free_sizes():
    m = net('free.onnx', ('n', 4, 'h', 'w'))
    small, _ = bench(m)
    large, _ = bench(m, '--shapes', 'x=2x4x64x64')
    if not large['peak_bytes'] > 16 * small['peak_bytes'] / 10 + 4 * 2 * 4 * 64 * 64:
        raise Mismatch(f'{small["peak_bytes"]} and {large["peak_bytes"]} bytes')
    bench(m, '--shapes', 'x=1x4x70x40', '--tile', '32:4')
    trocar('build', m, '-o', 'p.plan', '--tune', 0, '--shapes', 'x=1x4x8x8:1x4x16x16:1x4x32x32')
    bench('p.plan')
    refused('bench', 'p.plan', '--shapes', 'x=1x4x64x64', says="'x'")


@test
def wrong_use_is_refused():
    m = net()
    refused('bench', says='bench')
    refused('bench', m, '--duration', 0, says='--duration')
    refused('bench', m, '--streams', 0, says='--streams')
    refused('bench', m, '--device', 'tpu', says='tpu')
    refused('bench', 'nothing.onnx', says='nothing.onnx')
    os.mkdir('folder')
    refused('bench', 'folder', says='folder')
    refused('bench', m, '--tile', '8', says=['--tile', 'SIZE:OVERLAP'])
    holds(trocar('bench', '--help').out, 'usage: trocar bench', '--streams')


main()
