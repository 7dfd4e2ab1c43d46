#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar edit."""
import os
import resource

import numpy
import onnx
from onnx import helper, numpy_helper

from _kit import (F32, I64, U8, close, equal, holds, info, main, model, need_ort, node, read,
                  read_json, refused, tensor, test, trocar, weight, write)

SANITIZED = 'ASAN_OPTIONS' in os.environ


def kinds(path):
    return [n.op_type for n in onnx.load(path).graph.node]


def ends(path):
    """{name: sizes} of inputs and of outputs."""
    graph = onnx.load(path).graph
    return [{v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
             for v in values} for values in (graph.input, graph.output)]


def run(path, *files):
    inputs = [a for f in files for a in ('-i', f)]
    trocar('run', path, *inputs, '-o', 'out')
    n = len(read('out/outputs.tsv').strip().split('\n'))
    return [numpy.load(f'out/output_{i}.npy') for i in range(n)]


def same(before, after, *files):
    for a, b in zip(run(before, *files), run(after, *files)):
        close(b, a)
    if os.environ.get('TROCAR_ORT_LIBRARY'):
        for a, b in zip(run(before, *files), run('ort:' + after, *files)):
            close(b, a, 1e-5)


def tower(path='tower.onnx'):
    """Sizes computed at run time, constants, a Dropout, a duplicate, dead code, a normalization."""
    nodes = [node('Conv', 'x w', 'c'), node('BatchNormalization', 'c g b m v', 'n'),
             node('Shape', 'n', 's'), node('Gather', 's zero', 'batch'),
             node('Concat', 'batch minus', 'target', axis=0), node('Reshape', 'n target', 'flat'),
             node('Dropout', 'flat', 'dropped'), node('Add', 'k1 k2', 'k'),
             node('Add', 'dropped k', 'p'), node('Add', 'dropped k', 'q'), node('Mul', 'p q', 'y'),
             node('Exp', 'y', 'nobody')]
    weights = [weight('w', numpy.arange(12).reshape(2, 3, 2, 1)), weight('g', [1, 2]),
               weight('b', [.5, -1]), weight('m', [0, 1]), weight('v', [1, 4]),
               weight('zero', [0], 'int64'), weight('minus', [-1], 'int64'), weight('k1', [1]),
               weight('k2', [2])]
    return model(path, nodes, [info('x', F32, ['N', 3, 3, 2])], [info('y', F32, ['N', None])],
                 weights)


@test
def simplify_writes_what_gives_the_same():
    result = trocar('edit', tower(), '-o', 'small.onnx', '--simplify', '--json', 'r.json')
    equal(kinds('small.onnx'), ['Conv', 'Shape', 'Gather', 'Concat', 'Reshape', 'Add', 'Mul'])
    holds(result.out, 'small.onnx: 7 nodes, 12 before',
          '1  nodes that compute what another one does')
    report = read_json('r.json')
    equal((report['model'], report['output'], report['nodes_before'], report['nodes_after']),
          ('tower.onnx', 'small.onnx', 12, 7))
    equal({k: v for k, v in report['changes'].items() if v},
          {'identity': 1, 'constant': 1, 'normalization': 1, 'duplicate': 1, 'dead': 1,
           'unused_weight': report['changes']['unused_weight']})
    same('tower.onnx', 'small.onnx', tensor('x.npy', numpy.arange(36).reshape(2, 3, 3, 2) % 7))
    onnx.checker.check_model('small.onnx')


@test
def fixed_sizes_fold_more():
    trocar('edit', tower(), '-o', 'small.onnx', '--shape', 'x=2x3x3x2', '--simplify')
    equal(kinds('small.onnx'), ['Conv', 'Reshape', 'Add', 'Mul'])
    equal(ends('small.onnx'), [{'x': [2, 3, 3, 2]}, {'y': [2, 8]}])
    same('tower.onnx', 'small.onnx', tensor('x.npy', numpy.arange(36).reshape(2, 3, 3, 2) % 7))


@test
def simplifying_again_changes_nothing():
    trocar('edit', tower(), '-o', 'once.onnx', '--simplify')
    trocar('edit', 'once.onnx', '-o', 'twice.onnx', '--simplify')
    equal(read_bytes('once.onnx'), read_bytes('twice.onnx'), 'bytes')


def read_bytes(path):
    with open(path, 'rb') as f:
        return f.read()


