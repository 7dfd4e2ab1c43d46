#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar inspect."""
import html.parser
import os

import numpy
import onnx
from onnx import helper

from _kit import (BOOL, F16, F32, U8, Mismatch, equal, expect_text, holds, info, main, model,
                  node, read, read_json, refused, test, trocar, weight, write)


def network(path='net.onnx', opset=17, **fields):
    """Convolution, activation, pooling, product: nothing to complain about."""
    return model(path, [node('Conv', 'x w b', 'c', name='conv', pads=[1, 1, 1, 1]),
                        node('Relu', 'c', 'r', name='relu'),
                        node('GlobalAveragePool', 'r', 'p', name='pool'),
                        node('Flatten', 'p', 'f', name='flatten'),
                        node('MatMul', 'f m', 'y', name='head')],
                 [info('x', F32, ['batch', 3, 8, 8])], [info('y', F32, ['batch', 10])],
                 [weight('w', numpy.ones((4, 3, 3, 3))), weight('b', numpy.ones(4)),
                  weight('m', numpy.ones((4, 10)))], opset, **fields)


def inspect(path, code=0):
    trocar('inspect', path, '--json', 'i.json', code=code)
    return read_json('i.json')


def warnings(path, code=0):
    """Findings by the check's id."""
    return {w['id']: w['where'] for w in inspect(path, code)['warnings']}


def unary(path, nodes, weights=(), shape=(2, 3), out=None, **fields):
    """x to y, both of one shape."""
    return model(path, nodes, [info('x', F32, shape)],
                 [info('y', F32, shape if out is None else out)], weights, **fields)


# ---- what it tells -------------------------------------------------------------------------


@test
def text_of_a_clean_model():
    expect_text('inspect_clean.txt', trocar('inspect', network()).out)


@test
def text_of_a_model_with_accidents():
    m = model('bad.onnx', [node('Identity', 'x', 'a', name='same'),
                           node('Add', 'one one', 'two', name='sum'),
                           node('Mul', 'a two', 'b', name='mul'),
                           node('Transpose', 'b', 'c', name='t1', perm=[1, 0]),
                           node('Transpose', 'c', 'y', name='t2', perm=[1, 0])],
              [info('x', F32, [2, None])], [info('y', F32, [2, None])],
              [weight('one', [1]), weight('spare', [1, 2])], opset=11)
    expect_text('inspect_accidents.txt', trocar('inspect', m).out)


@test
def numbers_are_right():
    report = inspect(network())
    macs = {k['node']: k['macs'] for k in report['layers']}
    equal(macs, {'conv': 4 * 8 * 8 * 3 * 9, 'head': 40})
    equal(report['macs'], sum(macs.values()))
    equal((report['weights'], report['weight_bytes']), (108 + 4 + 40, 4 * (108 + 4 + 40)))
    # Convolution and activation, 4 x 8 x 8 floats each, are alive at the activation.
    equal(report['peak_activation_bytes'], 2 * 4 * 8 * 8 * 4)
    equal(report['free_sizes_count_as_1'], True)
    equal(report['inputs'], [{'name': 'x', 'kind': 'tensor', 'type': 'f32',
                              'shape': ['batch', 3, 8, 8]}])
    equal(report['opsets'], [{'domain': '', 'version': 17}])
    equal((report['ir_version'], report['producer'], report['nodes']), (8, 'test', 5))
    equal({o['operator']: o['nodes'] for o in report['operators']},
          {'Conv': 1, 'Relu': 1, 'GlobalAveragePool': 1, 'Flatten': 1, 'MatMul': 1})
    equal((report['warnings'], report['import_error']), ([], None))


@test
def multiplications_of_each_kind():
    m = model('m.onnx', [node('ConvTranspose', 'x wt', 'a', name='up'),
                         node('Einsum', 'p q', 'e', name='ein', equation='bij,bjk->bik'),
                         node('LSTM', 's lw lr', 'l', name='lstm', hidden_size=5),
                         node('Conv', 'x wg', 'g', name='group', group=2)],
              [info('x', F32, [1, 4, 6, 6]), info('p', F32, [2, 3, 4]), info('q', F32, [2, 4, 5]),
               info('s', F32, [7, 2, 3])],
              [info('a', F32, None), info('e', F32, None), info('l', F32, None),
               info('g', F32, None)],
              [weight('wt', numpy.ones((4, 2, 3, 3))), weight('lw', numpy.ones((1, 20, 3))),
               weight('lr', numpy.ones((1, 20, 5))), weight('wg', numpy.ones((6, 2, 1, 1)))])
    macs = {k['node']: k['macs'] for k in inspect(m)['layers']}
    equal(macs, {'up': 4 * 36 * 2 * 9, 'ein': 2 * 3 * 4 * 5, 'lstm': 7 * 2 * 20 * 8,
                 'group': 36 * 6 * 2})


