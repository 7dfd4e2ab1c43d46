# SPDX-License-Identifier: Apache-2.0
"""Cases of test_opsets.py: shapes, moves, indices."""
import numpy

from onnx import helper

from opset_kit import Param, Tensor, as_type, p

INT_MAX, INT_MIN = 2**63 - 1, -2**63
ALL_TYPES = ('f32', 'f64', 'f16', 'i64', 'i32', 'u8', 'i8', 'bool')


def types(c, op, make, lo=7):
    """One case of each element type; make gives the inputs and the attributes."""
    for dtype in ALL_TYPES:
        ins, attrs = make(c.rng.any((3, 4), dtype))
        c.add(op, dtype, ins, [dtype], lo=lo, **attrs)


# ---- shapes --------------------------------------------------------------------------------


def add_makers(c):
    values = numpy.arange(6).reshape(2, 3)
    for dtype in ('f32', 'i64', 'bool', 'f16', 'u8', 'f64'):
        tensor = as_type(values, dtype)
        node = helper.make_node('Constant', [], ['y0'], value=tensor.proto('v'))
        c.graph('Constant', dtype, [node], {}, {'y0': dtype})
    for label, dtype, attrs in (('float', 'f32', {'value_float': 1.5}),
                                ('int', 'i64', {'value_int': 3}),
                                ('floats', 'f32', {'value_floats': [1.5, 2.5]}),
                                ('ints', 'i64', {'value_ints': [1, -2, 3]})):
        c.graph('Constant', label, [helper.make_node('Constant', [], ['y0'], **attrs)], {},
                {'y0': dtype}, lo=12)
    for dtype in ALL_TYPES:
        value = as_type([3], dtype).proto('v')
        c.add('ConstantOfShape', dtype, [p([2, 3])], [dtype], value=value)
    c.add('ConstantOfShape', 'default', [p([2, 3])], ['f32'])
    c.add('ConstantOfShape', 'scalar', [p(numpy.zeros(0))], ['f32'])
    c.add('ConstantOfShape', 'empty', [p([2, 0])], ['f32'])
    for dtype in ('f32', 'f64', 'i16', 'i32', 'i64'):
        for start, limit, delta in ((1, 9, 2), (9, 0, -4), (5, 1, 1), (0, 10, 3), (-3, 4, 7)):
            c.add('Range', f'{dtype} {start} {limit} {delta}',
                  [p(v, dtype) for v in (start, limit, delta)])
    c.add('Range', 'fractions', [p(v, 'f32') for v in (0.0, 1.0, 0.1)])
    for dtype in ('f32', 'i32'):
        for k in (None, 0, 1, -2, 9):
            c.add('EyeLike', f'{dtype} {k}', [c.rng.any((3, 5), dtype)], k=k)
    for to, number in (('f64', 11), ('i64', 7)):
        c.add('EyeLike', f'to {to}', [c.rng.any((4, 3))], [to], dtype=number, k=1)
    for shape in ((2, 3, 4), (), (5,), (0, 3)):
        x = c.rng.any(shape)
        c.add('Shape', f'{shape}', [x], ['i64'])
        c.add('Size', f'{shape}', [x], ['i64'])
        c.add('Identity', f'{shape}', [x])
        c.add('Dropout', f'{shape}', [x])
    for start, end in ((1, None), (None, -1), (-2, None), (1, 2), (-9, 9), (2, 1), (None, 0)):
        c.add('Shape', f'{start} to {end}', [c.rng.any((2, 3, 4))], ['i64'], lo=15, start=start,
              end=end)
    types(c, 'Identity', lambda x: ([x], {}))
    c.add('Dropout', 'ratio attribute', [c.rng.any((3, 4))], hi=11, ratio=0.7)
    c.add('Dropout', 'mask', [c.rng.any((3, 4))], ['f32', 'bool'], lo=10)
    c.add('Dropout', 'ratio', [c.rng.any((3, 4)), p(0.3, 'f32')], ['f32', 'bool'], lo=12)
    c.add('Dropout', 'not training', [c.rng.any((3, 4)), None, p(False, 'bool')], lo=12,
          is_fixed=True)