@test
def without_options_the_model_stays():
    trocar('edit', tower(), '-o', 'copy.onnx')
    equal(onnx.load('copy.onnx'), onnx.load('tower.onnx'))


@test
def a_model_is_edited_in_place():
    trocar('edit', tower(), '-o', 'tower.onnx', '--simplify')
    equal(len(kinds('tower.onnx')), 7)
    equal(sorted(os.listdir('.')), ['tower.onnx'])


def chain(path='chain.onnx'):
    """TensorFlow's names: a:0, and a:0:1 behind it."""
    return model(path, [node('Neg', 'x', 'a:0'), node('Exp', 'a:0', 'a:0:1'),
                        node('Add', 'a:0:1 a:0', 'y')],
                 [info('x', F32, ['N', 2])], [info('y', F32, ['N', 2])])


@test
def extract_takes_names_with_colons():
    chain()
    for text, wanted in (('a:0:a:0:1', (['Exp'], {'a:0': ['N', 2]}, {'a:0:1': ['N', 2]})),
                         ('a:0,a:0:1:y', (['Add'], {'a:0': ['N', 2], 'a:0:1': ['N', 2]},
                                          {'y': ['N', 2]})),
                         (':a:0', (['Neg'], {'x': ['N', 2]}, {'a:0': ['N', 2]})),
                         ('a:0:', (['Exp', 'Add'], {'a:0': ['N', 2]}, {'y': ['N', 2]}))):
        trocar('edit', 'chain.onnx', '-o', 'part.onnx', '--extract', text)
        equal((kinds('part.onnx'), *ends('part.onnx')), wanted, text)
        onnx.checker.check_model('part.onnx')


@test
def extract_says_what_is_wrong():
    chain()
    for text, words in (('b:y', "--extract: expected IN,..:OUT,.. with names of tensors, found 'b"),
                        ('x', 'IN,..:OUT,..'), ('x,:y', 'IN,..:OUT,..'),
                        ('a:0:1:y', "found that it also needs 'x': name it among the inputs"),
                        ('x,x:y', "expected each tensor once, found 'x' twice")):
        refused('edit', 'chain.onnx', '-o', 'part.onnx', '--extract', text,
                says=['chain.onnx', words])
    equal(os.path.exists('part.onnx'), False, 'part.onnx')


@test
def shapes_and_names():
    chain()
    trocar('edit', 'chain.onnx', '-o', 'o.onnx', '--shape', 'x=3x2', '--rename', 'x=picture',
           '--rename', 'a:0=negative')
    equal(ends('o.onnx'), [{'picture': [3, 2]}, {'y': [3, 2]}])
    equal(list(onnx.load('o.onnx').graph.node[1].input), ['negative'])
    for arguments, words in ((['--shape', 'x=3x2x1'], "input 'x': expected 2 sizes, found 3"),
                             (['--shape', 'x=3xq'], '--shape:'), (['--shape', 'x'], 'IN=SHAPE'),
                             (['--shape', 'q=3x2'], "expected the name of an input, found 'q'"),
                             (['--shape', 'x=3x-2'], '--shape:'),
                             (['--rename', 'x'], 'expected OLD=NEW'),
                             (['--rename', 'q=r'], "expected the name of a tensor, found 'q'"),
                             (['--rename', 'x=y'], "a new name that is free, found 'y'")):
        refused('edit', 'chain.onnx', '-o', 'p.onnx', *arguments, says=['chain.onnx', words]
                if arguments[0] != '--shape' or '=' in arguments[1] else words)


@test
def sizes_that_contradict_the_network():
    m = model('m.onnx', [node('Add', 'x k', 'y')], [info('x', F32, ['N'])], [info('y', F32, None)],
              [weight('k', [1, 2, 3])])
    refused('edit', m, '-o', 'o.onnx', '--shape', 'x=5', says=['m.onnx', "node 'y' (Add)"])


def picture_network(path='net.onnx'):
    random = numpy.random.RandomState(3)
    return model(path, [node('Conv', 'x w b', 'c', pads=[1, 1, 1, 1]), node('Relu', 'c', 'y')],
                 [info('x', F32, [1, 3, 6, 5])], [info('y', F32, [1, 4, 6, 5])],
                 [weight('w', random.randn(4, 3, 3, 3)), weight('b', random.randn(4))])


