#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar run."""
import os

import numpy
import onnx
from PIL import Image

from _kit import (BF16, BOOL, F32, I64, U8, Mismatch, close, equal, expect_text, holds, info, main,
                  model, need_ort, node, read, read_json, refused, tensor, test, trocar, weight,
                  write)


def add_model(path='add.onnx'):
    """s = a + b and p = a * b."""
    return model(path, [node('Add', 'a b', 's'), node('Mul', 'a b', 'p')],
                 [info('a', F32, [2]), info('b', F32, [2])],
                 [info('s', F32, [2]), info('p', F32, [2])])


def inputs():
    return tensor('a.npy', [1, 2]), tensor('b.npy', [10, 20])


@test
def files_bind_in_order():
    trocar('run', add_model(), '-i', inputs()[0], '-i', inputs()[1], '-o', 'out')
    close(numpy.load('out/output_0.npy'), [11, 22])
    close(numpy.load('out/output_1.npy'), [10, 40])


@test
def files_bind_by_name():
    a, b = inputs()
    m = model('sub.onnx', [node('Sub', 'a b', 'd')], [info('a', F32, [2]), info('b', F32, [2])],
              [info('d', F32, [2])])
    trocar('run', m, '-i', f'b={b}', '--input', f'a={a}', '-o', 'out')
    close(numpy.load('out/output_0.npy'), [-9, -18])


@test
def numbers_stand_for_files():
    m = add_model()
    trocar('run', m, '-i', 'b=10,2e1', '-i', 'a=1,2.5', '-o', 'out')
    close(numpy.load('out/output_0.npy'), [11, 22.5])
    trocar('run', m, '-i', '1,2', '-i', inputs()[1], '-o', 'out')
    close(numpy.load('out/output_0.npy'), [11, 22])
    write('0.5', numpy.array([3, 4], '<f4').tobytes())  # a file of that name goes first
    trocar('run', m, '-i', 'a=0.5', '-i', 'b=0,-1', '-o', 'out')
    close(numpy.load('out/output_0.npy'), [3, 3])
    for shape, n in (([], 1), ([1, 1], 1), (['n'], 3), ([2, 2], 4)):
        whole = model('i.onnx', [node('Identity', 'x', 'y')], [info('x', I64, shape)],
                      [info('y', I64, shape)])
        trocar('run', whole, '-i', 'x=' + ','.join('7' * n), '-o', 'out')
        equal(numpy.load('out/output_0.npy').ravel().tolist(), [7] * n)
    refused('run', m, '-i', 'a=1,2,3', '-i', 'b.npy',
            says="expected a file or 2 numbers for input 'a', found 3: '1,2,3'")
    refused('run', m, '-i', 'a=1,x', '-i', 'b.npy', says='1,x')
    refused('run', m, '-i', 'a=1,2', says="expected a file or numbers for input 'b', found none: "
            'add -i b=FILE or -i b=NUMBER')


@test
def initializers_take_no_file():
    m = model('bias.onnx', [node('Add', 'w x', 'y')], [info('w', F32, [2]), info('x', F32, [2])],
              [info('y', F32, [2])], [weight('w', [5, 6])])
    trocar('run', m, '-i', tensor('x.npy', [1, 1]), '-o', 'out')
    close(numpy.load('out/output_0.npy'), [6, 7])


@test
def outputs_tsv_lists_the_outputs():
    m = model('two.onnx', [node('ReduceSum', 'x', 'sum', keepdims=0), node('Shape', 'x', 'shape')],
              [info('x', F32, [1, 2, 3])], [info('sum'), info('shape', I64, [3])])
    trocar('run', m, '-i', tensor('x.npy', numpy.ones((1, 2, 3))), '-o', 'deep/out')
    equal(read('deep/out/outputs.tsv'), '0\tsum\tf32\tscalar\n1\tshape\ti64\t3\n')
    equal(numpy.load('deep/out/output_0.npy').shape, ())
    equal(numpy.load('deep/out/output_1.npy').tolist(), [1, 2, 3])


@test
def types_that_numpy_lacks_are_raw_bits():
    m = model('cast.onnx', [node('Cast', 'x', 'y', to=BF16)], [info('x', F32, [2])],
              [info('y', BF16, [2])])
    trocar('run', m, '-i', tensor('x.npy', [1, -2]), '-o', 'out')
    bits = numpy.load('out/output_0.npy')
    equal((bits.dtype, bits.tolist()), (numpy.dtype('uint16'), [0x3f80, 0xc000]))
    holds(read('out/outputs.tsv'), '\tbf16\t2')
    trocar('run', m, '-i', 'x.npy', '--expect', 'out/output_0.npy')


