#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar compare."""
import os

import numpy

from _kit import (F16, F32, I64, U8, Mismatch, equal, expect_text, holds, info, main, model,
                  need_ort, node, read_json, refused, tensor, test, trocar, weight, without_times,
                  write)


def affine(path, factor=2, names=('x', 'y', 'z'), shape=(2, 3)):
    """y = factor * x, z = y + 1."""
    x, y, z = names
    return model(path, [node('Mul', f'{x} factor', y, name='scale'),
                        node('Add', f'{y} one', z, name='shift')],
                 [info(x, F32, shape)], [info(y, F32, shape), info(z, F32, shape)],
                 [weight('factor', factor), weight('one', 1)])


def x_file():
    return tensor('x.npy', [[1, 2, 3], [4, 5, 6]])


def checks(*arguments, code=0):
    """The records of a comparison by side and output."""
    trocar('compare', *arguments, '--json', 'c.json', code=code)
    report = read_json('c.json')
    equal(report['pass'], code == 0, 'pass')
    return {(c['side'], c['output']): c for c in report['checks']}


# ---- verdict and report --------------------------------------------------------------------


@test
def equal_models_pass():
    a, b = affine('a.onnx'), affine('b.onnx')
    result = trocar('compare', a, b, '-i', x_file())
    expect_text('compare_equal.txt', without_times(result.out))


@test
def different_models_fail():
    a, b = affine('a.onnx'), affine('b.onnx', 2.5)
    result = trocar('compare', a, b, '-i', x_file(), code=1)
    expect_text('compare_different.txt', without_times(result.out))


@test
def json_names_the_worst():
    a, b = affine('a.onnx'), affine('b.onnx', 2.5)
    found = checks(a, b, '-i', x_file(), code=1)
    y = found['b.onnx', 'y']
    equal((y['pass'], y['same_form'], y['elements'], y['elements_beyond_tolerance']),
          (False, True, 6, 6))
    equal((y['max_abs_error'], y['max_relative_error']), (3, 3 / 12))
    equal(y['rmse'], (0.25 * sum(i * i for i in range(1, 7)) / 6) ** 0.5)
    equal(y['worst'], {'sample': 'sample 0', 'index': '[1,2]', 'expected': 12, 'got': 15})
    report = read_json('c.json')
    equal((report['worst']['output'], report['worst']['side']), ('y', 'b.onnx'))
    equal([s['side'] for s in report['sides']], [a, b])
    for side in report['sides']:
        equal(side['energy_mj'], None)
        if not 0 < side['latency_ms']['min'] <= side['latency_ms']['p50']:
            raise Mismatch(f'latency {side["latency_ms"]}')


@test
def several_sides_against_the_first():
    a, b, c = affine('a.onnx'), affine('b.onnx', 2.5), affine('c.onnx')
    found = checks(a, b, 'ref:' + c, '-i', x_file(), code=1)
    equal({k: v['pass'] for k, v in found.items()},
          {('b.onnx', 'y'): False, ('b.onnx', 'z'): False, ('ref:c.onnx', 'y'): True,
           ('ref:c.onnx', 'z'): True})


@test
def tolerance_is_relative_to_the_first():
    a, b = affine('a.onnx', 2), affine('b.onnx', 2.2)
    trocar('compare', a, b, '-i', x_file(), '--rtol', '0.1001', '--atol', '0')
    trocar('compare', a, b, '-i', x_file(), '--rtol', '0.0999', '--atol', '0', code=1)
    trocar('compare', a, b, '-i', x_file(), '--rtol', '0', '--atol', '1.3')


@test
def small_elements_of_large_outputs_pass():
    """FP32 quality: 1e-4 of the largest value, unless a tolerance is given."""
    def net(path, offset, kind=F32):
        nodes = [node('Add', 'x offset', 'y')]
        return model(path, nodes, [info('x', kind, [2])], [info('y', kind, [2])],
                     [weight('offset', offset, 'float32' if kind == F32 else 'int64')])
    a, b = net('a.onnx', [0, 0]), net('b.onnx', [0, 0.0005])
    x = tensor('x.npy', [10, 0.001])
    equal(checks(a, b, '-i', x)['b.onnx', 'y']['elements_beyond_tolerance'], 1)
    checks(a, b, '-i', x, '--rtol', '1e-3', code=1)
    checks(a, b, '-i', x, '--atol', '1e-5', code=1)
    checks(a, net('c.onnx', [0, 0.002]), '-i', x, code=1)
    i = tensor('i.npy', [100000, 1], 'int64')
    checks(net('d.onnx', [0, 0], I64), net('e.onnx', [0, 1], I64), '-i', i, code=1)


