#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar verify."""
import numpy

from _kit import (F32, I64, Mismatch, equal, holds, info, main, model, node, read_json, refused,
                  test, trocar, weight)


def net(path='net.onnx'):
    w = numpy.random.default_rng(1).standard_normal((6, 3, 3, 3))
    return model(path, [node('Conv', 'x w', 'y', pads=[1] * 4),
                        node('ArgMax', 'y', 'label', axis=1)],
                 [info('x', F32, [1, 3, 9, 9])],
                 [info('y', F32, [1, 6, 9, 9]), info('label', I64, [1, 1, 9, 9])],
                 [weight('w', w)])


def build(m, *arguments):
    trocar('build', m, '-o', 'net.plan', '--tune', 0, *arguments)


@test
def golden_samples_pass():
    build(net(), '--golden', 3)
    out = trocar('verify', 'net.plan', '--json', 'v.json').out
    holds(out, 'pass: 6 of 6 outputs of 3 golden samples')
    report = read_json('v.json')
    equal((report['pass'], report['samples'], report['outputs']), (True, 3, 6))
    if not 0 <= report['worst']['error_over_allowed'] <= 1:
        raise Mismatch(f'{report["worst"]}')
    for extra in (['--cpu', 'generic'], ['--threads', 1], ['--device', 'ref']):
        trocar('verify', 'net.plan', *extra)


@test
def what_float32_cannot_fails():
    """1e8 x - 1e8 x + x: the reference adds in double precision, an engine does not."""
    m = model('cancel.onnx', [node('Concat', 'x x x', 'xxx', axis=1),
                              node('MatMul', 'xxx w', 'y')],
              [info('x', F32, [4, 1])], [info('y', F32, [4, 1])],
              [weight('w', [[1e8], [-1e8], [1]])])
    build(m)
    out = trocar('verify', 'net.plan', '--json', 'v.json', code=1).out
    holds(out, 'FAIL: 0 of 1')
    report = read_json('v.json')
    equal((report['pass'], report['worst']['output']), (False, 'y'))


@test
def wrong_use_is_refused():
    m = net()
    refused('verify', m, says=[m, 'expected a plan'])
    refused('verify', 'nothing.plan', says='nothing.plan')
    build(m, '--golden', 0)
    refused('verify', 'net.plan', says=['golden', 'none'])
    build(m)
    refused('verify', 'net.plan', '--cpu', 'sse9', says="'sse9'")
    refused('verify', 'net.plan', '--device', 'tpu', says='tpu')
    holds(trocar('verify', '--help').out, 'usage: trocar verify')


main()