@test
def expected_outputs_are_compared():
    a, b = inputs()
    m, good = add_model(), tensor('good.npy', [11, 22])
    product = tensor('p.npy', [10, 40])
    trocar('run', m, '-i', a, '-i', b, '--expect', good, '--expect', f'p={product}')
    wrong = tensor('wrong.npy', [11, 22.5])
    result = trocar('run', m, '-i', a, '-i', b, '--expect', f's={wrong}', '--json', 'r.json',
                    code=1)
    equal(result.out, 's: 1 of 2 elements differ; worst at [1]: expected 22.5, got 22\n')
    report = read_json('r.json')
    equal((report['pass'], report['checks'][0]['elements_beyond_tolerance']), (False, 1))
    trocar('run', m, '-i', a, '-i', b, '--expect', wrong, '--rtol', '0.1')
    trocar('run', m, '-i', a, '-i', b, '--expect', wrong, '--rtol=0', '--atol=0.5')
    trocar('run', m, '-i', a, '-i', b, '--expect', wrong, '--rtol', '0', '--atol', '0.49', code=1)


@test
def shape_type_and_nan_must_agree():
    a, b = inputs()
    m = add_model()
    for name, values, dtype in (('shape', [[11, 22]], 'float32'), ('type', [11, 22], 'float64'),
                                ('nan', [11, numpy.nan], 'float32')):
        trocar('run', m, '-i', a, '-i', b, '--expect', tensor(name + '.npy', values, dtype), code=1)
    nan = tensor('a_nan.npy', [numpy.nan, numpy.inf])
    trocar('run', m, '-i', nan, '-i', b, '--expect', tensor('e.npy', [numpy.nan, numpy.inf]))
    trocar('run', m, '-i', nan, '-i', b, '--expect', tensor('f.npy', [numpy.nan, 1]), code=1)


@test
def raw_files_take_the_inputs_form():
    write('a.raw', numpy.array([3, 4], '<f4').tobytes())
    trocar('run', add_model(), '-i', 'a.raw', '-i', inputs()[1], '-o', 'out')
    close(numpy.load('out/output_0.npy'), [13, 24])
    write('short.raw', b'\0' * 7)
    refused('run', 'add.onnx', '-i', 'short.raw', '-i', 'b.npy', says=['short.raw', '8 bytes', '7'])


@test
def pictures_follow_the_models_record():
    m = model('pic.onnx', [node('Mul', 'x one', 'y')], [info('x', F32, ['n', 3, 'h', 'w'])],
              [info('y', F32, ['n', 3, 'h', 'w'])], [weight('one', 1)])
    proto = onnx.load(m)
    for key, value in (('colour', 'bgr'), ('scale', '0.5'), ('mean', '1,2,3'), ('std', '2')):
        proto.metadata_props.add(key='trocar.input.' + key, value=value)
    onnx.save(proto, m)
    Image.new('RGB', (4, 2), (10, 20, 30)).save('p.png')
    trocar('run', m, '-i', 'p.png', '-o', 'out')
    y = numpy.load('out/output_0.npy')
    equal(y.shape, (1, 3, 2, 4))
    close(y[0, :, 1, 2], [(30 * .5 - 1) / 2, (20 * .5 - 2) / 2, (10 * .5 - 3) / 2])


@test
def byte_inputs_take_pictures_as_they_are():
    m = model('pic.onnx', [node('Identity', 'x', 'y')], [info('x', U8, [1, 3, 2, 4])],
              [info('y', U8, [1, 3, 2, 4])])
    Image.new('RGB', (4, 2), (10, 20, 30)).save('p.png')
    trocar('run', m, '-i', 'p.png', '-o', 'out')
    equal(numpy.load('out/output_0.npy')[0, :, 0, 0].tolist(), [10, 20, 30])


@test
def text_of_a_plain_run():
    expect_text('run_plain.txt', trocar('run', add_model(), '-i', inputs()[0], '-i', 'b.npy').out)