def add_reshape(c):
    x = c.rng.any((2, 3, 4))
    for shape in ([24], [4, -1], [0, -1], [0, 0, 2, 2], [-1], [2, 12], [1, 0, -1], [6, 4]):
        c.add('Reshape', f'{shape}', [x, p(shape)])
    c.add('Reshape', 'to scalar', [c.rng.any((1, 1)), p(numpy.zeros(0))])
    c.add('Reshape', 'of scalar', [c.rng.any(()), p([1, -1])])
    c.add('Reshape', 'empty', [c.rng.any((0, 3)), p([3, 0])], lo=14, allowzero=1)
    c.add('Reshape', 'allowzero', [x, p([4, -1])], lo=14, allowzero=1)
    c.add('Reshape', 'allowzero 0', [x, p([0, 12])], lo=14, allowzero=0)
    types(c, 'Reshape', lambda x: ([x, p([2, 6])], {}))
    for axis in (None, 0, 1, 2, 3, -1, -3):
        c.add('Flatten', f'{axis}', [x], lo=11 if axis and axis < 0 else 7, axis=axis)
    c.add('Flatten', 'rank 1', [c.rng.any((4,))], axis=0)
    c.add('Flatten', 'empty', [c.rng.any((2, 0, 3))], axis=2)
    types(c, 'Flatten', lambda x: ([x], {}), lo=9)
    y = c.rng.any((1, 3, 1, 2, 1))
    for axes in (None, [0], [0, 2], [-1, 0], [4, 2, 0], [-3]):
        lo = 11 if axes and min(axes) < 0 else 7
        c.add('Squeeze', f'attribute {axes}', [y], lo=lo, hi=12, axes=axes)
        c.add('Squeeze', f'{axes}', [y, p(axes) if axes else None][:2 if axes else 1], lo=13)
    for axes in ([0], [0, 4], [3, 1], [-1], [-1, 0, 2]):
        lo = 11 if min(axes) < 0 else 7
        c.add('Unsqueeze', f'attribute {axes}', [x], lo=lo, hi=12, axes=axes)
        c.add('Unsqueeze', f'{axes}', [x, p(axes)], lo=13)
    c.add('Unsqueeze', 'scalar', [c.rng.any(()), p([0])], lo=13)
    for a, b in (((3, 1), [3, 4]), ((3, 1), [2, 1, 4]), ((4,), [3, 4]), ((3, 4), [1, 1]), ((), [2]),
                 ((3, 1), [0, 3, 4]), ((2, 3), [3]), ((1,), [])):
        c.add('Expand', f'{a} {b}', [c.rng.any(a), p(numpy.array(b, numpy.int64))])
    types(c, 'Expand', lambda x: ([x, p([2, 3, 4])], {}))
    for repeats in ([1, 2, 1], [2, 1, 3], [0, 1, 1], [1, 1, 1]):
        c.add('Tile', f'{repeats}', [x, p(repeats)])
    types(c, 'Tile', lambda x: ([x, p([2, 2])], {}))


# ---- moves ---------------------------------------------------------------------------------


def add_transpose_concat(c):
    for perm in (None, [0, 2, 1], [2, 0, 1], [1, 2, 0], [0, 1, 2]):
        c.add('Transpose', f'{perm}', [c.rng.any((2, 3, 4))], perm=perm)
    c.add('Transpose', 'scalar', [c.rng.any(())])
    c.add('Transpose', 'rank 6', [c.rng.any((2, 1, 3, 2, 2, 2))], perm=[0, 3, 5, 1, 2, 4])
    types(c, 'Transpose', lambda x: ([x], {}))
    for axis in (0, 1, 2, -1, -3):
        shapes = [[2, 3, 4] for _ in range(3)]
        for i, shape in enumerate(shapes):
            shape[axis] = (1, 3, 0)[i]
        c.add('Concat', f'{axis}', [c.rng.any(s) for s in shapes], lo=11 if axis < 0 else 7,
              axis=axis)
    c.add('Concat', 'one', [c.rng.any((2, 3))], axis=1)
    c.add('Concat', 'constant', [c.rng.any((2, 3)), Param(c.rng.any((2, 1)).data)], axis=1)
    types(c, 'Concat', lambda x: ([x, x], {'axis': 0}))
    for size in (1, 2, 3):
        for dtype in ('f32', 'f64'):
            x = c.rng.any((2, size * size * 2, 2, 3), dtype)
            c.add('DepthToSpace', f'{size} {dtype}', [x], blocksize=size)
            for mode in ('DCR', 'CRD'):
                c.add('DepthToSpace', f'{size} {dtype} {mode}', [x], lo=11, blocksize=size,
                      mode=mode)
            c.add('SpaceToDepth', f'{size} {dtype}', [c.rng.any((2, 2, size * 2, size * 3), dtype)],
                  blocksize=size)
    for upper in (0, 1):
        for k in (None, 0, 1, -1, 9, -9):
            ins = [c.rng.any((2, 3, 4)), *([] if k is None else [p(k)])]
            c.add('Trilu', f'{upper} {k}', ins, upper=upper)
    for dtype in ('i64', 'bool', 'f64', 'i32'):
        c.add('Trilu', dtype, [c.rng.any((4, 3), dtype)])
    for batch, time in ((0, 1), (1, 0)):
        lengths = p([1, 3, 5] if batch == 0 else [1, 3, 2, 0, 3])
        c.add('ReverseSequence', f'{batch} {time}', [c.rng.any((3, 5, 2)), lengths],
              batch_axis=batch, time_axis=time)