@test
def camera_pixels_in():
    picture_network()
    pixels = numpy.random.RandomState(4).randint(0, 256, [1, 6, 5, 3], 'uint8')
    mean, std = numpy.array([.485, .456, .406]), numpy.array([.229, .224, .225])
    prepared = ((pixels / 255 - mean) / std).transpose(0, 3, 1, 2)
    want = run('net.onnx', tensor('x.npy', prepared))[0]
    trocar('edit', 'net.onnx', '-o', 'camera.onnx', '--input-layout', 'nhwc', '--normalize',
           '0.485,0.456,0.406/0.229,0.224,0.225')
    close(run('camera.onnx', tensor('p.npy', pixels, 'uint8'))[0], want, 1e-5)
    graph = onnx.load('camera.onnx').graph
    equal(graph.input[0].type.tensor_type.elem_type, U8)
    equal(ends('camera.onnx')[0], {'x': [1, 6, 5, 3]})
    record = {p.key: p.value for p in onnx.load('camera.onnx').metadata_props}
    equal(record, {'trocar.input.layout': 'nhwc', 'trocar.input.scale': '1',
                   'trocar.input.mean': '0', 'trocar.input.std': '1'})


@test
def layout_is_remembered():
    picture_network()
    trocar('edit', 'net.onnx', '-o', 'last.onnx', '--input-layout', 'nhwc')
    trocar('edit', 'last.onnx', '-o', 'camera.onnx', '--normalize', '1,2,3/4', '--pixel-scale', '1')
    pixels = numpy.random.RandomState(4).randint(0, 256, [1, 6, 5, 3], 'uint8')
    prepared = ((pixels - numpy.array([1., 2, 3])) / 4).transpose(0, 3, 1, 2)
    want = run('net.onnx', tensor('x.npy', prepared))[0]
    close(run('camera.onnx', tensor('p.npy', pixels, 'uint8'))[0], want, 1e-5)


@test
def pixels_that_do_not_fit():
    picture_network()
    for arguments, words in ((['--normalize', '1,2/3'], 'one for each of its channels'),
                             (['--normalize', '1'], '--normalize: expected MEAN/STD'),
                             (['--normalize', '1/0'], 'no std of 0'),
                             (['--normalize', '1,2,3,4,5/1'], '--normalize: expected MEAN/STD'),
                             (['--normalize', 'a/1'], '--normalize: expected MEAN/STD'),
                             (['--normalize', 'nan/1'], 'finite'),
                             (['--input-layout', 'nchw'], '--input-layout: expected nhwc'),
                             (['--input-layout', 'nhwc', '--input', 'y'], "found 'y'")):
        refused('edit', 'net.onnx', '-o', 'o.onnx', *arguments, says=['net.onnx', words])
    two = model('two.onnx', [node('Add', 'a b', 'y')],
                [info('a', F32, [1, 3, 2, 2]), info('b', F32, [1, 3, 2, 2])],
                [info('y', F32, None)])
    refused('edit', two, '-o', 'o.onnx', '--input-layout', 'nhwc', says="found 'a' and 'b'")
    trocar('edit', two, '-o', 'o.onnx', '--input-layout', 'nhwc', '--input', 'b')
    equal(ends('o.onnx')[0], {'a': [1, 3, 2, 2], 'b': [1, 2, 2, 3]})


@test
def external_data_comes_in():
    m = onnx.load(picture_network())
    onnx.save(m, 'big.onnx', save_as_external_data=True, location='big.bin', size_threshold=0)
    want = run('net.onnx', tensor('x.npy', numpy.ones([1, 3, 6, 5])))[0]
    os.mkdir('elsewhere')
    trocar('edit', 'big.onnx', '-o', 'elsewhere/one.onnx')
    os.remove('big.bin')
    close(run('elsewhere/one.onnx', 'x.npy')[0], want)
    refused('edit', 'big.onnx', '-o', 'o.onnx', says=['big.onnx', "'w'", 'big.bin'])


