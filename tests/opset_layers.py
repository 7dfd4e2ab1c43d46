# SPDX-License-Identifier: Apache-2.0
"""Cases of test_opsets.py: convolution, pooling, products, recurrent, attention, signal,
quantization."""
import numpy

from opset_kit import Param, Tensor, as_type, p

import opset_control


def weights(c, shape, dtype='f32'):
    t = c.rng.any(shape, dtype)
    return Param(t.data, t.dtype)


# ---- convolution ---------------------------------------------------------------------------


def add_conv(c):
    def conv(label, x, w, bias=True, **attrs):
        ins = [c.rng.any(x), weights(c, w), *([weights(c, (w[0],))] if bias else [])]
        c.add('Conv', label, ins, **attrs)
    conv('1-D', (2, 3, 9), (4, 3, 3), pads=[1, 1])
    conv('2-D', (1, 3, 6, 7), (4, 3, 3, 2))
    conv('3-D', (1, 2, 4, 5, 6), (3, 2, 2, 3, 2), pads=[0, 1, 1, 1, 0, 1], strides=[1, 2, 1])
    conv('no bias', (1, 3, 6, 7), (4, 3, 3, 3), bias=False, kernel_shape=[3, 3])
    conv('strides', (1, 3, 8, 9), (2, 3, 3, 3), strides=[2, 3], pads=[1, 0, 2, 1])
    conv('dilations', (1, 3, 9, 9), (2, 3, 3, 3), dilations=[2, 3], pads=[2, 3, 2, 3])
    conv('groups', (2, 6, 5, 5), (4, 3, 3, 3), group=2)
    conv('depthwise', (1, 4, 5, 5), (8, 1, 3, 3), group=4, pads=[1, 1, 1, 1])
    conv('1x1', (2, 4, 3, 3), (5, 4, 1, 1))
    for mode in ('SAME_UPPER', 'SAME_LOWER', 'VALID', 'NOTSET'):
        for stride in (1, 2, 3):
            conv(f'{mode} {stride}', (1, 2, 7, 8), (2, 2, 3, 4), auto_pad=mode,
                 strides=[stride, stride])
        if mode in ('VALID', 'NOTSET'):
            conv(f'{mode} dilated', (1, 2, 9, 8), (2, 2, 3, 2), auto_pad=mode, dilations=[2, 3])
    c.add('Conv', 'empty bias', [c.rng.any((1, 2, 4, 4)), weights(c, (2, 2, 3, 3)), None])
    c.add('Conv', 'f16', [c.rng.any((1, 2, 4, 4), 'f16'), weights(c, (2, 2, 3, 3), 'f16')])
    c.add('Conv', 'no pictures', [c.rng.any((0, 2, 4, 4)), weights(c, (2, 2, 3, 3))])
    for pads, groups in (([0, 0, 0, 0], 1), ([1, 1, 1, 1], 2)):
        x = c.rng.ints((1, 2, 5, 5), 'u8', 0, 255)
        w = c.rng.ints((2, 2 // groups, 3, 3), 'u8', 0, 255)
        c.add('ConvInteger', f'{groups}', [x, Param(w.data)], ['i32'], pads=pads, group=groups)
        c.add('ConvInteger', f'{groups} zero points', [x, Param(w.data), p(100, 'u8'), p(30, 'u8')],
              ['i32'], pads=pads, group=groups)
    c.add('ConvInteger', 'x zero point', [x, Param(w.data), p(7, 'u8')], ['i32'], group=2)


def add_conv_transpose(c):
    def transposed(label, x, w, bias=True, **attrs):
        n = w[1] * attrs.get('group', 1)
        ins = [c.rng.any(x), weights(c, w), *([weights(c, (n,))] if bias else [])]
        c.add('ConvTranspose', label, ins, **attrs)
    transposed('1-D', (2, 3, 5), (3, 2, 3), strides=[2])
    transposed('2-D', (1, 3, 4, 5), (3, 2, 3, 2))
    transposed('3-D', (1, 2, 2, 3, 3), (2, 2, 2, 2, 3), strides=[2, 1, 2])
    transposed('strides and pads', (1, 3, 4, 5), (3, 2, 3, 3), strides=[2, 3], pads=[1, 0, 1, 2])
    transposed('output_padding', (1, 3, 4, 5), (3, 2, 3, 3), strides=[2, 3], pads=[1, 1, 1, 1],
               output_padding=[1, 2])
    transposed('groups', (1, 4, 3, 3), (4, 2, 3, 3), group=2, strides=[2, 2])
    transposed('depthwise', (1, 4, 3, 3), (4, 1, 2, 2), group=4, strides=[2, 2], bias=False)
    transposed('dilations', (1, 2, 4, 4), (2, 2, 3, 3), dilations=[2, 2])
    for mode in ('SAME_UPPER', 'SAME_LOWER', 'VALID'):
        for stride in (1, 2, 3):
            transposed(f'{mode} {stride}', (1, 2, 4, 5), (2, 2, 3, 4), auto_pad=mode,
                       strides=[stride, stride])
        if mode != 'VALID':
            transposed(f'{mode} output_shape', (1, 2, 4, 5), (2, 2, 3, 3), auto_pad=mode,
                       strides=[2, 2], output_shape=[8, 10])
    for shape in ([9, 11], [10, 12], [8, 10]):
        transposed(f'output_shape {shape}', (1, 2, 4, 5), (2, 2, 3, 3), strides=[2, 2],
                   output_shape=shape)
    transposed('output_shape and padding', (1, 2, 4, 5), (2, 2, 3, 3), strides=[2, 2],
               output_shape=[10, 12], output_padding=[1, 1])


def add_deform(c):
    for groups, offsets in ((1, 1), (2, 1), (1, 2)):
        x, w = c.rng.any((1, 4, 5, 6)), weights(c, (2, 4 // groups, 2, 2))
        offset = c.rng.reals((1, offsets * 8, 4, 5))
        mask = c.rng.reals((1, offsets * 4, 4, 5), 'f32', 0, 1)
        attrs = {'group': groups, 'offset_group': offsets, 'kernel_shape': [2, 2]}
        c.add('DeformConv', f'{groups} {offsets}', [x, w, offset], **attrs)
        c.add('DeformConv', f'{groups} {offsets} bias and mask',
              [x, w, offset, weights(c, (2,)), mask],
              **attrs)
        c.add('DeformConv', f'{groups} {offsets} mask', [x, w, offset, None, mask], **attrs)


# ---- pooling -------------------------------------------------------------------------------

POOLS = (('1-D', (2, 3, 9), {'kernel_shape': [3]}),
         ('2-D', (1, 2, 6, 7), {'kernel_shape': [3, 2]}),
         ('3-D', (1, 2, 4, 5, 4), {'kernel_shape': [2, 3, 2], 'strides': [1, 2, 2]}),
         ('strides', (1, 2, 7, 8), {'kernel_shape': [3, 3], 'strides': [2, 3]}),
         ('pads', (1, 2, 7, 8), {'kernel_shape': [3, 3], 'strides': [2, 2], 'pads': [1, 0, 1, 2]}),
         ('wide pads', (1, 1, 4, 4), {'kernel_shape': [3, 3], 'pads': [2, 2, 2, 2]}),
         ('upper', (1, 2, 7, 8), {'kernel_shape': [3, 2], 'strides': [2, 2],
                                  'auto_pad': 'SAME_UPPER'}),
         ('lower', (1, 2, 7, 8), {'kernel_shape': [3, 2], 'strides': [2, 2],
                                  'auto_pad': 'SAME_LOWER'}),
         ('valid', (1, 2, 7, 8), {'kernel_shape': [3, 2], 'strides': [2, 2], 'auto_pad': 'VALID'}))
CEIL = (('ceil', (1, 2, 6, 7), {'kernel_shape': [3, 3], 'strides': [2, 2]}),
        ('ceil pads', (1, 2, 6, 7), {'kernel_shape': [3, 3], 'strides': [2, 2],
                                     'pads': [1, 1, 1, 1]}),
        ('ceil right pad', (1, 1, 2, 2), {'kernel_shape': [1, 1], 'strides': [2, 2],
                                         'pads': [0, 0, 0, 0]}),
        ('ceil starts in pad', (1, 1, 4, 4), {'kernel_shape': [2, 2], 'strides': [3, 3],
                                             'pads': [1, 1, 1, 1]}),
        ('ceil 1-D', (1, 2, 8), {'kernel_shape': [3], 'strides': [3]}))


def add_pools(c):
    for label, shape, attrs in POOLS + CEIL:
        is_ceil = label.startswith('ceil')
        lo, more = (10, {'ceil_mode': 1}) if is_ceil else (7, {})
        x = c.rng.distinct(shape)
        c.add('MaxPool', label, [x], lo=lo, **attrs, **more)
        c.add('MaxPool', f'{label} indices', [x], ['f32', 'i64'], lo=max(lo, 8), **attrs, **more)
        for pad in (0, 1):
            c.add('AveragePool', f'{label} {pad}', [x], lo=lo, count_include_pad=pad, **attrs,
                  **more)
        for order in (1, 2, 3):
            c.add('LpPool', f'{label} {order}', [x], lo=18 if is_ceil else 7, p=order, **attrs,
                  **more)
    for shape, dilations in (((1, 2, 9), [2]), ((1, 2, 8, 9), [2, 3])):
        attrs = {'kernel_shape': [2] * len(dilations), 'dilations': dilations}
        x = c.rng.distinct(shape)
        for ceil in (0, 1):
            more = {**attrs, 'ceil_mode': ceil, 'strides': [2] * len(dilations)}
            c.add('MaxPool', f'{dilations} {ceil}', [x], ['f32', 'i64'], lo=10, **more)
            c.add('AveragePool', f'{dilations} {ceil}', [x], lo=19, **more)
            c.add('AveragePool', f'{dilations} {ceil} pads', [x], lo=19, count_include_pad=1,
                  pads=[1] * 2 * len(dilations), **more)
            c.add('LpPool', f'{dilations} {ceil}', [x], lo=18, **more)
    for shape in ((1, 2, 6, 7), (2, 1, 4, 3, 5)):
        c.add('MaxPool', f'column order {shape}', [c.rng.distinct(shape)], ['f32', 'i64'], lo=8,
              kernel_shape=[2] * (len(shape) - 2), storage_order=1)
    for dtype in ('i8', 'u8', 'f16', 'f64'):
        c.add('MaxPool', dtype, [c.rng.any((1, 1, 5, 5), dtype)], lo=12 if dtype[1:] == '8' else 7,
              kernel_shape=[2, 2])
    special = numpy.float32([[[1, numpy.nan, 2, -numpy.inf, -numpy.inf, numpy.inf, 3]]])
    c.add('AveragePool', 'special', [special], kernel_shape=[2])
    c.add('MaxPool', 'infinities', [numpy.nan_to_num(special, nan=-numpy.inf, posinf=numpy.inf,
                                                     neginf=-numpy.inf)], kernel_shape=[2])
    for op in ('GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'):
        for shape in ((2, 3, 5), (2, 3, 4, 5), (1, 2, 3, 2, 2)):
            c.add(op, f'{shape}', [c.rng.any(shape)])
    for order in (1, 3):
        c.add('GlobalLpPool', f'order {order}', [c.rng.any((2, 3, 4))], p=order)
    x = c.rng.distinct((1, 2, 3, 3))
    for kernel, strides, size in (([2, 2], [2, 2], 6), ([3, 3], [2, 2], 7)):
        places = numpy.arange(18).reshape(1, 2, 3, 3) * 3
        c.add('MaxUnpool', f'{kernel}',
              [x, Tensor(places % (size * size) + places // 27 * size * size)],
              kernel_shape=kernel, strides=strides)
        c.add('MaxUnpool', f'{kernel} output_shape',
              [x, Tensor(places), p([1, 2, size + 1, size + 1])], kernel_shape=kernel,
              strides=strides)
    for shape, block, attrs in (((1, 12, 12), [2, 3], {}), ((2, 8, 4), [2, 2], {'strides': [2, 2]}),
                                ((1, 4, 9), [2, 2], {'dilations': [2, 2]}),
                                ((1, 4, 36), [2, 2], {'pads': [1, 1, 1, 1]})):
        image = {12: [4, 6], 4: [4, 4], 9: [5, 5], 36: [5, 5]}[shape[2]]
        c.add('Col2Im', f'{shape}', [c.rng.any(shape), p(image), p(block)], **attrs)


# ---- products ------------------------------------------------------------------------------


def add_products(c):
    for a, b in (((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((4,), (4, 5)),
                 ((3, 4), (4,)), ((4,), (4,)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (2, 4, 3)),
                 ((0, 4), (4, 3)), ((3, 0), (0, 4))):
        c.add('MatMul', f'{a} {b}', [c.rng.any(a), weights(c, b)])
    for dtype in ('f64', 'f16', 'i32', 'i64', 'u32'):
        c.add('MatMul', dtype, [c.rng.any((3, 4), dtype), c.rng.any((4, 2), dtype)],
              lo=9 if dtype[0] in 'iu' else 7)
    for trans_a in (0, 1):
        for trans_b in (0, 1):
            a, b = (4, 3) if trans_a else (3, 4), (5, 4) if trans_b else (4, 5)
            for bias in ((5,), (3, 1), (1, 5), (3, 5), (), (1,), None):
                ins = [c.rng.any(a), weights(c, b), *([] if bias is None else [weights(c, bias)])]
                c.add('Gemm', f'{trans_a} {trans_b} {bias}', ins, lo=11 if bias is None else 7,
                      transA=trans_a, transB=trans_b, alpha=0.5, beta=2.0)
    c.add('Gemm', 'plain', [c.rng.any((3, 4)), weights(c, (4, 5)), weights(c, (5,))])
    c.add('Gemm', 'empty bias', [c.rng.any((3, 4)), weights(c, (4, 5)), None], lo=11)
    c.add('Gemm', 'beta 0', [c.rng.any((3, 4)), weights(c, (4, 5)), weights(c, (5,))], beta=0.0)
    c.add('Gemm', 'f64', [c.rng.any((3, 4), 'f64'), c.rng.any((4, 5), 'f64'),
                          c.rng.any((5,), 'f64')])
    c.add('Gemm', 'f16', [c.rng.any((3, 4), 'f16'), c.rng.any((4, 5), 'f16'),
                          c.rng.any((5,), 'f16')])
    for equation, shapes in (('ij,jk->ik', ((2, 3), (3, 4))), ('ij,jk', ((2, 3), (3, 4))),
                             ('bij,bjk->bik', ((2, 3, 4), (2, 4, 2))), ('ii->i', ((3, 3),)),
                             ('ii', ((3, 3),)), ('...ii->...i', ((2, 3, 3),)),
                             ('...ij,...jk->...ik', ((2, 1, 2, 3), (1, 5, 3, 4))),
                             ('i,j->ij', ((3,), (4,))), ('i,i->', ((3,), (3,))),
                             ('ijk->kj', ((2, 3, 4),)),
                             ('ij->', ((2, 3),)), ('bhqd,bhkd->bhqk', ((1, 2, 3, 4), (1, 2, 5, 4))),
                             ('ab,bc,cd->ad', ((2, 3), (3, 4), (4, 2))),
                             (' i j , j -> i', ((2, 3), (3,))),
                             ('ij,...->ij...', ((2, 3), (2,))), ('ba', ((2, 3),))):
        c.add('Einsum', equation, [c.rng.any(s) for s in shapes], equation=equation)
    for dtype in ('f64', 'i64', 'i32'):
        c.add('Einsum', dtype, [c.rng.any((2, 3), dtype), c.rng.any((3, 4), dtype)],
              equation='ij,jk->ik')
    for a, b in (('u8', 'u8'), ('u8', 'i8')):
        x, y = c.rng.ints((3, 4), a, 0, 255), c.rng.ints((4, 5), b, -128 if b == 'i8' else 0, 127)
        w = Param(y.data)
        c.add('MatMulInteger', f'{a} {b}', [x, w], ['i32'])
        c.add('MatMulInteger', f'{a} {b} zero points', [x, w, p(120, a), p(3, b)], ['i32'])
        c.add('MatMulInteger', f'{a} {b} columns', [x, w, None, p([1, 2, 3, 4, 5], b)], ['i32'])
    for shape in ((2, 2), (3, 3), (2, 4, 4), (1, 1)):
        c.add('Det', f'{shape}', [c.rng.any(shape)])


# ---- recurrent, attention ------------------------------------------------------------------

GATES = {'LSTM': 4, 'GRU': 3, 'RNN': 1}


def recurrent(c, op, label, given=(), outs=None, direction=None, layout=0, **attrs):
    """given: which of the optional inputs there are."""
    n, n_dir, size, length, batch = GATES[op], 2 if direction == 'bidirectional' else 1, 3, 4, 2
    x = (batch, length, 2) if layout else (length, batch, 2)
    state = (batch, n_dir, size) if layout else (n_dir, batch, size)
    optional = {'bias': weights(c, (n_dir, 2 * n * size)), 'lengths': p([4, 2], 'i32'),
                'h': c.rng.any(state), 'c': c.rng.any(state), 'peep': weights(c, (n_dir, 3 * size))}
    names = ('bias', 'lengths', 'h', 'c', 'peep') if op == 'LSTM' else ('bias', 'lengths', 'h')
    ins = [c.rng.any(x), weights(c, (n_dir, n * size, 2)), weights(c, (n_dir, n * size, size)),
           *(optional[name] if name in given else None for name in names)]
    while ins[-1] is None:
        ins.pop()
    c.add(op, label, ins, outs or ['f32'] * (3 if op == 'LSTM' else 2), lo=14 if layout else 7,
          hidden_size=size, direction=direction, layout=layout or None, **attrs)


def add_recurrent(c):
    for op in GATES:
        for direction in (None, 'reverse', 'bidirectional'):
            recurrent(c, op, f'{direction}', (), direction=direction)
            recurrent(c, op, f'{direction} bias', ('bias',), direction=direction)
            recurrent(c, op, f'{direction} lengths', ('bias', 'lengths'), direction=direction)
            recurrent(c, op, f'{direction} state', ('bias', 'lengths', 'h', 'c'),
                      direction=direction)
        recurrent(c, op, 'state alone', ('h', 'c'))
        recurrent(c, op, 'clip', ('bias',), clip=0.4)
        recurrent(c, op, 'last alone', ('bias',), outs=['', 'f32'])
        recurrent(c, op, 'all alone', ('bias',), outs=['f32'])
    for direction in (None, 'bidirectional'):
        n = 2 if direction else 1
        recurrent(c, 'LSTM', f'peepholes {direction}', ('bias', 'h', 'c', 'peep'),
                  direction=direction)
        recurrent(c, 'LSTM', f'activations {direction}', ('bias',), direction=direction,
                  activations=['HardSigmoid', 'Softsign', 'Relu'] * n)
        recurrent(c, 'GRU', f'activations {direction}', ('bias',), direction=direction,
                  activations=['Sigmoid', 'Softsign'] * n)
        recurrent(c, 'RNN', f'activations {direction}', ('bias',), direction=direction,
                  activations=['Relu'] * n)
        recurrent(c, 'RNN', f'affine {direction}', ('bias',), direction=direction,
                  activations=['Affine'] * n, activation_alpha=[0.5] * n, activation_beta=[0.1] * n)
        recurrent(c, 'RNN', f'leaky {direction}', ('bias',), direction=direction,
                  activations=['LeakyRelu'] * n, activation_alpha=[0.3] * n)
        recurrent(c, 'GRU', f'reset {direction}', ('bias', 'h'), direction=direction,
                  linear_before_reset=1)
    recurrent(c, 'GRU', 'reset lengths', ('bias', 'h', 'lengths'), linear_before_reset=1)
    recurrent(c, 'LSTM', 'coupled', ('bias',), input_forget=1)


def add_attention(c):
    q, k, v = c.rng.any((2, 2, 3, 4)), c.rng.any((2, 2, 5, 4)), c.rng.any((2, 2, 5, 4))
    mask, bools = c.rng.any((3, 5)), Tensor(c.rng.reals((3, 5)).data > -1)
    for label, ins, attrs in (
            ('plain', [q, k, v], {}), ('scale', [q, k, v], {'scale': 0.3}),
            ('causal', [q, k, v], {'is_causal': 1}), ('mask', [q, k, v, mask], {}),
            ('bool mask', [q, k, v, bools], {}), ('softcap', [q, k, v], {'softcap': 2.0}),
            ('whole mask', [q, k, v, c.rng.any((2, 2, 3, 5))], {})):
        c.add('Attention', label, ins, **attrs)
    past = [c.rng.any((2, 2, 3, 4)), c.rng.any((2, 2, 3, 4))]
    c.add('Attention', 'past', [q, k, v, None, *past], ['f32', 'f32', 'f32'])
    groups = [c.rng.any((2, 4, 3, 4)), k, v]
    c.add('Attention', 'shared heads', groups)
    flat = [c.rng.any((2, 3, 8)), c.rng.any((2, 5, 8)), c.rng.any((2, 5, 8))]
    c.add('Attention', '3-D', flat, q_num_heads=2, kv_num_heads=2)
    for mode in range(4):
        c.add('Attention', f'scores {mode}', [q, k, v, mask], ['f32', '', '', 'f32'],
              qk_matmul_output_mode=mode)
    cos, sin = c.rng.any((10, 2)), c.rng.any((10, 2))
    places = c.rng.ints((2, 3), 'i64', 0, 10)
    for interleaved in (0, 1):
        c.add('RotaryEmbedding', f'4-D {interleaved}', [c.rng.any((2, 2, 3, 4)), cos, sin, places],
              interleaved=interleaved, is_fixed=True)
        c.add('RotaryEmbedding', f'3-D {interleaved}', [c.rng.any((2, 3, 8)), cos, sin, places],
              interleaved=interleaved, num_heads=2, is_fixed=True)
        c.add('RotaryEmbedding', f'part {interleaved}', [c.rng.any((2, 2, 3, 6)), cos, sin, places],
              interleaved=interleaved, rotary_embedding_dim=4, is_fixed=True)
    c.add('RotaryEmbedding', 'no places', [c.rng.any((2, 2, 3, 4)), c.rng.any((2, 3, 2)),
                                           c.rng.any((2, 3, 2))])


# ---- signal --------------------------------------------------------------------------------


def add_signal(c):
    for last, name in ((1, 'real'), (2, 'complex')):
        x = c.rng.any((2, 6, 5, last))
        for axis in (1, 2, -2):
            for attrs in ({}, {'inverse': 1}, {'onesided': 1}):
                if attrs.get('onesided') and last == 2:
                    continue
                label = f'{name} {axis} {attrs}'
                if axis > 0:
                    c.add('DFT', f'attribute {label}', [x], hi=19, axis=axis, **attrs)
                c.add('DFT', label, [x, None, p(axis)], lo=20, **attrs)
        for size in (4, 9):
            c.add('DFT', f'attribute {name} length {size}', [x, p(size)], hi=19)
            c.add('DFT', f'{name} length {size}', [x, p(size), p(1)], lo=20)
    c.add('DFT', 'default axis', [c.rng.any((2, 4, 6, 2))], lo=20)
    c.add('DFT', 'f64', [c.rng.any((2, 7, 1), 'f64')])
    x = c.rng.any((2, 20, 1))
    window = weights(c, (8,))
    for onesided in (0, 1):
        c.add('STFT', f'window {onesided}', [x, p(4), window], onesided=onesided)
        c.add('STFT', f'length {onesided}', [x, p(3), None, p(8)], onesided=onesided)
        c.add('STFT', f'both {onesided}', [x, p(5), window, p(8)], onesided=onesided)
    c.add('STFT', 'default', [x, p(4), window])
    for bins, size in ((8, 16), (4, 32)):
        c.add('MelWeightMatrix', f'{bins} {size}', [p(bins), p(size), p(8000), p(0.0, 'f32'),
                                                   p(4000.0, 'f32')], ['f32'])


# ---- quantization --------------------------------------------------------------------------

HALVES = [-300, -128.5, -2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 127.5, 128.5, 254.5, 300, 70000, -70000]


def add_quantize(c):
    x = as_type(HALVES, 'f32')
    for dtype in ('u8', 'i8', 'u16', 'i16'):
        lo = 21 if dtype[1:] == '16' else 7
        for zero in (0, 5):
            for scale in (1.0, 0.5, 0.3):
                c.add('QuantizeLinear', f'{dtype} {zero} {scale}',
                      [x, p(scale, 'f32'), p(zero, dtype)],
                      [dtype], lo=lo)
        values = c.rng.ints((3, 4), dtype, -100, 100)
        c.add('DequantizeLinear', dtype, [values, p(0.3, 'f32'), p(7, dtype)], ['f32'], lo=lo)
        c.add('DequantizeLinear', f'{dtype} no zero point', [values, p(0.3, 'f32')], ['f32'], lo=lo)
        for axis in (None, 0, 1, -1):
            n = 3 if axis == 0 else 4
            scales, zeros = p(numpy.arange(1, n + 1) / 4, 'f32'), p(numpy.arange(n), dtype)
            y = c.rng.reals((3, 4), 'f32', -20, 20)
            c.add('QuantizeLinear', f'{dtype} axis {axis}', [y, scales, zeros], [dtype],
                  lo=max(lo, 13), axis=axis)
            c.add('DequantizeLinear', f'{dtype} axis {axis}', [values, scales, zeros], ['f32'],
                  lo=max(lo, 13), axis=axis)
    c.add('QuantizeLinear', 'no zero point', [x, p(0.5, 'f32')], ['u8'])
    c.add('QuantizeLinear', 'special', [as_type([numpy.inf, -numpy.inf, 1e30], 'f32'),
                                        p(0.5, 'f32')],
          ['u8'])
    c.add('DequantizeLinear', 'i32', [c.rng.ints((3, 4), 'i32'), p(0.25, 'f32')], ['f32'])
    for dtype in ('i8', 'u8', 'i4', 'u4', 'i16'):
        lo, hi = (0, 15) if dtype[0] == 'u' else (-8, 8)
        scales = p(c.rng.reals((4, 3), 'f64', 0.1, 1).data, 'f32')
        zeros = Param(c.rng.ints((4, 3), 'i8', lo,
                                 hi).data.astype('i2' if dtype == 'i16' else 'u1' if
                                                                    dtype == 'u8' else 'i1'), dtype)
        values = Tensor(c.rng.ints((4, 6), 'i8', lo, hi).data.astype(zeros.data.dtype), dtype)
        for attrs in ({'axis': 1, 'block_size': 2}, {'axis': -1, 'block_size': 2}):
            c.add('DequantizeLinear', f'{dtype} {attrs}', [values, scales, zeros], ['f32'], lo=21,
                  is_fixed=True, **attrs)
            if dtype not in ('i4', 'u4'):
                c.add('QuantizeLinear', f'{dtype} {attrs}', [c.rng.reals((4, 6)), scales, zeros],
                      [dtype],
                      lo=21, is_fixed=True, **attrs)
    for to in ('f8e4m3fn', 'f8e5m2'):
        zero = Param(numpy.zeros((), numpy.uint8), to)
        c.add('QuantizeLinear', to, [x, p(0.5, 'f32'), zero], [to], lo=19)
        c.add('QuantizeLinear', f'{to} not saturating', [x, p(0.5, 'f32'), zero], [to], lo=19,
              saturate=0)
    c.add('QuantizeLinear', 'output_dtype', [x, p(0.5, 'f32')], ['i8'], lo=21, output_dtype=3)
    for values in (x, c.rng.reals((3, 4), 'f32', 1, 5), c.rng.reals((9,), 'f32', -5, -1),
                   numpy.zeros((2, 2), numpy.float32), c.rng.reals((4, 5))):
        label = f'{len(c.all)}'
        c.add('DynamicQuantizeLinear', label, [values], ['u8', 'f32', 'u8'])


def add_quantized_products(c):
    def scale():
        return p(float(c.rng.reals((), 'f32', 0.01, 0.1).data), 'f32')
    for dtype in ('u8', 'i8'):
        x, y = c.rng.ints((2, 3, 4), dtype, -128, 127), c.rng.ints((4, 5), dtype, -128, 127)
        rest = [p(0.4, 'f32'), p(9, dtype)]
        c.add('QLinearMatMul', dtype, [x, scale(), p(3, dtype), Param(y.data), scale(),
                                       p(4, dtype), *rest])
        image = c.rng.ints((1, 4, 5, 5), dtype, -128, 127)
        kernel = c.rng.ints((6, 2, 3, 3), dtype, -128, 127)
        ins = [image, scale(), p(3, dtype), Param(kernel.data), scale(),
               p(4 if dtype == 'u8' else 0, dtype),
               *rest]
        attrs = {'group': 2, 'pads': [1, 1, 1, 1], 'strides': [2, 1]}
        c.add('QLinearConv', dtype, ins, **attrs)
        c.add('QLinearConv', f'{dtype} bias', [*ins, p(numpy.arange(6) * 50, 'i32')], **attrs)
    kernel = c.rng.ints((6, 2, 3, 3), 'i8', -128, 127)
    scales = p(numpy.arange(1, 7) / 50, 'f32')
    c.add('QLinearConv', 'per channel', [c.rng.ints((1, 2, 5, 5), 'u8', 0, 255), scale(),
                                         p(100, 'u8'),
                                         Param(kernel.data), scales, p([0] * 6, 'i8'),
                                         p(0.4, 'f32'),
                                         p(120, 'u8'), p(numpy.arange(6) * 40, 'i32')])


def add_words(c):
    attrs = {'min_gram_length': 1, 'max_gram_length': 2, 'max_skip_count': 1,
             'ngram_counts': [0, 4],
             'ngram_indexes': [0, 1, 2, 3, 4, 5, 6], 'pool_int64s': [2, 3, 5, 4, 5, 6, 7, 8, 6, 7]}
    for mode in ('TF', 'IDF', 'TFIDF'):
        for shape in ((12,), (2, 6)):
            for dtype in ('i32', 'i64'):
                weighted = {} if mode == 'TF' else {'weights': [2.0, 3.0, 1.0, 0.5, 4.0, 1.5, 2.5]}
                c.add('TfIdfVectorizer', f'{mode} {shape} {dtype}',
                      [c.rng.ints(shape, dtype, 2, 9)],
                      ['f32'], mode=mode, **attrs, **weighted)


def add_picture(c):
    """A BMP of two by two pixels."""
    pixels = bytes([255, 0, 0, 0, 255, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0])
    header = b'BM' + numpy.array([54 + 16, 0, 54, 40, 2, 2], '<u4').tobytes() + \
        numpy.array([1, 24], '<u2').tobytes() + numpy.array([0, 16, 0, 0, 0, 0], '<u4').tobytes()
    data = numpy.frombuffer(header + pixels, numpy.uint8)
    for form in ('RGB', 'BGR', 'Grayscale'):
        c.add('ImageDecoder', form, [Tensor(data)], ['u8'], pixel_format=form)


def add_all(c):
    for add in (add_conv, add_conv_transpose, add_deform, add_pools, add_products, add_recurrent,
                add_attention, add_signal, add_quantize, add_quantized_products, add_words,
                add_picture, opset_control.add_all):
        add(c)
