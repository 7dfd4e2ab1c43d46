#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar build, and plans in run, compare and inspect."""
import os

import numpy
import onnx
from PIL import Image

from _kit import (F32, I32, I64, Mismatch, close, equal, holds, info, main, model, need_ort, node,
                  read, read_json, refused, tensor, test, trocar, weight, write)


def conv_net(path='net.onnx', batch=1, side=16):
    """Two convolutions with what exporters put around them, a pooling, a classifier."""
    rng = numpy.random.default_rng(7)
    return model(path, [node('Conv', 'x w1', 'c1', name='conv1', pads=[1] * 4),
                        node('BatchNormalization', 'c1 s b m v', 'n1', name='norm1'),
                        node('Relu', 'n1', 'r1', name='relu1'),
                        node('Conv', 'r1 w2', 'c2', name='conv2', pads=[1] * 4),
                        node('Add', 'c2 r1', 'a2', name='residual'),
                        node('Relu', 'a2', 'r2', name='relu2'),
                        node('GlobalAveragePool', 'r2', 'p', name='pool'),
                        node('Flatten', 'p', 'f', name='flatten'),
                        node('Gemm', 'f g', 'y', name='head')],
                 [info('x', F32, [batch, 3, side, side])], [info('y', F32, [batch, 5])],
                 [weight('w1', rng.standard_normal((8, 3, 3, 3)) * 0.3),
                  weight('w2', rng.standard_normal((8, 8, 3, 3)) * 0.2),
                  weight('s', rng.uniform(0.5, 2, 8)), weight('b', rng.standard_normal(8)),
                  weight('m', rng.standard_normal(8)), weight('v', rng.uniform(0.5, 2, 8)),
                  weight('g', rng.standard_normal((8, 5)))])


def build(m, *arguments, plan='net.plan'):
    trocar('build', m, '-o', plan, '--tune', 0, '--json', 'b.json', *arguments)
    return read_json('b.json')


# ---- what it makes -------------------------------------------------------------------------


@test
def a_plan_gives_the_models_outputs():
    m = conv_net()
    report = build(m)
    equal((report['precision'], report['device'], report['growing']), ('fp32', 'cpu', False))
    if not report['nodes'] < 9 <= report['nodes_before']:
        raise Mismatch(f'{report["nodes_before"]} nodes became {report["nodes"]}')
    names = [p['name'] for p in report['passes']]
    if not names or not all(p['changes'] > 0 for p in report['passes']):
        raise Mismatch(f'passes: {report["passes"]}')
    equal(report['file_bytes'], os.path.getsize('net.plan'))
    trocar('compare', 'ref:' + m, 'net.plan', m, '--random', 3, '--rtol', 1e-4)


@test
def the_byte_plan_is_printed():
    out = trocar('build', conv_net(), '-o', 'net.plan', '--tune', 0).out
    holds(out, 'scratch', 'least possible', 'weights', 'packed', 'outputs', 'threads', 'golden',
          'net.plan: ', 'nodes became')
    memory = build('net.onnx')['memory_bytes']
    if not 0 < memory['live'] <= memory['scratch'] <= 1.1 * memory['live'] + 256:
        raise Mismatch(f'scratch memory {memory["scratch"]} against {memory["live"]} alive')


@test
def equal_builds_are_equal_bytes():
    m = conv_net()
    build(m, plan='a.plan')
    build(m, plan='b.plan')
    equal(open('a.plan', 'rb').read() == open('b.plan', 'rb').read(), True, 'equal bytes')
    first = read_json('b.json')['engine_hash']
    build(conv_net('other.onnx', side=18), plan='c.plan')
    if read_json('b.json')['engine_hash'] == first:
        raise Mismatch('another network has the same fingerprint')


@test
def tuning_keeps_the_outputs():
    w = numpy.random.default_rng(1).standard_normal((64, 64, 3, 3))
    m = model('net.onnx', [node('Conv', 'x w', 'y', pads=[1] * 4)],
              [info('x', F32, [1, 64, 28, 28])], [info('y', F32, [1, 64, 28, 28])],
              [weight('w', w)])
    for i in range(2):
        trocar('build', m, '-o', f'{i}.plan', '--tune', 1, '--time-budget', 5, '--cache',
               'times.txt', '--threads', 1, '--json', 'b.json')
    trocar('compare', 'ref:' + m, '0.plan', '--random', 2, '--rtol', 1e-4, '--atol', 1e-3)
    equal(open('0.plan', 'rb').read() == open('1.plan', 'rb').read(), True, 'equal bytes')
    if read_json('b.json')['tuned_choices'] and not os.path.getsize('times.txt'):
        raise Mismatch('no timings in the cache')