@test
def unknown_operators_stay():
    nodes = [node('Identity', 'x', 'a'), node('Op', 'a k', 'b', domain='my.own', depth=3),
             node('Add', 'k k', 'c'), node('Op', 'c', 'd', domain='my.own'),
             node('Concat', 'b d', 'y', axis=0)]
    trocar('edit', model('own.onnx', nodes, [info('x', F32, [2])], [info('y', F32, ['M'])],
                         [weight('k', [1, 2])], opsets={'my.own': 1}), '-o', 'o.onnx', '--simplify')
    graph = onnx.load('o.onnx').graph
    equal([(n.domain, n.op_type, list(n.input)) for n in graph.node],
          [('my.own', 'Op', ['x', 'k']), ('my.own', 'Op', ['c']), ('', 'Concat', ['b', 'd'])])
    equal(helper.get_attribute_value(graph.node[0].attribute[0]), 3)
    close(numpy_helper.to_array([t for t in graph.initializer if t.name == 'c'][0]), [2, 4])
    equal(ends('o.onnx')[1], {'y': ['M']})


@test
def wrong_use_is_refused():
    chain()
    refused('edit', 'chain.onnx', says='expected -o MODEL')
    refused('edit', '-o', 'o.onnx', says='MODEL')
    refused('edit', 'chain.onnx', 'chain.onnx', '-o', 'o.onnx', says='found 2 arguments')
    refused('edit', 'chain.onnx', '-o', 'o.onnx', '--nonsense', says='--nonsense')
    refused('edit', 'gone.onnx', '-o', 'o.onnx', says='gone.onnx')
    trocar('edit', 'chain.onnx', '-o', 'no/such/folder/o.onnx', code=2)
    holds(trocar('edit', '--help').out, '--simplify', '--extract', '--normalize')


@test
def onnx_runtime_takes_the_result():
    need_ort()
    trocar('edit', tower(), '-o', 'small.onnx', '--simplify')
    x = tensor('x.npy', numpy.arange(36).reshape(2, 3, 3, 2) % 7)
    close(run('ort:small.onnx', x)[0], run('ort:tower.onnx', x)[0], 1e-5)


def limited(model_path):
    """CPU seconds of a child process may not be more."""
    seconds = 200 if SANITIZED else 20
    before = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, before[1]))
    try:
        return trocar('edit', model_path, '-o', 'o.onnx', '--simplify')
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, before)


@test
def many_nodes_take_seconds():
    n = 10000 if SANITIZED else 100000
    graphs = {
        'copies': [node('Identity', f't{i}', f't{i + 1}') for i in range(n)],
        'duplicates': [node('Neg', 't0', f'a{i}') for i in range(n - 2)] +
                      [node('Sum', ' '.join(f'a{i}' for i in range(n - 2)), f't{n}')],
        'transposes': [node('Transpose', f't{i}', f't{i + 1}', perm=[1, 0]) for i in range(n)],
        'weights': [node('Add', f't{i} w{i}', f't{i + 1}') for i in range(n)],
    }
    for name, nodes in graphs.items():
        weights = [weight(f'w{i}', [i % 3]) for i in range(n)] if name == 'weights' else []
        m = model(name + '.onnx', nodes, [info('t0', F32, [2, 2])], [info(f't{n}', F32, [2, 2])],
                  weights)
        limited(m)
        equal(len(kinds('o.onnx')), {'copies': 1, 'duplicates': 2, 'transposes': 1,
                                     'weights': n}[name], name)


@test
def small_models_stay_small():
    """Whose constants would be large, and whose computation would not end."""
    m = model('m.onnx', [node('ConstantOfShape', 'huge', 'a'), node('ReduceMax', 'a', 'b'),
                         node('Einsum', 'long long long', 'c', equation='i,j,k->'),
                         node('Tile', 'long many', 'd'), node('ReduceMax', 'd', 'e'),
                         node('Sum', 'x b c e', 'y')],
              [info('x', F32, [])], [info('y', F32, None)],
              [weight('huge', [1 << 20, 1 << 20], 'int64'), weight('long', numpy.zeros(5000)),
               weight('many', [1 << 30], 'int64')])
    limited(m)
    equal(kinds('o.onnx'), kinds('m.onnx'))
    size = os.path.getsize('o.onnx')
    equal(size < 100000, True, f'{size} bytes')


@test
def output_of_a_failed_edit_stays():
    write('o.onnx', 'from before')
    m = model('bad.onnx', [node('Add', 'x k', 'y')], [info('x', F32, [2]), info('k', I64, [2])],
              [info('y', F32, [2])])
    refused('edit', m, '-o', 'o.onnx', '--simplify', says=['bad.onnx', "node 'y' (Add)"])
    equal(read('o.onnx'), 'from before')


main()