@test
def nan_and_shape_differences_fail():
    div = [node('Div', 'x x', 'y')]
    io = [info('x', F32, [2])], [info('y', F32, [2])]
    a, b = model('a.onnx', div, *io), model('b.onnx', [node('Identity', 'x', 'y')], *io)
    x = tensor('x.npy', [0, 1])
    equal(checks(a, b, '-i', x, code=1)['b.onnx', 'y']['nan_on_one_side'], 1)
    checks(a, a, '-i', x)
    c = model('c.onnx', [node('Unsqueeze', 'x axes', 'y')], [io[0][0]], [info('y', F32, [1, 2])],
              [weight('axes', [0], 'int64')])
    result = trocar('compare', b, c, '-i', x, '--json', 'c.json', code=1)
    holds(result.out, 'expected f32[2], got f32[1,2]')
    check = read_json('c.json')['checks'][0]
    equal((check['same_form'], check['max_relative_error']), (False, None))


@test
def half_and_single_precision_compare_by_value():
    def net(path, kind):
        return model(path, [node('Mul', 'x third', 'y')], [info('x', kind, [3])],
                     [info('y', kind, [3])],
                     [weight('third', 1 / 3, 'float32' if kind == F32 else 'float16')])
    found = checks(net('a.onnx', F32), net('b.onnx', F16), '-i', tensor('x.npy', [1, 2, 3]))
    error = found['b.onnx', 'y']['max_relative_error']
    if not 1e-5 < error < 1e-3:
        raise Mismatch(f'error {error} is not that of FP16')


# ---- folders -------------------------------------------------------------------------------


@test
def folders_hold_recorded_outputs():
    a, b = affine('a.onnx'), affine('b.onnx', 2.5)
    for m, folder in ((a, 'one'), (b, 'two')):
        trocar('run', m, '-i', x_file(), '-o', folder)
    trocar('compare', 'one', a, '-i', 'x.npy')
    trocar('compare', a, 'one', '-i', 'x.npy')
    trocar('compare', 'one', b, '-i', 'x.npy', code=1)
    found = checks('one', 'two', code=1)
    equal(found['two', 'y']['max_abs_error'], 3)
    equal(read_json('c.json')['sides'][0]['latency_ms'], None)


@test
def folders_need_their_inputs():
    a = affine('a.onnx')
    trocar('run', a, '-i', x_file(), '-o', 'one')
    refused('compare', 'one', a, says='-i FILE')
    refused('compare', 'one', a, '--random', '2', says='one sample')
    refused('compare', 'one', 'one', '--layers', says='a folder')
    write('one/outputs.tsv', 'garbage\n')
    refused('compare', 'one', a, '-i', 'x.npy', says=['outputs.tsv', 'garbage'])


# ---- matching ------------------------------------------------------------------------------


@test
def inputs_match_by_name():
    def sub(path, *order):
        return model(path, [node('Sub', 'a b', 'd')], [info(n, F32, [2]) for n in order],
                     [info('d', F32, [2])])
    checks(sub('a.onnx', 'a', 'b'), sub('b.onnx', 'b', 'a'), '--random', '3')


@test
def other_names_match_by_order():
    checks(affine('a.onnx'), affine('b.onnx', names=('in', 'o1', 'o2')), '-i', x_file())


@test
def outputs_match_by_name():
    def net(path, *order):
        return model(path, [node('Neg', 'x', 'n'), node('Abs', 'x', 'a')], [info('x', F32, [2])],
                     [info(o, F32, [2]) for o in order])
    checks(net('a.onnx', 'n', 'a'), net('b.onnx', 'a', 'n'), '--random', '1')
    equal(list(checks(net('c.onnx', 'a'), 'b.onnx', '--random', '1')), [('b.onnx', 'a')])