@test
def unsupported_operators_come_all_at_once():
    m = model('u.onnx', [node('Frob', 'x', 'a', domain='org.one', name='f1'),
                         node('Frob', 'a', 'b', domain='org.one', name='f2'),
                         node('RandomNormalLike', 'b', 'c', name='r'),
                         node('Identity', 'c', 'y', name='i')],
              [info('x', F32, [2])], [info('y', F32, [2])], opsets={'org.one': 3})
    result = refused('inspect', m, '--json', 'i.json', '--html', 'i.html',
                     says=['u.onnx', "'f1'", 'Frob'])
    holds(result.out, 'not supported', 'Frob', 'org.one', 'RandomNormalLike', 'nodes that change')
    report = read_json('i.json')
    equal([(o['operator'], o['nodes']) for o in report['operators'] if not o['supported']],
          [('Frob', 2), ('RandomNormalLike', 1)])
    holds(report['import_error'], 'Frob')
    holds(read('i.html'), 'Frob', 'cannot be imported')


@test
def nodes_within_functions_and_branches_count():
    branch = helper.make_graph([node('Frob', '', 'k', domain='org.one')], 'b', [],
                               [info('k', F32, [2])])
    m = model('u.onnx', [helper.make_node('If', ['c'], ['y'], then_branch=branch,
                                          else_branch=branch)],
              [info('c', BOOL, [])], [info('y', F32, [2])], opsets={'org.one': 3})
    report = inspect(m, code=2)
    equal({o['operator']: o['nodes'] for o in report['operators']}, {'If': 1, 'Frob': 2})


@test
def files_that_are_no_models_are_refused():
    data = open(network(), 'rb').read()
    refused('inspect', write('cut.onnx', data[:-10]), says='cut.onnx')
    refused('inspect', 'nothing.onnx', says=['nothing.onnx', 'No such file'])
    refused('inspect', says='expected')
    refused('inspect', 'net.onnx', '--json', 'no/such/folder.json', says='no/such/folder.json')


# ---- the page ------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    VOID = {'meta', 'br'}

    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attrs):
        names = {k for k, _ in attrs}
        if tag in ('script', 'link', 'img', 'iframe') or names & {'src', 'href'}:
            raise Mismatch(f'the page fetches something: <{tag} {attrs}>')
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        equal(self.open.pop(), tag, 'closing tag')

    def handle_data(self, data):
        self.text.append(data)


@test
def page_stands_alone():
    m = unary('<b>&.onnx', [node('Identity', 'x', 'a<i>'), node('Relu', 'a<i>', 'y')])
    trocar('inspect', m, '--html', 'i.html')
    page = Page()
    page.feed(read('i.html'))
    equal(page.open, [], 'open tags')
    text = ''.join(page.text)
    holds(text, '<b>&.onnx', "'a<i>'", 'nodes that change nothing', 'Relu')
    if '@import' in read('i.html') or 'url(' in read('i.html'):
        raise Mismatch('the style fetches something')


# ---- the checks ----------------------------------------------------------------------------


@test
def frozen_sizes():
    reshape = [node('Reshape', 'x s', 'y', name='flat')]
    m = model('m.onnx', reshape, [info('x', F32, ['batch', 4])], [info('y', F32, [1, 4])],
              [weight('s', [1, 4], 'int64')])
    holds(warnings(m)['frozen'][0], "'flat'", 'batch', 'f32[1,4]')
    m = model('ok.onnx', reshape, [info('x', F32, ['batch', 4])], [info('y', F32, ['batch', 4])],
              [weight('s', [-1, 4], 'int64')])
    equal('frozen' in warnings(m), False)
    m = model('n.onnx', [node('Relu', 'x', 'y')], [info('x', F32, [1, 4])],
              [info('y', F32, ['batch_size', 4])])
    holds(warnings(m)['frozen'][0], "'y'", 'batch_size')