def add_split(c):
    x = c.rng.any((6, 5))
    for axis, sizes in ((0, [2, 4]), (1, [1, 3, 1]), (0, [6]), (-1, [2, 3]), (0, [0, 6])):
        outs = ['f32'] * len(sizes)
        lo = 11 if axis < 0 else 7
        c.add('Split', f'attribute {axis} {sizes}', [x], outs, lo=lo, hi=12, axis=axis, split=sizes)
        c.add('Split', f'{axis} {sizes}', [x, p(sizes)], outs, lo=13, axis=axis)
    c.add('Split', 'equal', [x], ['f32'] * 3, hi=17)
    c.add('Split', 'equal axis', [x], ['f32'] * 5, hi=17, axis=1)
    for n in (1, 2, 3, 4):
        c.add('Split', f'num_outputs {n}', [c.rng.any((2, 7))], ['f32'] * n, lo=18, axis=1,
              num_outputs=n)
    for dtype in ('i32', 'i64', 'u8', 'bool', 'f64'):
        c.add('Split', dtype, [c.rng.any((4, 2), dtype), p([1, 3])], [dtype] * 2, lo=13)


def add_slice(c):
    x = c.rng.any((4, 5, 6))
    for starts, ends, axes in (([1], [3], [0]), ([0, 1], [2, 4], None), ([1, -3], [-1, 99], [0, 2]),
                               ([-99], [INT_MAX], [1]), ([3], [1], [0]), ([9], [12], [1]),
                               ([1, 2, 3], [2, 3, 4], [2, 0, 1])):
        c.add('Slice', f'attributes {starts} {ends} {axes}', [x], hi=9, starts=starts, ends=ends,
              axes=axes)
        ins = [x, p(starts), p(ends), *([p(axes)] if axes else [])]
        c.add('Slice', f'{starts} {ends} {axes}', ins, lo=10)
    for label, starts, ends, axes, steps in (
            ('step 2', [0], [INT_MAX], [1], [2]), ('reverse', [-1], [INT_MIN], [1], [-1]),
            ('reverse far', [99], [-99], [0], [-2]), ('reverse part', [3], [0], [0], [-1]),
            ('steps no axes', [1, 0, 5], [4, 5, 0], None, [2, 3, -2]),
            ('negative axes', [0, 1], [3, 9], [-1, -3], [1, 2]),
            ('big step', [0], [6], [2], [100]), ('none', [2], [2], [0], [1]),
            ('step max', [0], [INT_MAX], [2], [INT_MAX]),
            ('reverse max', [INT_MAX], [INT_MIN], [2], [-2])):
        ins = [x, p(starts), p(ends), p(axes) if axes else None, p(steps)]
        c.add('Slice', label, ins, lo=11 if axes and min(axes) < 0 else 10)
    ins = [p(v, 'i32') for v in ([1], [3], [0], [1])]
    c.add('Slice', 'i32', [x, *ins], lo=10)
    types(c, 'Slice', lambda x: ([x, p([1]), p([3])], {}), lo=10)
    c.add('Slice', 'empty', [c.rng.any((0, 3)), p([0]), p([2])], lo=10)