@test
def json_of_a_plain_run():
    trocar('run', add_model(), '-i', inputs()[0], '-i', 'b.npy', '--json', 'r.json')
    report = read_json('r.json')
    equal(report['outputs'][1], {'name': 'p', 'type': 'f32', 'shape': [2]})
    equal((report['pass'], report['checks'], report['run_ms'] > 0), (True, [], True))


@test
def wrong_inputs_are_refused():
    a, b = inputs()
    m = add_model()
    refused('run', m, '-i', a, says=["input 'b'", '-i b=FILE'])
    refused('run', m, '-i', a, '-i', b, '-i', a, says='a.npy')
    refused('run', m, '-i', a, '-i', f'c={b}', says=['name of an input', "'c'"])
    refused('run', m, '-i', a, '-i', f'a={b}', says="input 'a'")
    refused('run', m, '-i', a, '-i', 'nothing.npy', says=['nothing.npy', 'No such file'])
    refused('run', m, '-i', a, '-i', tensor('c.npy', [1, 2, 3]), says=["'b'", 'f32[2]', 'f32[3]'])
    refused('run', m, '-i', a, '-i', tensor('d.npy', [1, 2], 'int64'), says=['f32[2]', 'i64[2]'])
    refused('run', m, '-i', a, '-i', b, '--expect', 'nothing.npy', says='nothing.npy')
    refused('run', m, '-i', a, '-i', b, '--expect', f'q={a}', says=['name of an output', "'q'"])


@test
def wrong_models_are_refused():
    m = add_model()
    data = open(m, 'rb').read()
    refused('run', write('cut.onnx', data[:-20]), says='cut.onnx')
    refused('run', write('empty.onnx', b''), says=['empty.onnx', 'empty'])
    refused('run', 'nothing.onnx', says=['nothing.onnx', 'No such file'])
    os.mkdir('folder')
    refused('run', 'folder', says='folder')
    m = model('custom.onnx', [node('Frobnicate', 'x', 'y', domain='example.org', name='f1')],
              [info('x', F32, [2])], [info('y', F32, [2])], opsets={'example.org': 3})
    refused('run', m, '-i', inputs()[0],
            says=['custom.onnx', "'f1'", 'Frobnicate', 'example.org', 'version 3'])


@test
def wrong_use_is_refused():
    refused('run', says='expected')
    refused('run', 'a.onnx', 'b.onnx', says='expected')
    refused('run', add_model(), '--bogus', says='--bogus')
    refused('run', 'add.onnx', '--rtol', 'x', says=['--rtol', "'x'"])
    refused('run', 'add.onnx', '--rtol', says=['--rtol', 'nothing'])
    refused('run', 'add.onnx', '--device', 'gpu', '-i', inputs()[0], '-i', 'b.npy',
            says='gpu')
    refused('frob', says="'frob'")
    trocar(code=2)
    holds(trocar('run', '--help').out, 'usage: trocar run', '--expect', 'exit code')
    holds(trocar('--help').out, 'run', 'compare', 'inspect')


@test
def output_from_before_stays_after_a_failure():
    a, b = inputs()
    trocar('run', add_model(), '-i', a, '-i', b, '-o', 'out')
    before = read('out/outputs.tsv')
    refused('run', 'add.onnx', '-i', a, '-o', 'out', says="'b'")
    equal(read('out/outputs.tsv'), before)
    equal(sorted(os.listdir('out')), ['output_0.npy', 'output_1.npy', 'outputs.tsv'])


@test
def onnx_runtime_runs_models():
    need_ort()
    a, b = inputs()
    trocar('run', 'ort:' + add_model(), '-i', a, '-i', f'b={b}', '--expect',
           tensor('s.npy', [11, 22]))


@test
def missing_onnx_runtime_is_said():
    refused('run', 'ort:' + add_model(), '-i', inputs()[0], '-i', 'b.npy', code=3,
            says='/nothing.so', env={'TROCAR_ORT_LIBRARY': '/nothing.so'})


@test
def results_do_not_depend_on_threads():
    rng = numpy.random.default_rng(1)
    m = model('conv.onnx', [node('Conv', 'x w', 'y')], [info('x', F32, [1, 3, 17, 19])],
              [info('y', F32, [1, 8, 15, 17])], [weight('w', rng.standard_normal((8, 3, 3, 3)))])
    x = tensor('x.npy', rng.standard_normal((1, 3, 17, 19)))
    for n in (1, 2, 3, 7):
        trocar('run', m, '-i', x, '-o', f'out{n}', '--threads', n)
    first = open('out1/output_0.npy', 'rb').read()
    for n in (2, 3, 7):
        if open(f'out{n}/output_0.npy', 'rb').read() != first:
            raise Mismatch(f'{n} threads give other bits than 1')


