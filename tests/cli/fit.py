#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Do values fit 16 bits on the user's data? Networks with planted faults."""
import os

import numpy

from _kit import (F32, Mismatch, emulator, equal, holds, info, main, model, node, read_json,
                  refused, test, trocar, weight)

N_SAMPLES = 20
ODD = 13  # the sample that shows the fault
SHAPE = [1, 8, 6, 6]


def lacks(text, *parts):
    for part in parts:
        if part in text:
            raise Mismatch(f'expected no {part!r} in {text!r}')


def samples(folder, change=None, shape=None):
    """Noise below 1, sample ODD changed."""
    rng = numpy.random.default_rng(7)
    os.makedirs(folder, exist_ok=True)
    for i in range(N_SAMPLES):
        x = rng.uniform(-1, 1, shape or SHAPE).astype(numpy.float32)
        if change and i == ODD:
            x = numpy.asarray(change(x), numpy.float32)
        numpy.save(os.path.join(folder, f's{i:02}.npy'), x)
    return folder


def build(m, plan, *arguments, precision='fp16', **more):
    return trocar('build', m, '-o', plan, '--tune', 0, '--precision', precision, *arguments, **more)


def net(path='net.onnx', gain=1.0, n=1):
    """Two convolutions; each result of the first is the sum of two inputs."""
    first = numpy.zeros((8, 8, 1, 1))
    for i in range(8):
        first[i, i], first[i, (i + 1) % 8] = gain, gain
    second = numpy.random.default_rng(3).standard_normal((4, 8, 3, 3)) * 1e-3
    return model(path, [node('Conv', 'x a', 'c', name='first'),
                        node('Relu', 'c', 'r', name='relu'),
                        node('Conv', 'r b', 'd', name='second', pads=[1] * 4),
                        node('Neg', 'd', 'y', name='last')],
                 [info('x', F32, [n, *SHAPE[1:]])], [info('y', F32, [n, 4, 6, 6])],
                 [weight('a', first), weight('b', second)])


def pointwise(path, nodes, weights=()):
    """A row of nodes from x to y, softmax between so that they are not one step."""
    return model(path, nodes, [info('x', F32, [4, 8])], [info('y', F32, [4, 8])], weights)


def loud(x):
    return numpy.full_like(x, 35000)


def run(plan, sample, device, env):
    trocar('run', plan, '-i', sample, '--device', device, '-o', 'out', env=env)
    return numpy.load('out/output_0.npy')


@test
def overflow_of_one_sample():
    m = net()
    holds(build(m, 'noise.plan').err, 'golden inputs only')
    result = refused('build', m, '-o', 'net.plan', '--tune', 0, '--precision', 'fp16', '--calib',
                     samples('data', loud),
                     says=["layer 'first'", "value 'r'", '70000', "'s13.npy'", '65504',
                           '--fp32-layers auto', '--fp32-first', 'bf16'])
    lacks(result.err, 'golden inputs')
    equal(os.path.exists('net.plan'), False, 'a plan is left behind')
    quiet = build(m, 'net.plan', '--calib', samples('quiet'))
    equal(quiet.err, '')
    holds(quiet.out, 'fp16: ', ' 20 samples', '% of what fp16 holds')


@test
def sizes_that_are_free():
    m = net('free.onnx', n='n')
    data = samples('data', loud)
    for shapes in ((), ('--shapes', 'x=1x8x6x6:2x8x6x6:4x8x6x6'), ('--passes', 'all,-fuse'),
                   ('--passes', 'none'), ('--passes', 'fold,fuse,dce'), ('--passes', 'fuse')):
        refused('build', m, '-o', 'net.plan', '--precision', 'fp16', '--calib', data, *shapes,
                says=["layer 'first'", '70000', "'s13.npy'"])


@test
def margin_of_a_half():
    result = build(net(), 'net.plan', '--json', 'b.json', '--calib',
                   samples('data', lambda x: loud(x) / 2))
    value = next(v for v in read_json('b.json')['fit']['values'] if v['value'] == 'r')
    equal((value['layer'], value['peak'], value['peak_sample'], value['is_weight']),
          ('first', 35000, 's13.npy', False))
    holds(result.err, "value 'r' reaches 35000", "'s13.npy'", 'more than half')


