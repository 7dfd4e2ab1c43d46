#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plans for GPUs, built where there is none."""
import json
import os

import numpy

from _kit import (F32, Mismatch, Skip, emulator, equal, holds, info, main, model, node, read_json,
                  refused, test, trocar, weight)

NO_GPU = {'TROCAR_CUDA_DRIVER': '/nonexistent/libcuda.so'}
NO_NVRTC = {'TROCAR_NVRTC': '/nonexistent/libnvrtc.so'}


def net(path='net.onnx', n=1):
    rng = numpy.random.default_rng(3)
    return model(path, [node('Conv', 'x w', 'c', name='conv', pads=[1] * 4),
                        node('Relu', 'c', 'r', name='relu'),
                        node('GlobalAveragePool', 'r', 'p', name='pool'),
                        node('Flatten', 'p', 'f', name='flatten'),
                        node('Gemm', 'f g', 'y', name='head')],
                 [info('x', F32, [n, 8, 12, 12])], [info('y', F32, [n, 5])],
                 [weight('w', rng.standard_normal((16, 8, 3, 3)) * 0.3),
                  weight('g', rng.standard_normal((16, 5)))])


def build(m, plan, *arguments):
    result = trocar('build', m, '-o', plan, '--tune', 0, '--json', 'b.json', *arguments)
    return read_json('b.json'), result


def need_nvrtc():
    trocar('build', net('probe.onnx'), '-o', 'cpu.plan', '--tune', 0)
    try:
        trocar('build', 'probe.onnx', '-o', 'probe.plan', '--tune', 0, '--device', 'sm_80')
    except Mismatch as e:
        if 'NVRTC was not found' in str(e):
            raise Skip('NVRTC is not there') from e
        raise


def code_of(report):
    return {(c['kind'], c['arch']): c for c in report['code']}


@test
def kernels_of_each_target_are_in_the_plan():
    need_nvrtc()
    for precision in ('fp32', 'fp16'):
        report, _ = build(net(), 'net.plan', '--device', 'cpu,sm_87,sm_80,sm_90a', '--precision',
                          precision)
        equal(report['precision'], precision)
        equal([t['arch'] for t in report['targets']], [80, 87, 90])
        code = code_of(report)
        equal(sorted(code), [('cubin', 80), ('cubin', 87), ('cubin', 90), ('ptx', 80)])
        data = open('net.plan', 'rb').read()
        if data.count(b'\x7fELF') < code['cubin', 80]['kernels']:
            raise Mismatch('expected machine code, found too few pieces that begin as ELF')
        holds(data.decode('latin1'), '.target sm_80')
        trocar('verify', 'net.plan')
        trocar('compare', 'ref:net.onnx', 'net.plan', '--rtol', 1e-4)
    out = trocar('inspect', 'net.plan').out
    holds(out, 'precision  ', 'fp16', 'built for', 'sm_87, 16 multiprocessors', 'Machine code',
          'compute_80')


@test
def architectures_compile():
    need_nvrtc()
    for arch in (80, 86, 87, 89, 90, 100):
        report, _ = build(net(), 'net.plan', '--device', f'sm_{arch}', '--precision', 'fp16')
        equal(sorted(code_of(report)), [('cubin', arch), ('ptx', arch)])


@test
def equal_builds_are_equal_bytes():
    need_nvrtc()
    m = net()
    for plan in ('a.plan', 'b.plan'):
        build(m, plan, '--device', 'sm_80,sm_90', '--precision', 'fp16')
    equal(open('a.plan', 'rb').read() == open('b.plan', 'rb').read(), True, 'equal bytes')


@test
def all_sizes_of_a_profile_are_compiled_for():
    need_nvrtc()
    m = net('free.onnx', 'n')
    _, result = build(m, 'free.plan', '--device', 'sm_80')
    holds(result.err, 'sizes of inputs are free')
    report, result = build(m, 'net.plan', '--device', 'sm_80', '--shapes',
                           'x=1x8x12x12:4x8x12x12:16x8x12x12', '--bucket', 'x=2x8x12x12')
    if not report['code'] or 'sizes of inputs are free' in result.err:
        raise Mismatch('no kernels for a profile')


@test
def plans_bring_all_code_that_sessions_need():
    env = emulator()
    m = net('free.onnx', 'n')
    for precision, devices in (('fp32', 'cpu,cuda'), ('fp16', 'sm_80,sm_90'), ('fp16', 'sm_80')):
        trocar('build', m, '-o', 'net.plan', '--tune', 0, '--device', devices, '--precision',
               precision, '--shapes', 'x=1x8x12x12:2x8x12x12:3x8x12x12', env=env)
        no_compiler = {**env, **NO_NVRTC}
        result = trocar('verify', 'net.plan', '--device', 'cuda', env=no_compiler)
        holds(result.out, 'pass')
        result = trocar('bench', 'net.plan', '--device', 'cuda:0', '--duration', 0.1, '--json',
                        'b.json', env=no_compiler)
        report = read_json('b.json')
        equal((report['device'], report['precision']), ('cuda:0', precision))
        equal((report['gpu']['kernels_compiled'], report['gpu']['host_steps']), (0, 0))
        equal('untuned' in result.err, devices == 'sm_80', 'untuned')


@test
def models_are_built_in_memory_for_a_gpu():
    env = emulator()
    m = net()
    for precision in ('fp32', 'fp16'):
        trocar('compare', 'ref:' + m, m, '--device', 'cuda', '--precision', precision, '--json',
               'c.json', env=env)
    refused('compare', 'ref:' + m, m, '--device', 'cuda', '--precision', 'fp8', env=env,
            says="'fp8'")
    refused('run', m, '--device', 'cuda:9', env=env, code=3, says='9')
    refused('run', m, '--device', 'cuda', env=NO_GPU, code=3, says="driver's library")


