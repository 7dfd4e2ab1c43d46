#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar bench."""
import os

import numpy

from _kit import (F32, Mismatch, emulator, equal, holds, info, main, model, need_ort, node,
                  read_json, refused, test, trocar, weight)

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
def energy_and_state_of_a_gpu():
    env = emulator()
    m = net()
    report, out = bench(m, '--device', 'cuda', env=env)
    gpu = report['gpu']
    equal(report['energy_mj'], None)  # of the processor
    # 150 W all the time; the machine may be busier now than in the runs that were timed.
    watts = gpu['energy_mj'] / report['latency_ms']['mean']
    if not 150 / 4 < watts < 150 * 4:
        raise Mismatch(f'{watts} W')
    state = {'temperature_c': 61, 'sm_mhz': 1980, 'power_w': 150}
    equal((gpu['before'], gpu['after']), (state, state))
    equal((gpu['clock_reasons'], gpu['throttled_by']), (['idle'], []))
    holds(out, 'mJ of the GPU a run', '61 to 61 degrees C', 'clock not held back')

    report, out = bench(m, '--device', 'cuda', env={**env, 'TRO_FAKE_NVML': 'hot,still'})
    gpu = report['gpu']
    equal(gpu['throttled_by'], ['power_cap', 'software_thermal'])
    equal(gpu['energy_mj'], None)
    holds(gpu['energy_missing'], 'stood still')
    holds(out, 'clock held back: power_cap, software_thermal', 'not known')


@test
def a_gpu_that_tells_nothing():
    env = emulator()
    m = net()
    for more, why in (({'TRO_FAKE_NVML': 'mute'}, 'does not tell its energy'),
                      ({'TRO_FAKE_NVML': 'other'}, 'does not measure GPU-54726f63'),
                      ({'TROCAR_NVML': '/nonexistent/libnvidia-ml.so'}, 'NVML was not found')):
        report, out = bench(m, '--device', 'cuda', env={**env, **more})
        equal(report['gpu']['energy_mj'], None)
        holds(report['gpu']['energy_missing'], why)
        equal(report['gpu'].get('clock_reasons'), None)
        holds(out, why)


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