@test
def layers_that_overflow_stay_wide():
    env = emulator()
    m, data = net(), samples('data', loud)
    build(m, 'narrow.plan', '--device', 'sm_90', env=env)
    result = build(m, 'wide.plan', '--device', 'sm_90', '--calib', data, '--fp32-layers', 'auto',
                   '--json', 'b.json', env=env)
    holds(result.err, "value 'r' reaches 70000", '2 layers stay at fp32: r,y')
    fit = read_json('b.json')['fit']
    equal((fit['samples'], fit['fp32_layers'], fit['values']), (N_SAMPLES, ['r', 'y'], []))
    build(m, 'named.plan', '--device', 'sm_90', '--fp32-layers', 'first,second', env=env)
    trocar('inspect', 'wide.plan', '--json', 'i.json')
    holds(trocar('inspect', 'wide.plan').out, 'fp16, 2 nodes fp32')
    equal(read_json('i.json')['precision'], 'fp16')
    sample = f'data/s{ODD}.npy'
    want = run('wide.plan', sample, 'cpu', env)
    for plan, is_right in (('narrow', False), ('wide', True), ('named', True)):
        got = run(f'{plan}.plan', sample, 'cuda', env)
        found = bool(numpy.isfinite(got).all()
                     and numpy.abs(got - want).max() < 1e-5 * numpy.abs(want).max())
        equal(found, is_right, f'{plan}: as on the CPU')


@test
def wide_islands():
    """Any layers wide among narrow ones, into concatenations and out of them."""
    env = emulator()
    rng = numpy.random.default_rng(5)
    m = model('c.onnx', [node('Conv', 'x a', 'p', name='p', pads=[1] * 4),
                         node('Conv', 'x b', 'q', name='q', pads=[1] * 4),
                         node('Concat', 'p q', 'c', name='c', axis=1),
                         node('Conv', 'c d', 'e', name='e'),
                         node('Softmax', 'e', 's', name='s', axis=1),
                         node('Conv', 's f', 'g', name='g'),
                         node('Add', 'g q', 'h', name='h'),
                         node('ReduceMean', 'h', 'y', name='y', axes=[2, 3])],
              [info('x', F32, SHAPE)], [info('y', F32, [1, 8, 1, 1])],
              [weight('a', rng.standard_normal((8, 8, 3, 3)) * .2),
               weight('b', rng.standard_normal((8, 8, 3, 3)) * .2),
               weight('d', rng.standard_normal((8, 16, 1, 1)) * .3),
               weight('f', rng.standard_normal((8, 8, 1, 1)))])
    samples('data')
    for layers in ('p', 'q', 'c', 'e', 's', 'g', 'p,c', 'q,e', 'c,s', 'p,q,c,e,s,g'):
        build(m, 'w.plan', '--device', 'sm_90', '--fp32-layers', layers, env=env)
        want, got = (run('w.plan', 'data/s00.npy', device, env) for device in ('cpu', 'cuda'))
        error = numpy.abs(got - want).max() / numpy.abs(want).max()
        if not error < 5e-3:
            raise Mismatch(f'{layers} wide: error {error}')


@test
def not_a_number():
    m = pointwise('n.onnx', [node('Sqrt', 'x', 'a', name='root'),
                             node('Softmax', 'a', 'b', name='softmax'),
                             node('Neg', 'b', 'y', name='last')])
    data = samples('data', lambda x: -x, [4, 8])
    for name in os.listdir(data):
        path = os.path.join(data, name)
        numpy.save(path, numpy.abs(numpy.load(path)) * (-1 if name == f's{ODD}.npy' else 1))
    for precision in ('fp16', 'bf16'):
        refused('build', m, '-o', 'n.plan', '--precision', precision, '--calib', data,
                says=["layer 'root'", "value 'a'", 'NaN', "'s13.npy'"])