@test
def plans_are_told_by_their_bytes():
    build(conv_net(), plan='net.onnx.bin')
    x = tensor('x.npy', numpy.ones((1, 3, 16, 16)))
    trocar('run', 'net.onnx.bin', '-i', x, '-o', 'got')
    trocar('run', 'ref:net.onnx', '-i', x, '--expect', 'got/output_0.npy')
    trocar('run', 'net.onnx.bin', '-i', x, '--device', 'ref', '--expect', 'got/output_0.npy')
    refused('run', 'ref:net.onnx.bin', '-i', x, says='found a plan')
    refused('build', 'net.onnx.bin', '-o', 'y.plan', says='net.onnx.bin')


# ---- sizes, states -------------------------------------------------------------------------


@test
def profiles_bound_the_sizes():
    m = conv_net('free.onnx', batch='n', side='s')
    build(m, '--shapes', 'x=1x3x8x8:2x3x16x16:4x3x32x32', '--bucket', 'x=3x3x24x24')
    for shape in ((1, 3, 8, 8), (3, 3, 24, 24), (4, 3, 32, 32), (2, 3, 9, 9)):
        x = tensor('x.npy', numpy.random.default_rng(1).standard_normal(shape))
        trocar('run', 'ref:' + m, '-i', x, '-o', 'want')
        trocar('run', 'net.plan', '-i', x, '--expect', 'want/output_0.npy', '--rtol', 1e-4)
    for shape in ((5, 3, 8, 8), (1, 3, 7, 7), (1, 3, 33, 33)):
        refused('run', 'net.plan', '-i', tensor('x.npy', numpy.zeros(shape)), says="'x'")
    holds(trocar('inspect', 'net.plan').out, '1x3x8x8', '2x3x16x16', '4x3x32x32', 'bucket',
          '3x3x24x24')


@test
def shapes_pin_sizes():
    m = conv_net('free.onnx', batch='n', side='s')
    build(m, '--shapes', '1x3x16x16')
    refused('run', 'net.plan', '-i', tensor('x.npy', numpy.zeros((1, 3, 8, 8))), says="'x'")
    trocar('run', 'net.plan', '-i', tensor('x.npy', numpy.zeros((1, 3, 16, 16))))


@test
def states_feed_back():
    m = model('sum.onnx', [node('Add', 'x s', 't', name='add')],
              [info('x', F32, [3]), info('s', F32, [3])], [info('t', F32, [3])])
    both = model('both.onnx', [node('Add', 'x s', 't'), node('Mul', 't two', 'y')],
                 [info('x', F32, [3]), info('s', F32, [3])],
                 [info('y', F32, [3]), info('t', F32, [3])], [weight('two', 2)])
    build(both, '--state', 's=t', '--golden', 4)
    trocar('run', 'net.plan', '-i', tensor('x.npy', [1, 2, 3]), '-o', 'out')
    close(numpy.load('out/output_0.npy'), [2, 4, 6])
    equal(os.path.exists('out/output_1.npy'), False, 'the state is handed out')
    trocar('verify', 'net.plan')
    holds(trocar('inspect', 'net.plan').out, 'becomes input')
    refused('build', m, '-o', 'y.plan', '--state', 's', says=['--state', 'INPUT=OUTPUT'])
    refused('build', m, '-o', 'y.plan', '--state', 's=q', says=['--state', "'q'"])


@test
def growing_plans_say_why():
    m = model('nz.onnx', [node('NonZero', 'x', 'y', name='where')], [info('x', F32, [4])],
              [info('y', I64, [1, None])])
    result = trocar('build', m, '-o', 'net.plan', '--tune', 0, '--json', 'b.json')
    holds(result.out, 'runs may allocate memory', 'nonzero')
    equal(read_json('b.json')['growing'], True)
    trocar('run', 'net.plan', '-i', tensor('x.npy', [0, 1, 0, 2]), '-o', 'out')
    equal(numpy.load('out/output_0.npy').tolist(), [[1, 3]])


# ---- passes --------------------------------------------------------------------------------


@test
def passes_are_chosen():
    m = conv_net()
    report = build(m, '--passes', 'none')
    equal((report['passes'], report['nodes']), ([], report['nodes_before']))
    names = [p['name'] for p in build(m)['passes']]
    for name in names:
        report = build(m, '--passes', f'all,-{name}')
        equal([p['name'] for p in report['passes'] if p['name'] == name], [])
        trocar('compare', 'ref:' + m, 'net.plan', '--rtol', 1e-4)
    refused('build', m, '-o', 'y.plan', '--passes', 'frob', says="'frob'")
    holds(trocar('build', m, '-o', 'y.plan', '--tune', 0, '--dump-after', names[0]).err, 'conv')