@test
def what_does_not_match_is_refused():
    a = affine('a.onnx')
    b = model('b.onnx', [node('Add', 'p q', 'y')], [info('p', F32, [2]), info('q', F32, [2])],
              [info('y', F32, [2])])
    refused('compare', a, b, says=['b.onnx', "'p'", 'rename'])
    c = model('c.onnx', [node('Cast', 'x', 'w', to=I64)], [info('x', F32, [2, 3])],
              [info('w', I64, [2, 3])])
    refused('compare', c, a, says=['a.onnx', "'w'"])


# ---- inputs --------------------------------------------------------------------------------


@test
def seeds_make_inputs():
    a, b = affine('a.onnx'), affine('b.onnx', 2.5)
    worst = []
    for seed in (1, 1, 2):
        checks(a, b, '--random', '4', '--seed', seed, code=1)
        report = read_json('c.json')
        equal(report['samples'], 4)
        worst.append(report['worst'])
    equal(worst[0], worst[1])
    if worst[0]['expected'] == worst[2]['expected']:
        raise Mismatch('seeds 1 and 2 give the same inputs')


@test
def random_values_suit_the_type():
    net = model('m.onnx', [node('Identity', n, n + '_') for n in ('f', 'u', 'i')],
                [info('f', F32, [4000]), info('u', U8, [4000]), info('i', I64, [4000])],
                [info('f_', F32, [4000]), info('u_', U8, [4000]), info('i_', I64, [4000])])
    zero = model('z.onnx', [node('Sub', f'{n} {n}', n + '_') for n in ('f', 'i')]
                 + [node('Cast', 'u', 'uf', to=F32), node('Mul', 'uf none', 'un'),
                    node('Cast', 'un', 'u_', to=U8)],
                 [info('f', F32, [4000]), info('u', U8, [4000]), info('i', I64, [4000])],
                 [info('f_', F32, [4000]), info('u_', U8, [4000]), info('i_', I64, [4000])],
                 [weight('none', 0)])
    found = checks(net, zero, code=1)
    rmse = {name: found['z.onnx', name]['rmse'] for name in ('f_', 'u_', 'i_')}
    most = {name: found['z.onnx', name]['max_abs_error'] for name in ('f_', 'u_', 'i_')}
    if not (abs(rmse['f_'] - 1) < 0.05 and 3 < most['f_'] < 6):
        raise Mismatch(f'floats are not from the standard normal: {rmse["f_"]}, {most["f_"]}')
    if not (abs(rmse['u_'] - (255 ** 2 / 3) ** 0.5) < 5 and most['u_'] == 255):
        raise Mismatch(f'bytes do not fill their range: {rmse["u_"]}, {most["u_"]}')
    if not (abs(rmse['i_'] - 0.5 ** 0.5) < 0.03 and most['i_'] == 1):
        raise Mismatch(f'integers are not 0 or 1: {rmse["i_"]}, {most["i_"]}')


@test
def shapes_fix_free_sizes():
    m = model('m.onnx', [node('Add', 'a b', 'y')],
              [info('a', F32, ['n', 3]), info('b', F32, ['n', 1])], [info('y', F32, ['n', 3])])
    equal(checks(m, m)[m, 'y']['elements'], 3)
    equal(checks(m, m, '--shapes', 'b=5x1')[m, 'y']['elements'], 15)
    refused('compare', m, m, '--shapes', 'c=5x1', says="'c'")
    refused('compare', m, m, '--shapes', 'a=5x4', says=["'a'", '5x4'])
    refused('compare', m, m, '--shapes', '5x4', says='2 inputs')
    refused('compare', m, m, '-i', 'x.npy', '--shapes', 'a=1x3', says='--shapes')


@test
def data_folders_hold_samples():
    a, b = affine('a.onnx'), affine('b.onnx', 2.5)
    os.makedirs('data')
    tensor('data/one.npy', numpy.ones((2, 3)))
    tensor('data/two.npy', numpy.ones((2, 3)) * 2)
    tensor('data/output_0.npy', [1])
    write('data/notes.txt', 'not a tensor')
    found = checks(a, b, '--data', 'data', code=1)
    equal((found['b.onnx', 'y']['elements'], found['b.onnx', 'y']['worst']['sample']),
          (12, 'two.npy'))
    os.makedirs('none')
    refused('compare', a, b, '--data', 'none', says='none')
    refused('compare', a, b, '--data', 'missing', says='missing')
    refused('compare', a, b, '--data', 'data', '--random', '1', says='more than one')