@test
def infinity():
    m = pointwise('n.onnx', [node('Exp', 'x', 'a', name='power'),
                             node('Softmax', 'a', 'b', name='softmax'),
                             node('Neg', 'b', 'y', name='last')])
    refused('build', m, '-o', 'n.plan', '--precision', 'fp16', '--calib',
            samples('data', lambda x: x + 100, [4, 8]),
            says=["layer 'power'", "value 'a'", 'infinite', "'s13.npy'"])


@test
def small_values_vanish():
    m = pointwise('n.onnx', [node('Mul', 'x tiny', 'a', name='shrink'),
                             node('MatMul', 'a w', 'b', name='product'),
                             node('Neg', 'b', 'y', name='last')],
                  [weight('tiny', 1e-9), weight('w', numpy.eye(8) * 1e9)])
    data = samples('data', shape=[4, 8])
    result = refused('build', m, '-o', 'n.plan', '--precision', 'fp16', '--calib', data,
                     says=["layer 'product'", "weights 'w'", '1e+09'])
    holds(result.err, "layer 'shrink': value 'a' is small and loses 100 % at fp16", 'become 0')
    m = pointwise('n.onnx', [node('Mul', 'x tiny', 'a', name='shrink'),
                             node('MatMul', 'a w', 'b', name='product'),
                             node('Sigmoid', 'b', 'y', name='last')],
                  [weight('tiny', 1e-9), weight('w', numpy.eye(8))])
    result = build(m, 'n.plan', '--calib', data)
    holds(result.err, "layer 'shrink': value 'a' is small and loses 100 % at fp16", 'become 0')
    equal(build(m, 'n.plan', '--calib', data, precision='bf16').err, '')
    lacks(build(m, 'n.plan', '--calib', data, '--fp32-layers', 'shrink,product').err, "'a'")


@test
def small_weights_vanish():
    result = build(net(gain=1e-9), 'net.plan', '--calib', samples('data'))
    holds(result.err, "layer 'first': weights", 'are small and lose 100 % at fp16')
    equal(build(net(), 'net.plan', '--calib', 'data').err, '')


@test
def tails_beside_large_values_are_fine():
    """Most elements of a steep softmax become 0, and nothing is lost by it."""
    m = pointwise('n.onnx', [node('Mul', 'x steep', 'a', name='steepen'),
                             node('Softmax', 'a', 'b', name='softmax'),
                             node('MatMul', 'b w', 'c', name='product'),
                             node('Neg', 'c', 'y', name='last')],
                  [weight('steep', 100.), weight('w', numpy.eye(8))])
    equal(build(m, 'n.plan', '--calib', samples('data', shape=[4, 8])).err, '')


@test
def large_means():
    m = pointwise('n.onnx', [node('Add', 'x offset', 'a', name='lift'),
                             node('Softmax', 'a', 'b', name='softmax'),
                             node('Neg', 'b', 'y', name='last')], [weight('offset', 20.)])
    data = samples('data', shape=[4, 8])
    holds(build(m, 'n.plan', '--calib', data, precision='bf16').err,
          "layer 'lift': value 'a' loses", 'strays from its mean')
    result = build(m, 'n.plan', '--calib', data)
    equal(result.err, '')
    holds(build(m, 'n.plan', '--calib', data, precision='bf16').out, 'bf16 has the range of fp32')


@test
def what_the_options_want():
    m = net()
    refused('build', m, '-o', 'n.plan', '--calib', samples('data'), says='int8, fp16 or bf16')
    refused('build', m, '-o', 'n.plan', '--fp32-layers', 'first', says='fp16 or bf16')
    refused('build', m, '-o', 'n.plan', '--precision', 'fp16', '--fp32-layers', 'auto',
            says='--calib')
    refused('build', m, '-o', 'n.plan', '--precision', 'fp16', '--fp32-layers', 'first,third',
            says="'third'")
    os.mkdir('empty')
    refused('build', m, '-o', 'n.plan', '--precision', 'fp16', '--calib', 'empty', says='empty')
    equal(os.path.exists('n.plan'), False, 'a plan is left behind')


main()