@test
def bisect_names_the_change():
    m = conv_net()
    n = sum(p['changes'] for p in build(m)['passes'])
    result = trocar('build', m, '-o', 'y.plan', '--tune', 0, '--bisect', 1, '--json', 'b.json')
    equal(sum(p['changes'] for p in read_json('b.json')['passes']), 1)
    holds(result.err, 'bisect', 'change 1')
    trocar('build', m, '-o', 'y.plan', '--tune', 0, '--bisect', n + 5, '--json', 'b.json')
    equal(sum(p['changes'] for p in read_json('b.json')['passes']), n)


# ---- inspect -------------------------------------------------------------------------------


@test
def inspect_tells_what_is_in_it():
    build(conv_net(), '--golden', 2)
    out = trocar('inspect', 'net.plan', '--json', 'i.json', '--html', 'i.html').out
    holds(out, 'Inputs and outputs', 'f32[1,3,16,16]', 'Passes', 'Memory', 'Operators',
          'golden samples  2')
    report = read_json('i.json')
    equal(report['golden_samples'], 2)
    equal([i['name'] for i in report['inputs'] + report['outputs']], ['x', 'y'])
    equal(report['engine_hash'], read_json('b.json')['engine_hash'])
    holds(read('i.html'), '<h2>Memory</h2>', 'net.plan')


@test
def pictures_follow_the_plans_record():
    m = model('pic.onnx', [node('Mul', 'x one', 'y')], [info('x', F32, ['n', 3, 'h', 'w'])],
              [info('y', F32, ['n', 3, 'h', 'w'])], [weight('one', 1)])
    proto = onnx.load(m)
    for key, value in (('colour', 'bgr'), ('scale', '0.5'), ('mean', '1,2,3'), ('std', '2')):
        proto.metadata_props.add(key='trocar.input.' + key, value=value)
    onnx.save(proto, m)
    Image.new('RGB', (4, 2), (10, 20, 30)).save('p.png')
    build(m)
    trocar('run', m, '-i', 'p.png', '-o', 'want')
    trocar('run', 'net.plan', '-i', 'p.png', '--expect', 'want/output_0.npy')
    close(numpy.load('want/output_0.npy')[0, :, 1, 2],
          [(30 * .5 - 1) / 2, (20 * .5 - 2) / 2, (10 * .5 - 3) / 2])


# ---- what is refused -----------------------------------------------------------------------