@test
def folders_in_a_data_folder_are_samples():
    m = model('m.onnx', [node('Sub', 'a b', 'd')], [info('a', F32, [2]), info('b', F32, [2])],
              [info('d', F32, [2])])
    n = model('n.onnx', [node('Sub', 'b a', 'd')], [info('a', F32, [2]), info('b', F32, [2])],
              [info('d', F32, [2])])
    for name, files in (('s0', ('b.npy', 'a.npy')), ('s1', ('input_1.npy', 'input_0.npy')),
                        ('s2', ('y_second.npy', 'x_first.npy'))):
        os.makedirs('data/' + name)
        for file, value in zip(files, (1, 3)):
            tensor(f'data/{name}/{file}', [value, value])
    check = checks(m, n, '--data', 'data', code=1)['n.onnx', 'd']
    # b - a in place of a - b: 4 apart on each element of each sample.
    equal((check['elements'], check['max_abs_error'], check['rmse']), (6, 4, 4))
    check = checks(m, n, '--data', 'data/s1', code=1)['n.onnx', 'd']
    equal(check['elements'], 2)
    os.remove('data/s0/a.npy')
    refused('compare', m, n, '--data', 'data', says=['s0', "'a'"])


# ---- gates ---------------------------------------------------------------------------------


@test
def gates_replace_the_tolerance():
    a, b = affine('a.onnx'), affine('b.onnx', 2.5)
    gate = write('gate.txt', '# limits\nmax_abs y <= 3\n\nmax_rel <= 0.3  # both\nrmse z <= 2\n')
    result = trocar('compare', a, b, '-i', x_file(), '--gate', gate, '--json', 'c.json')
    expect_text('compare_gates.txt', without_times(result.out))
    equal(len(read_json('c.json')['gates']), 4)
    for line in ('max_abs y <= 2.99', 'unequal <= 0.9', 'rmse <= 1', 'max_rel z <= 0.2'):
        trocar('compare', a, b, '-i', 'x.npy', '--gate', write('gate.txt', line), code=1)


@test
def gates_do_not_pass_nan():
    io = [info('x', F32, [2])], [info('y', F32, [2])]
    a = model('a.onnx', [node('Identity', 'x', 'y')], *io)
    b = model('b.onnx', [node('Div', 'x x', 'y')], *io)
    trocar('compare', a, b, '-i', tensor('x.npy', [0, 1]), '--gate',
           write('gate.txt', 'max_abs <= 100'), code=1)


@test
def wrong_gates_are_refused():
    a = affine('a.onnx')
    for text, says in (('max_abs y < 3', ['gate.txt:1: ', '<=']),
                       ('\n\nspeed <= 3', ['gate.txt:3: ', "'speed'"]),
                       ('max_abs q <= 3', ['gate.txt:1: ', "'q'"]),
                       ('max_abs <= x', ['gate.txt:1: ', "'x'"]),
                       ('max_abs <= -1', ['gate.txt:1: ', "'-1'"]),
                       ('max_abs <= nan', ['gate.txt:1: ', "'nan'"]),
                       ('# nothing\n', ['gate.txt: ', 'at least one gate'])):
        refused('compare', a, a, '--gate', write('gate.txt', text), says=says)
    refused('compare', a, a, '--gate', 'missing.txt', says='missing.txt')


# ---- layers and ONNX Runtime ---------------------------------------------------------------


def chain(path, wrong=None):
    """Four convolutions in a row, one of them with another weight."""
    rng = numpy.random.default_rng(3)
    weights = [rng.standard_normal((4, 4, 3, 3)) * 0.2 for _ in range(4)]
    if wrong is not None:
        weights[wrong][0, 0, 0, 0] += 1
    nodes = [node('Conv', f't{i} w{i}', f't{i + 1}', name=f'conv{i}', pads=[1, 1, 1, 1])
             for i in range(4)]
    return model(path, nodes, [info('t0', F32, [1, 4, 8, 8])], [info('t4', F32, [1, 4, 8, 8])],
                 [weight(f'w{i}', w) for i, w in enumerate(weights)])