@test
def free_sizes_without_names():
    m = model('m.onnx', [node('Relu', 'x', 'y')], [info('x', F32, [None, 'h', 4])],
              [info('y', F32, None)])
    equal(warnings(m)['nameless'], ["input 'x', axis 0"])


@test
def unknown_ranks():
    m = model('m.onnx', [node('Relu', 'x', 'y', name='relu')], [info('x', F32, None)],
              [info('y', F32, None)])
    found = warnings(m)['unranked']
    holds(' '.join(found), "input 'x'", "'y'", "'relu'")


@test
def constants_at_run_time():
    nodes = [node('Sqrt', 'w', 'a', name='root'), node('Neg', 'a', 'b', name='neg'),
             node('Shape', 'x', 's', name='shape'), node('ReduceSum', 's', 'n', name='count'),
             node('Cast', 'n', 'k', name='cast', to=F32), node('Mul', 'x b', 'u', name='mul'),
             node('Add', 'u k', 'y', name='add'), node('DequantizeLinear', 'q qs', 'd', name='dq'),
             node('Add', 'y d', 'z', name='add2')]
    m = model('m.onnx', nodes, [info('x', F32, [2, 3])], [info('z', F32, [2, 3])],
              [weight('w', [4]), weight('q', [1, 2, 3], 'int8'), weight('qs', .5)])
    equal(warnings(m)['constant'],
          [f"node '{n}'" + f' ({k})' for n, k in (('root', 'Sqrt'), ('neg', 'Neg'),
                                                  ('shape', 'Shape'), ('count', 'ReduceSum'),
                                                  ('cast', 'Cast'))])


@test
def nodes_that_change_nothing():
    chain = [('Identity', '', {}), ('Dropout', '', {}), ('Cast', '', {'to': F32}),
             ('Reshape', ' shape', {}), ('Transpose', '', {'perm': [0, 1]}),
             ('Slice', ' zero end zero', {}), ('Concat', '', {'axis': 0}), ('Expand', ' shape', {}),
             ('Slice', ' last least zero back', {}), ('Relu', '', {})]
    nodes = [node(kind, (f't{i}' if i else 'x') + more, f't{i + 1}' if i + 1 < len(chain) else 'y',
                  name=f'n{i}', **attributes)
             for i, (kind, more, attributes) in enumerate(chain)]
    m = unary('m.onnx', nodes,
              [weight('shape', [2, 3], 'int64'), weight('zero', [0], 'int64'),
               weight('end', [2], 'int64'), weight('last', [-1], 'int64'),
               weight('least', [-9], 'int64'), weight('back', [-1], 'int64')])
    equal(warnings(m)['redundant'],
          [f"node 'n{i}' ({chain[i][0]})" for i in range(len(chain) - 2)])


@test
def pairs_that_are_one():
    nodes = [node('Transpose', 'x', 'a', name='t1', perm=[1, 0]),
             node('Transpose', 'a', 'b', name='t2', perm=[1, 0]),
             node('Reshape', 'b s', 'c', name='r1'), node('Squeeze', 'c', 'y', name='r2')]
    m = unary('m.onnx', nodes, [weight('s', [6, 1], 'int64')], out=[6])
    equal(len(warnings(m)['chain']), 2)
    used_twice = nodes[:2] + [node('Add', 'a a', 'z'), node('MatMul', 'b z', 'y')]
    equal('chain' in warnings(unary('n.onnx', used_twice, out=[2, 2])), False)


@test
def nodes_and_weights_nobody_uses():
    m = unary('m.onnx', [node('Relu', 'x', 'y'), node('Neg', 'x', 'n', name='left')],
              [weight('w', [1, 2])])
    found = warnings(m)
    equal(found['dead'], ["node 'left' (Neg)"])
    equal(found['unused'], ["'w', 8 bytes"])