@test
def damaged_plans_are_refused():
    build(conv_net())
    data = open('net.plan', 'rb').read()
    x = tensor('x.npy', numpy.zeros((1, 3, 16, 16)))
    for at in (9, 30, 70, len(data) // 2, len(data) - 1):
        bad = bytearray(data)
        bad[at] ^= 0x10
        write('bad.plan', bytes(bad))
        for verb in (['run', 'bad.plan', '-i', x], ['verify', 'bad.plan'], ['inspect', 'bad.plan']):
            refused(*verb, says='bad.plan')
    write('cut.plan', data[:len(data) // 2])
    refused('run', 'cut.plan', '-i', x, says='cut.plan')


@test
def wrong_use_is_refused():
    m = conv_net()
    refused('build', m, says=['-o PLAN', 'none'])
    refused('build', m, '-o', 'y.plan', '--device', 'tpu', says=['device', "'tpu'"])
    refused('build', m, '-o', 'y.plan', '--precision', 'fp8', says=['fp16 or bf16', "'fp8'"])
    refused('build', m, '-o', 'y.plan', '--tune', 4, says='--tune')
    refused('build', m, '-o', 'y.plan', '--shapes', 'q=1x2', says=['--shapes', "'q'"])
    refused('build', m, '-o', 'y.plan', '--shapes', 'x=1x3x8x8', says='--shapes')
    refused('build', m, '-o', 'y.plan', '--shapes', 'x=1x3', says='--shapes')
    refused('build', m, '-o', 'y.plan', '--shapes', 'x=1x3x16x16:1x3x16x16', says='MIN:OPT:MAX')
    refused('build', m, '-o', 'y.plan', '--cpu', 'sse9', says="'sse9'")
    refused('build', m, '-o', 'no/where/y.plan', says='no/where')
    refused('build', 'nothing.onnx', '-o', 'y.plan', says='nothing.onnx')
    equal(os.path.exists('y.plan'), False, 'a plan is left behind')
    refused('run', m, '-i', 'x.npy', '--cpu', 'sse9', says="'sse9'")
    holds(trocar('build', '--help').out, 'usage: trocar build', '--shapes', '--bisect')


@test
def a_failed_build_keeps_the_old_plan():
    build(conv_net())
    before = open('net.plan', 'rb').read()
    refused('build', 'net.onnx', '-o', 'net.plan', '--passes', 'frob', says='frob')
    equal(open('net.plan', 'rb').read() == before, True, 'the plan is as it was')


# ---- as ONNX -------------------------------------------------------------------------------


@test
def the_network_is_written_as_onnx():
    m = conv_net('free.onnx', batch='n', side='s')
    proto = onnx.load(m)
    proto.metadata_props.add(key='trocar.input.colour', value='bgr')
    onnx.save(proto, m)
    for name in ('a.onnx', 'b.onnx'):
        build(m, '--onnx', name)
    equal(open('a.onnx', 'rb').read() == open('b.onnx', 'rb').read(), True, 'equal bytes')
    written = onnx.load('a.onnx')
    equal([(v.name, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim])
           for v in (*written.graph.input, *written.graph.output)],
          [('x', ['n', 3, 's', 's']), ('y', ['n', 5])])
    equal([n.op_type for n in written.graph.node],
          ['Conv', 'Relu', 'Conv', 'Add', 'Relu', 'ReduceMean', 'Reshape', 'MatMul'])
    equal({p.key: p.value for p in written.metadata_props}, {'trocar.input.colour': 'bgr'})
    trocar('compare', 'ref:' + m, 'ref:a.onnx', '--shapes', 'x=2x3x16x16', '--rtol', 1e-5)
    refused('build', m, '-o', 'y.plan', '--tune', 0, '--onnx', 'no/where.onnx', says='no/where')


@test
def a_record_is_left_out_of_the_onnx_model():
    m = conv_net()
    write('r.json', '{"inputs": {"x": {"format": "rgb8"}}}')
    build(m, '--record', 'r.json', '--onnx', 'a.onnx')
    trocar('compare', 'ref:' + m, 'ref:a.onnx', '--rtol', 1e-5)


@test
def a_quantized_network_is_written_as_onnx():
    m = conv_net()
    os.mkdir('data')
    rng = numpy.random.default_rng(3)
    for i in range(4):
        tensor(f'data/{i}.npy', rng.standard_normal((1, 3, 16, 16)))
    quantized = ['--precision', 'int8', '--calib', 'data', '--onnx', 'a.onnx']
    build(m, *quantized)
    written = onnx.load('a.onnx')
    ops = [n.op_type for n in written.graph.node]
    sizes = {t.name: t.dims for t in written.graph.initializer}
    layers = [n for n in written.graph.node if n.op_type in ('Conv', 'MatMul')]
    makers = {n.output[0]: n for n in written.graph.node}
    equal([makers[n.input[1]].op_type for n in layers], ['DequantizeLinear'] * 3)
    equal([makers[n.input[0]].op_type for n in layers], ['DequantizeLinear'] * 3)
    equal([len(sizes[makers[n.input[1]].input[1]]) for n in layers], [1] * 3, 'ranks of scales')
    if ops.count('QuantizeLinear') < 3:
        raise Mismatch(f'operators: {ops}')
    trocar('run', 'net.plan', '-i', 'data/0.npy', '-o', 'want')
    trocar('run', 'ref:a.onnx', '-i', 'data/0.npy', '-o', 'got')
    want = numpy.load('want/output_0.npy')
    close(numpy.load('got/output_0.npy'), want, 0.02 * abs(want).max())


@test
def what_has_no_form_in_onnx_is_refused():
    plugin = node('EfficientNMS_TRT', 'b s', 'n o v k', name='nms', score_threshold=.1,
                  max_output_boxes=2, background_class=-1)
    m = model('nms.onnx', [plugin], [info('b', F32, [1, 3, 4]), info('s', F32, [1, 3, 2])],
              [info(name, t, None) for name, t in zip('novk', (I32, F32, F32, I32))])
    refused('build', m, '-o', 'y.plan', '--tune', 0, '--onnx', 'a.onnx',
            says=['--onnx', "'nms'", '`detect`', 'no form in ONNX'])
    equal([f for f in ('a.onnx', 'y.plan') if os.path.exists(f)], [], 'files left behind')


@test
def levels_and_onnx_runtime_agree():
    need_ort()
    m = conv_net()
    for level in ('generic', 'native'):
        trocar('compare', 'ort:' + m, m, '--cpu', level, '--random', 2, '--rtol', 1e-4)


main()