def conv_stack(path, spatial):
    """Three convolutions of 3x3 in a row: each element depends on 7 around on each axis."""
    rng = numpy.random.default_rng(5)
    n = len(spatial)
    return model(path, [node('Conv', f't{i} w{i}', f't{i + 1}', pads=[1] * 2 * n)
                        for i in range(3)],
                 [info('t0', F32, [1, 2, *spatial])], [info('t3', F32, [1, 2, *spatial])],
                 [weight(f'w{i}', rng.standard_normal((2, 2) + (3,) * n) * 0.3)
                  for i in range(3)])


@test
def tiles_of_pictures_and_volumes():
    """Windows give what the whole gives where the overlap is as large as what the network sees."""
    cases = [((61, 83), '32:7', (32, 32)), ((20, 83), '48x32:9', (48, 32)),
             ((64, 64), '32:8', (32, 32)), ((17, 30, 21), '16:7', (16, 16, 16))]
    for size, tile, window in cases:
        x = tensor('x.npy', numpy.random.default_rng(1).standard_normal((1, 2, *size)))
        m = conv_stack('free.onnx', [f'd{i}' for i in range(len(size))])
        trocar('run', 'ref:' + m, '-i', x, '-o', 'want')
        trocar('run', 'ref:' + m, '-i', x, '--tile', tile, '--expect', 'want/output_0.npy',
               '--rtol', 0, '--atol', 0)
        trocar('run', m, '-i', x, '--tile', tile, '--expect', 'want/output_0.npy')
        if all(s >= w for s, w in zip(size, window)):
            fixed = conv_stack('fixed.onnx', window)
            trocar('run', 'ref:' + fixed, '-i', x, '--tile', tile, '--expect', 'want/output_0.npy',
                   '--rtol', 0, '--atol', 0)
    # Less overlap than the network sees: close, but not the same.
    trocar('run', 'ref:free.onnx', '-i', x, '--tile', '16:2', '--expect', 'want/output_0.npy',
           code=1)


@test
def tiles_of_a_picture_smaller_than_a_window():
    fixed = conv_stack('fixed.onnx', (32, 32))
    free = conv_stack('free.onnx', ('h', 'w'))
    x = tensor('x.npy', numpy.random.default_rng(1).standard_normal((1, 2, 20, 40)))
    trocar('run', 'ref:' + free, '-i', x, '-o', 'want')
    trocar('run', fixed, '-i', x, '--tile', '32:7', '-o', 'got')
    want, got = numpy.load('want/output_0.npy'), numpy.load('got/output_0.npy')
    equal(got.shape, want.shape)
    close(got[:, :, :16], want[:, :, :16], 1e-4)  # below, the network sees what was made up


@test
def wrong_tiles_are_refused():
    m = conv_stack('fixed.onnx', (32, 32))
    x = tensor('x.npy', numpy.zeros((1, 2, 64, 64)))
    for text in ('32', '32:', 'a:b', '32:-1', '32x32x32x32:1'):
        refused('run', m, '-i', x, '--tile', text, says=['--tile', 'SIZE:OVERLAP'])
    refused('run', m, '-i', x, '--tile', '16:4', says=['32', 'found 16'])
    refused('run', m, '-i', x, '--tile', '32x32x32:4', says='--tile')
    refused('run', m, '-i', x, '--tile', '32:30', says='overlap')
    flat = model('flat.onnx', [node('Flatten', 'x', 'y')], [info('x', F32, [1, 2, 32, 32])],
                 [info('y', F32, [1, 2048])])
    refused('run', flat, '-i', x, '--tile', '32:4', says=["'y'", 'cannot be put together'])
    refused('run', add_model(), '-i', inputs()[0], '-i', 'b.npy', '--tile', '32:4', says='--tile')


@test
def sizes_known_at_run_time():
    m = model('nz.onnx', [node('NonZero', 'x', 'y')], [info('x', BOOL, ['n'])],
              [info('y', I64, [1, None])])
    trocar('run', m, '-i', tensor('x.npy', [True, False, True], 'bool'), '-o', 'out')
    equal(numpy.load('out/output_0.npy').tolist(), [[0, 2]])


main()
