# SPDX-License-Identifier: Apache-2.0
"""Cases of test_opsets.py: If, Loop, Scan, with names of the graph around used inside."""
import numpy

from onnx import helper

from opset_kit import TYPES, Tensor, p


def info(name, dtype='f32', shape=None):
    return helper.make_tensor_value_info(name, TYPES[dtype][0], shape)


def body(nodes, inputs, outputs):
    return helper.make_graph(nodes, 'body', inputs, outputs)


def node(op, ins, outs, **attrs):
    return helper.make_node(op, ins.split(), outs.split(), **attrs)


def add_if(c):
    x = c.rng.any((2, 3))
    for value in (True, False):
        yes = body([node('Add', 'x x', 'a')], [], [info('a')])
        no = body([node('Neg', 'x', 'b')], [], [info('b')])
        branches = {'then_branch': yes, 'else_branch': no}
        c.graph('If', f'captures {value}', [node('If', 'k', 'y', **branches)],
                {'x': x, 'k': p(value, 'bool')}, {'y': 'f32'})
        wide = body([node('Concat', 'x x', 'a', axis=1)], [], [info('a')])
        c.graph('If', f'other shapes {value}',
                [node('If', 'k', 'y', then_branch=wide, else_branch=no)],
                {'x': x, 'k': p(value, 'bool')}, {'y': 'f32'}, lo=11)
        inner = body([node('If', 'k', 'i', **branches), node('Mul', 'i x', 'o')], [], [info('o')])
        c.graph('If', f'nested {value}', [node('If', 'k', 'y', then_branch=inner, else_branch=no)],
                {'x': x, 'k': p(value, 'bool')}, {'y': 'f32'})
        two = [body([node(op, 'x', 'a'), node('Abs', 'a', 'b')], [], [info('a'), info('b')])
               for op in ('Neg', 'Identity')]
        c.graph('If', f'two outputs {value}',
                [node('If', 'k', 'y z', then_branch=two[0], else_branch=two[1])],
                {'x': x, 'k': p(value, 'bool')}, {'y': 'f32', 'z': 'f32'})


def loop_body(extra=()):
    """Counts i, carries v, and gives a scan output."""
    nodes = [node('Add', 'v x', 'w'), node('Mul', 'w w', 's'), *extra]
    return nodes, [info('i', 'i64', []), info('go', 'bool', []), info('v')]


def add_loop(c):
    x, v = c.rng.any((2, 3)), c.rng.any((2, 3))
    nodes, ins = loop_body([node('Identity', 'go', 'stays')])
    for_body = body(nodes, ins, [info('stays', 'bool', []), info('w'), info('s', 'f32', [2, 3])])
    for trips in (0, 1, 4):
        inputs = {'x': x, 'v0': v, 'n': p(trips), 't': p(True, 'bool')}
        outs = {'y': 'f32', 'z': 'f32'}
        if trips:
            c.graph('Loop', f'for {trips}', [helper.make_node('Loop', ['n', '', 'v0'], ['y', 'z'],
                                                              body=for_body)],
                    {k: t for k, t in inputs.items() if k != 't'}, outs)
        c.graph('Loop', f'for and while {trips}', [node('Loop', 'n t v0', 'y z', body=for_body)],
                inputs,
                outs, is_fixed=trips == 0)
    nodes, ins = loop_body([node('ReduceSum', 's', 'sum', keepdims=0),
                            node('Less', 'sum most', 'stays')])
    while_body = body(nodes, ins, [info('stays', 'bool', []), info('w'), info('s')])
    for most in (-1.0, 50.0):
        c.graph('Loop', f'while {most}', [helper.make_node('Loop', ['', 't', 'v0'], ['y', 'z'],
                                                           body=while_body)],
                {'x': Tensor(numpy.abs(x.data) + 1), 'v0': v, 't': p(True, 'bool'),
                 'most': p(most, 'f32')},
                {'y': 'f32', 'z': 'f32'}, lo=9)
    for start in (True, False):
        c.graph('Loop', f'stopped {start}', [node('Loop', 'n t v0', 'y z', body=for_body)],
                {'x': x, 'v0': v, 'n': p(3), 't': p(start, 'bool')}, {'y': 'f32', 'z': 'f32'},
                is_fixed=not start)
    grows = body([node('Concat', 'v x', 'w', axis=0), node('Identity', 'go', 'stays')],
                 [info('i', 'i64', []), info('go', 'bool', []), info('v', 'f32', [None, 3])],
                 [info('stays', 'bool', []), info('w', 'f32', [None, 3])])
    c.graph('Loop', 'grows', [node('Loop', 'n t v0', 'y', body=grows)],
            {'x': x, 'v0': v, 'n': p(3), 't': p(True, 'bool')}, {'y': 'f32'})
    counts = body([node('Cast', 'i', 'f', to=1), node('Mul', 'f x', 's'),
                   node('Identity', 'go', 'stays')],
                  [info('i', 'i64', []), info('go', 'bool', [])],
                  [info('stays', 'bool', []), info('s')])
    c.graph('Loop', 'no state', [node('Loop', 'n t', 'z', body=counts)],
            {'x': x, 'n': p(3), 't': p(True, 'bool')}, {'z': 'f32'}, lo=11)


def add_scan(c):
    sums = body([node('Add', 'acc e', 'acc1'), node('Mul', 'acc1 k', 's')],
                [info('acc', 'f32', [3]), info('e', 'f32', [3])],
                [info('acc1', 'f32', [3]), info('s', 'f32', [3])])
    start, k = c.rng.any((3,)), p([1.5], 'f32')
    for label, shape, attrs in (
            ('forward', (4, 3), {}), ('reverse input', (4, 3), {'scan_input_directions': [1]}),
            ('reverse output', (4, 3), {'scan_output_directions': [1]}),
            ('both', (4, 3), {'scan_input_directions': [1], 'scan_output_directions': [1]}),
            ('axis 1', (3, 4), {'scan_input_axes': [1]}),
            ('output axis 1', (4, 3), {'scan_output_axes': [1]}),
            ('axis -1', (3, 4), {'scan_input_axes': [-1], 'scan_output_axes': [-1]})):
        c.graph('Scan', label, [node('Scan', 'a0 x', 'y z', body=sums, num_scan_inputs=1, **attrs)],
                {'a0': start, 'x': c.rng.any(shape), 'k': k}, {'y': 'f32', 'z': 'f32'},
                lo=11 if '-1' in label else 9)
    c.graph('Scan', 'opset 8', [helper.make_node('Scan', ['', 'a0', 'x'], ['y', 'z'], body=sums,
                                                 num_scan_inputs=1)],
            {'a0': c.rng.any((2, 3)), 'x': c.rng.any((2, 4, 3)), 'k': k}, {'y': 'f32', 'z': 'f32'},
            lo=8, hi=8)
    two = body([node('Mul', 'e f', 's')], [info('e', 'f32', [3]), info('f', 'f32', [])],
               [info('s', 'f32', [3])])
    c.graph('Scan', 'no state', [node('Scan', 'x w', 'z', body=two, num_scan_inputs=2)],
            {'x': c.rng.any((4, 3)), 'w': c.rng.any((4,))}, {'z': 'f32'}, lo=9)


def add_all(c):
    add_if(c)
    add_loop(c)
    add_scan(c)