def check_layers(a, b, first=''):
    result = trocar('compare', first + a, b, '--random', '2', '--layers', '--json', 'c.json',
                    code=1)
    holds(result.out, "tensor 't3' of node 'conv2' (Conv)")
    layers = {k['tensor']: k for k in read_json('c.json')['layers']}
    equal(sorted(layers), ['t1', 't2', 't3', 't4'])
    equal((layers['t3']['node'], layers['t3']['type']), ('conv2', 'Conv'))
    for name in ('t1', 't2'):
        if not layers[name]['max_relative_error'] < 1e-5:
            raise Mismatch(f'{name}: {layers[name]}')
    order = [k['max_relative_error'] for k in read_json('c.json')['layers']]
    equal(order, sorted(order, reverse=True))
    return layers


@test
def layers_of_two_models():
    check_layers(chain('a.onnx'), chain('b.onnx', wrong=2))


@test
def layers_of_an_engine():
    """Each tensor that the fused engine has, where its error comes from, and that looking at it
    changes nothing."""
    nodes, names = [], ['t0']
    for i in range(3):
        nodes += [node('Conv', f't{i} w{i}', f'c{i}', name=f'conv{i}', pads=[1] * 4),
                  node('Relu', f'c{i}', f't{i + 1}', name=f'relu{i}')]
        names.append(f't{i + 1}')
    rng = numpy.random.default_rng(3)

    def net(path, wrong=None):
        weights = [rng.standard_normal((4, 4, 3, 3)) * 0.2 for _ in range(3)]
        return model(path, nodes, [info('t0', F32, [1, 4, 8, 8])],
                     [info('t3', F32, [1, 4, 8, 8])],
                     [weight(f'w{i}', w) for i, w in enumerate(weights)])
    a = net('a.onnx')
    trocar('build', a, '-o', 'a.plan', '--tune', 0)
    for sides in (['ref:' + a, a], ['ref:' + a, 'a.plan'], [a, 'ref:' + a], [a, 'a.plan']):
        result = trocar('compare', *sides, '--layers', '--json', 'c.json')
        layers = {k['tensor']: k for k in read_json('c.json')['layers']}
        equal([t for t in names[1:] if t not in layers], [], 'tensors that are missing')
        for name, layer in layers.items():
            if not layer['max_relative_error'] < 1e-5:
                raise Mismatch(f'{name}: {layer}')
    if any(name.startswith('c') for name in layers):
        raise Mismatch(f'what lies inside a fused step is compared: {sorted(layers)}')
    holds(result.out, 'no tensor has an error')


@test
def layers_say_likely_causes():
    found = check_layers(chain('a.onnx'), chain('b.onnx', wrong=2), first='ref:')
    holds(found['t3']['cause'], 'conv')
    equal(found['t4']['cause'], "inherited from 't3'")
    big = model('big.onnx', [node('Mul', 'x huge', 'y'), node('Mul', 'y third', 'z')],
                [info('x', F32, [2])], [info('z', F32, [2])],
                [weight('huge', 1e37), weight('third', 1 / 3)])
    off = model('off.onnx', [node('Mul', 'x huge', 'y'), node('Mul', 'y third', 'z')],
                [info('x', F32, [2])], [info('z', F32, [2])],
                [weight('huge', 1.1e37), weight('third', 1 / 3)])
    trocar('compare', 'ref:' + big, off, '--layers', '--json', 'c.json', code=1)
    for layer in read_json('c.json')['layers']:
        holds(layer['cause'], 'overflow')


@test
def layers_against_onnx_runtime():
    need_ort()
    chain('a.onnx')
    chain('b.onnx', wrong=2)
    check_layers('a.onnx', 'ort:b.onnx')
    check_layers('ort:a.onnx', 'b.onnx')
    check_layers('ort:a.onnx', 'ort:b.onnx')


@test
def onnx_runtime_is_a_side():
    need_ort()
    a = chain('a.onnx')
    found = checks(a, 'ort:' + a, '--random', '2')
    error = found['ort:a.onnx', 't4']['max_relative_error']
    if not error < 1e-5:
        raise Mismatch(f'error {error}')


@test
def wrong_use_is_refused():
    a = affine('a.onnx')
    refused('compare', a, says='compare')
    refused('compare', a, 'missing.onnx', says='missing.onnx')
    refused('compare', a, a, a, '--layers', says='more sides')
    refused('compare', a, 'ort:' + a, code=3, says='/nothing.so',
            env={'TROCAR_ORT_LIBRARY': '/nothing.so'})
    holds(trocar('compare', '--help').out, '--gate', '--layers', 'max_rel')


main()