@test
def training_mode():
    m = unary('m.onnx', [node('Dropout', 'x r t', 'y', name='drop')],
              [weight('r', 0.5), weight('t', True, 'bool')])
    equal(warnings(m, code=2)['training'], ["node 'drop' (Dropout)"])
    off = unary('n.onnx', [node('Dropout', 'x r t', 'y', name='drop')],
                [weight('r', 0.5), weight('t', False, 'bool')])
    equal('training' in warnings(off), False)
    bn = model('b.onnx', [node('BatchNormalization', 'x s b m v', 'y m2 v2', name='bn',
                               training_mode=1)],
               [info('x', F32, [1, 2, 3])], [info('y', F32, [1, 2, 3])],
               [weight(n, [1, 1]) for n in 'sbmv'])
    equal(warnings(bn, code=2)['training'], ["node 'bn' (BatchNormalization)"])


@test
def weights_that_are_inputs():
    m = model('m.onnx', [node('Add', 'x w', 'y')], [info('x', F32, [2]), info('w', F32, [2])],
              [info('y', F32, [2])], [weight('w', [1, 2])])
    equal(warnings(m)['replaceable'], ["'w'"])
    equal([i['name'] for i in inspect(m)['inputs']], ['x'])


@test
def weights_that_are_there_twice():
    big = numpy.arange(100)
    m = unary('m.onnx', [node('Add', 'x a', 't'), node('Add', 't b', 'u'), node('Add', 'u c', 'y')],
              [weight('a', big), weight('b', big), weight('c', big + 1)], shape=[100])
    equal(warnings(m)['duplicate'], ["'b' is 'a', 400 bytes"])


@test
def external_files():
    m = network()
    onnx.save_model(onnx.load(m), 'ext.onnx', save_as_external_data=True, location='ext.bin',
                    size_threshold=0)
    equal(len(warnings('ext.onnx')['external']), 1)
    holds(warnings('ext.onnx')['external'][0], "'ext.bin'")
    os.remove('ext.bin')
    refused('inspect', 'ext.onnx', says='ext.bin')


@test
def what_weights_hold():
    m = unary('m.onnx', [node('Add', 'x a', 't'), node('Mul', 't b', 'y')],
              [weight('a', [numpy.nan, numpy.inf, 1]), weight('b', [1, -7e4, 2])])
    found = warnings(m)
    equal(found['nonfinite'], ["'a': 1 NaN, 1 infinite elements"])
    equal(found['half_range'], ["'b': up to 7e+04"])


@test
def epsilons_in_half_precision():
    def net(path, kind):
        return model(path, [node('LayerNormalization', 'x s', 'y', name='ln', epsilon=1e-12)],
                     [info('x', kind, [2, 3])], [info('y', kind, [2, 3])],
                     [weight('s', [1, 1, 1], 'float16' if kind == F16 else 'float32')])
    equal(warnings(net('h.onnx', F16))['half_epsilon'],
          ["node 'ln' (LayerNormalization): 1e-12"])
    equal('half_epsilon' in warnings(net('f.onnx', F32)), False)


@test
def zero_points():
    def net(path, zero, kind):
        return unary(path, [node('QuantizeLinear', 'x s z', 'q', name='q'),
                            node('DequantizeLinear', 'q s z', 'y', name='dq')],
                     [weight('s', .5), weight('z', zero, kind)])
    equal(warnings(net('m.onnx', 128, 'uint8'))['zero_point'], ["node 'q' (QuantizeLinear)"])
    equal('zero_point' in warnings(net('n.onnx', 0, 'int8')), False)
    m = model('d.onnx', [node('DequantizeLinear', 'x s z', 'y', name='dq')], [info('x', U8, [2])],
              [info('y', F32, [2])], [weight('s', .5), weight('z', 3, 'uint8')])
    equal(warnings(m)['zero_point'], ["node 'dq' (DequantizeLinear)"])


@test
def where_the_model_comes_from():
    m = unary('m.onnx', [node('Gelu', 'x', 'y', domain='com.microsoft', name='g')],
              opsets={'com.microsoft': 1})
    holds(warnings(m)['ort_optimized'][0], 'com.microsoft.Gelu', "'g'")
    equal(warnings(unary('o.onnx', [node('Relu', 'x', 'y')], opset=12, ir=7))['old_opset'],
          ['opset 12'])
    holds(warnings(unary('i.onnx', [node('Relu', 'x', 'y')], opset=17, ir=9))['new_ir'][0],
          'version 9', 'version 8')
    equal(warnings(unary('c.onnx', [node('Relu', 'x', 'y')], opset=13, ir=7)), {})


@test
def help_names_the_options():
    holds(trocar('inspect', '--help').out, '--html', '--json', 'exit code')


main()