@test
def narrow_precisions_look_at_ranges():
    m = net()
    holds(trocar('build', m, '-o', 'y.plan', '--precision', 'fp16').err, 'golden inputs only')
    holds(trocar('build', m, '-o', 'y.plan', '--precision', 'bf16').err, 'golden inputs only')
    equal(trocar('build', m, '-o', 'y.plan', '--precision', 'tf32').err, '')
    holds(trocar('build', m, '-o', 'y.plan', '--precision', 'fp16', '--golden', 0).err,
          'not checked')
    os.remove('y.plan')
    big = model('big.onnx', [node('Mul', 'x big', 'a', name='enlarge'),
                             node('Softmax', 'a', 'b', name='softmax'),
                             node('Neg', 'b', 'y', name='last')],
                [info('x', F32, [4, 8])], [info('y', F32, [4, 8])], [weight('big', 1e6)])
    refused('build', big, '-o', 'y.plan', '--precision', 'fp16',
            says=["node 'enlarge'", "value 'a'", '65504', 'bf16'])
    equal(os.path.exists('y.plan'), False, 'a plan is left behind')
    trocar('build', big, '-o', 'y.plan', '--precision', 'fp16', '--fp32-first', 1)
    trocar('build', big, '-o', 'y.plan', '--precision', 'bf16')
    equal(read_plan_precision('y.plan'), 'bf16')


def read_plan_precision(plan):
    trocar('inspect', plan, '--json', 'i.json')
    return read_json('i.json')['precision']


@test
def what_the_machine_lacks_is_said():
    m = net()
    for device in ('cuda', 'cuda:0', 'cpu,cuda:1'):
        refused('build', m, '-o', 'y.plan', '--device', device, code=3, env=NO_GPU,
                says=['CUDA', "driver's library"])
    refused('build', m, '-o', 'y.plan', '--device', 'sm_80', code=3, env=NO_NVRTC,
            says=['NVRTC was not found', 'TROCAR_NVRTC'])
    for device in ('sm_75', 'sm_', 'sm_8x', 'cuda:', 'cuda:x', 'cpu,', '', 'sm_1000'):
        refused('build', m, '-o', 'y.plan', '--device', device, says='device: expected')
    refused('build', m, '-o', 'y.plan', '--precision', 'int4', says=['fp32, tf32, fp16 or bf16'])
    equal(os.path.exists('y.plan'), False, 'a plan is left behind')
    trocar('build', m, '-o', 'y.plan', '--tune', 0, env={**NO_GPU, **NO_NVRTC})


RECORD = {'outputs': {'y': {'decode': 'boxes', 'layout': 'rows', 'boxes': 'corners',
                            'names': ['grasper', 'scissors']},
                      'h': {'decode': 'peaks', 'names': ['tip', 'hinge']}}}


@test
def detections_of_a_record():
    """Printed with their names, from the CPU and, numbers that f16 holds, from a GPU."""
    env = emulator()
    m = model('d.onnx', [node('Neg', 'x', 'y', name='boxes'), node('Neg', 'z', 'h', name='maps')],
              [info('x', F32, [1, 3, 6]), info('z', F32, [1, 2, 4, 4])],
              [info('y', F32, [1, 3, 6]), info('h', F32, [1, 2, 4, 4])])
    with open('d.json', 'w', encoding='utf-8') as f:
        json.dump(RECORD, f)
    boxes = -numpy.array([[0, 0, 8, 8, .5, .25], [0, 0, 8, 6, .75, 0], [20, 10, 30, 20, 0, .5]])
    maps = numpy.zeros((1, 2, 4, 4))
    maps[0, 1, 2, 1] = -8
    numpy.save('x.npy', boxes.astype(numpy.float32)[None])
    numpy.save('z.npy', maps.astype(numpy.float32))
    for device, precision in (('cpu', 'fp32'), ('sm_90', 'fp16')):
        trocar('build', m, '-o', 'd.plan', '--tune', 0, '--record', 'd.json', '--device', device,
               '--precision', precision, env=env)
        out = trocar('run', 'd.plan', '-i', 'x.npy', '-i', 'z.npy', '--device',
                     'cpu' if device == 'cpu' else 'cuda', env=env).out
        holds(out, ' grasper   0.750   0.0   0.0   8.0   6.0\n',
              ' scissors  0.500  20.0  10.0  30.0  20.0\n',
              ' scissors  0.250   0.0   0.0   8.0   8.0\n', ' hinge   8.000  1.0  2.0\n')
    holds(trocar('verify', 'd.plan', '--device', 'cuda', env=env).out, 'pass: ')


@test
def detections_may_change_places_at_fp16():
    """Scores that f16 does not tell apart, of boxes in two corners."""
    env = emulator()
    n = 400
    m = model('t.onnx', [node('Neg', 'x', 's', name='scores'),
                         node('Add', 's b', 'y', name='boxes')],
              [info('x', F32, [1, n, 5])], [info('y', F32, [1, n, 5])],
              [weight('b', numpy.concatenate([numpy.arange(4 * n).reshape(1, n, 4) * 30,
                                              numpy.zeros((1, n, 1))], 2))])
    with open('t.json', 'w', encoding='utf-8') as f:
        json.dump({'outputs': {'y': {'decode': 'boxes', 'layout': 'rows', 'boxes': 'corners',
                                     'max': n, 'score_threshold': 0}}}, f)
    trocar('build', m, '-o', 't.plan', '--tune', 0, '--record', 't.json', '--device', 'sm_90',
           '--precision', 'fp16', env=env)
    holds(trocar('verify', 't.plan', '--device', 'cuda', env=env).out, 'pass: ',
          'chosen otherwise')
    trocar('verify', 't.plan')


main()