def add_pad(c):
    x = c.rng.any((2, 3, 4))
    for mode in ('constant', 'reflect', 'edge', 'wrap'):
        for pads in ([0, 1, 2, 0, 2, 1], [0, 0, 0, 0, 0, 3], [0] * 6, [1, 0, 0, 1, 0, 0]):
            if mode != 'wrap':
                c.add('Pad', f'attribute {mode} {pads}', [x], hi=10, mode=mode, pads=pads)
            since = 19 if mode == 'wrap' else 11
            c.add('Pad', f'{mode} {pads}', [x, p(pads)], lo=since, mode=mode)
        for pads in ([0, -1, 0, 0, 0, -2], [0, -1, 1, 0, 1, -1]):
            c.add('Pad', f'{mode} {pads}', [x, p(pads)], lo=19 if mode == 'wrap' else 11, mode=mode)
            if mode == 'constant':
                c.add('Pad', f'attribute {mode} {pads}', [x], hi=10, pads=pads)
        for axes in ([1, 2], [-1, 1], [2, -2]):
            c.add('Pad', f'{mode} axes {axes}', [x, p([1, 0, 2, 1]), None, p(axes)],
                  lo=19 if mode == 'wrap' else 18, mode=mode)
    c.add('Pad', 'attribute value', [x], hi=10, pads=[0, 1, 0, 0, 1, 0], value=1.5)
    c.add('Pad', 'value', [x, p([0, 1, 0, 0, 1, 0]), p(1.5, 'f32')], lo=11)
    c.add('Pad', 'axes and value', [x, p([1, 1]), p(1.5, 'f32'), p([1])], lo=18)
    c.add('Pad', 'wrap twice', [c.rng.any((2, 3)), p([0, 7, 0, 5])], lo=19, mode='wrap')
    c.add('Pad', 'empty', [c.rng.any((0, 3)), p([1, 0, 1, 0])], lo=11)
    types(c, 'Pad', lambda x: ([x, p([1, 0, 0, 2]), p(1, x.dtype)], {}), lo=13)
    for shape, axes in (([3, 6], [1, 2]), ([2, 2, 9], None), ([7], [-1]), ([1, 5], [2, 0])):
        c.add('CenterCropPad', f'{shape} {axes}', [c.rng.any((4, 3, 5)), p(shape)], axes=axes)


# ---- indices -------------------------------------------------------------------------------


def add_gather(c):
    x = c.rng.any((3, 4, 5))
    for axis in (None, 0, 1, 2, -1):
        for shape in ((2,), (2, 2), ()):
            for dtype in ('i64', 'i32'):
                indices = c.rng.ints(shape, dtype, 0, 3)
                ins = [x, Param(indices.data) if dtype == 'i64' else indices]
                c.add('Gather', f'{axis} {shape} {dtype}', ins,
                      lo=11 if axis and axis < 0 else 7, axis=axis)
    c.add('Gather', 'negative', [x, p([-1, 0, -3, 2])], lo=11, axis=1)
    c.add('Gather', 'empty', [x, p(numpy.zeros((0, 2)))], axis=1)
    types(c, 'Gather', lambda x: ([x, p([2, 0])], {}))
    for axis in (0, 1, 2, -1):
        indices = c.rng.ints((2, 3, 4), 'i64', -3, 3)
        c.add('GatherElements', f'{axis}', [x, indices], axis=axis)
        updates = c.rng.any((2, 3, 4))
        order = numpy.argsort(c.rng.reals((3, 4, 5)).data, axis=axis)[:2, :3, :4]
        c.add('ScatterElements', f'{axis}', [x, Tensor(order), updates], axis=axis)
        for how in ('add', 'mul', 'max', 'min', 'none'):
            index = order if how == 'none' else indices.data
            c.add('ScatterElements', f'{axis} {how}', [x, Tensor(index), updates],
                  lo=18 if how in ('max', 'min') else 16, axis=axis, reduction=how)
    c.add('Scatter', 'axis 1', [x, p(numpy.ones((1, 1, 5))), p(numpy.zeros((1, 1, 5)), 'f32')],
          hi=10,
          axis=1)
    c.add('Scatter', 'axis 0', [x, p(numpy.ones((1, 2, 5))), p(numpy.zeros((1, 2, 5)), 'f32')],
          hi=10)
    c.add('GatherElements', 'i32', [x, c.rng.ints((3, 4, 2), 'i32', 0, 5)], axis=2)
    types(c, 'GatherElements', lambda x: ([x, p([[2, 0, 1, -1]])], {}))
    types(c, 'ScatterElements', lambda x: ([x, p([[2, 0, 1, -1]]), Tensor(x.data[:1], x.dtype)],
                                           {}))


def add_gather_nd(c):
    x = c.rng.any((3, 4, 5))
    for shape, batch in (((2, 1), 0), ((2, 2), 0), ((2, 2, 3), 0), ((3, 2, 1), 1),
                         ((3, 4, 2, 1), 2),
                         ((3, 2), 1), ((1,), 0)):
        indices = c.rng.ints(shape, 'i64', -3, 3)
        attrs = {'batch_dims': batch} if batch else {}
        c.add('GatherND', f'{shape} {batch}', [x, indices], lo=12 if batch else 11, **attrs)
    types(c, 'GatherND', lambda x: ([x, p([[2, 0], [1, -1]])], {}))
    for index, updates in (([[0], [2]], (2, 4, 5)), ([[0, 1], [2, -1]], (2, 5)),
                           ([[[0, 0, 0]], [[-1, 1, 1]]], (2, 1))):
        c.add('ScatterND', f'{updates}', [x, p(index), c.rng.any(updates)])
        for how in ('none', 'add', 'mul', 'max', 'min'):
            c.add('ScatterND', f'{updates} {how}', [x, p(index), c.rng.any(updates)],
                  lo=18 if how in ('max', 'min') else 16, reduction=how)
    c.add('ScatterND', 'add twice', [x, p([[1], [1]]), c.rng.any((2, 4, 5))], lo=16,
          reduction='add')
    c.add('ScatterND', 'nothing', [x, p(numpy.zeros((0, 1))), c.rng.any((0, 4, 5))])
    types(c, 'ScatterND', lambda x: ([x, p([[1]]), Tensor(x.data[:1], x.dtype)], {}))


def add_lookup(c):
    for axis in (None, 0, 1, -1, -2):
        for values in ('f32', 'i64'):
            ins = [c.rng.ints((2, 3), 'i64', -6, 7), p(5), p([0, 3], values)]
            c.add('OneHot', f'{axis} {values}', ins, [values], axis=axis)
    c.add('OneHot', 'f32 indices', [as_type([0, 1, 4], 'f32'), p(5, 'f32'), p([1, 3], 'f32')])
    c.add('OneHot', 'i32 indices of one', [as_type([0, 1, 9], 'i32'), p([4], 'i32'),
                                           p([1, 3], 'f32')],
          ['f32'])
    for dtype in ('f32', 'i64', 'bool', 'u8', 'i32'):
        c.add('NonZero', dtype, [c.rng.any((3, 4), 'bool') if dtype == 'bool'
                                 else c.rng.ints((3, 4), dtype, 0, 2)
                                 if dtype != 'f32' else as_type(c.rng.ints((3, 4), 'i64', 0,
                                                                           2).data, 'f32')],
              ['i64'])
    c.add('NonZero', 'rank 1', [as_type([0, -0.0, numpy.nan, 1], 'f32')], ['i64'])
    c.add('NonZero', 'zeros', [numpy.zeros((2, 3), numpy.float32)], ['i64'])
    c.add('NonZero', 'scalar', [numpy.float32(2)], ['i64'])
    for axis in (None, 0, 1, -1):
        c.add('Compress', f'{axis}', [c.rng.any((3, 4)), p([0, 1, 1], 'bool')],
              lo=11 if axis == -1 else 9, axis=axis)
    for axis in (None, 0, 1, -1):
        for order in (0, 1):
            data = c.rng.ints((4, 3), 'i64', 0, 2).data.astype(numpy.float32)
            c.add('Unique', f'{axis} {order}', [data], ['f32', 'i64', 'i64', 'i64'], axis=axis,
                  sorted=order)
    c.add('Unique', 'i64 some outputs', [c.rng.ints((9,), 'i64', 0, 4)], ['i64', '', '', 'i64'])


def add_topk(c):
    x = c.rng.distinct((3, 4, 5))
    ties = as_type(c.rng.ints((3, 8), 'i64', 0, 3).data, 'f32')
    for axis in (None, 0, 1, -1, -2):
        is_signed = axis is not None and axis < 0
        c.add('TopK', f'attribute {axis}', [x], ['f32', 'i64'], lo=8 if is_signed else 7, hi=9,
              axis=axis, k=2)
        c.add('TopK', f'{axis}', [x, p([2])], ['f32', 'i64'], lo=11 if is_signed else 10, axis=axis)
        c.add('TopK', f'{axis} smallest', [x, p([3])], ['f32', 'i64'], lo=11, axis=axis, largest=0)
    for largest in (0, 1):
        for k in (1, 3, 8, 0):
            c.add('TopK', f'ties {largest} {k}', [ties, p([k])], ['f32', 'i64'], lo=11,
                  largest=largest)
    c.add('TopK', 'infinities', [as_type([1, numpy.inf, -numpy.inf, 5], 'f32'), p([4])],
          ['f32', 'i64'], lo=11)
    for dtype in ('i64', 'i32', 'f64', 'f16'):
        c.add('TopK', dtype, [c.rng.distinct((3, 6), dtype), p([4])], [dtype, 'i64'], lo=11)


def add_all(c):
    for add in (add_makers, add_reshape, add_transpose_concat, add_split, add_slice, add_pad,
                add_gather, add_gather_nd, add_lookup, add_topk):
        add(c)
