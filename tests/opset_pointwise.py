# SPDX-License-Identifier: Apache-2.0
"""Cases of test_opsets.py: elementwise operators, reductions, normalization, losses."""
import numpy

from opset_kit import FLOATS, INTS, Param, Tensor, as_type, p

INF, NAN = numpy.inf, numpy.nan
SPECIAL = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3e38, -3e38, 1e-38,
           1e-42, -1e-42, 88.0, -88.0, 104.0, -104.0, 65504.0, 1e5, 2147483648.0, 16777217.0]
SHAPES = [((2, 3, 4), (4,)), ((2, 1, 4), (3, 1)), ((), (2, 3)), ((0, 3), (1, 3)), ((5,), ()),
          ((1,), (1, 1, 1)), ((3, 1, 2, 1), (1, 4, 1, 5))]


def special(dtype='f32'):
    if dtype == 'f16':
        return as_type([v for v in SPECIAL if not abs(v) > 65504 or numpy.isinf(v)], dtype)
    return as_type(SPECIAL, dtype)


def pairs(dtype='f32'):
    """Each special value with each."""
    values = special(dtype).data
    a, b = numpy.meshgrid(values, values)
    return Tensor(a), Tensor(b)


# ---- one input -----------------------------------------------------------------------------

UNARY = {'Abs': (-2, 2), 'Neg': (-2, 2), 'Sign': (-2, 2), 'Floor': (-9, 9), 'Ceil': (-9, 9),
         'Round': (-9, 9), 'Sqrt': (0, 9), 'Exp': (-9, 9), 'Log': (0.1, 9), 'Erf': (-3, 3),
         'Sin': (-9, 9), 'Cos': (-9, 9), 'Tan': (-1.4, 1.4), 'Asin': (-1, 1), 'Acos': (-1, 1),
         'Atan': (-9, 9), 'Sinh': (-4, 4), 'Cosh': (-4, 4), 'Tanh': (-4, 4), 'Asinh': (-9, 9),
         'Acosh': (1, 9), 'Atanh': (-0.9, 0.9), 'Sigmoid': (-9, 9), 'Softplus': (-9, 9),
         'Reciprocal': (0.2, 3), 'Relu': (-2, 2), 'Softsign': (-4, 4), 'Mish': (-4, 4),
         'HardSwish': (-4, 4)}
UNARY_INTS = {'Abs': (INTS, 7), 'Neg': (('i8', 'i32', 'i64', 'i16'), 7), 'Sign': (INTS, 9),
              'Relu': (('i8', 'i32', 'i16', 'i64'), 14)}
WITH_ATTRIBUTES = {
    'LeakyRelu': ({}, {'alpha': 0.25}, {'alpha': -1.0}),
    'ThresholdedRelu': ({}, {'alpha': 0.25}, {'alpha': -0.5}),
    'Elu': ({}, {'alpha': 2.0}),
    'Selu': ({}, {'alpha': 2.0, 'gamma': 0.5}),
    'Celu': ({}, {'alpha': 2.0}),
    'HardSigmoid': ({}, {'alpha': 0.5, 'beta': 0.25}),
    'Shrink': ({}, {'lambd': 1.0, 'bias': 0.5}),
    'Gelu': ({}, {'approximate': 'tanh'}, {'approximate': 'none'})}


# ONNX Runtime computes these by rational functions, near only to the greatest value.
APPROXIMATE = ('Sigmoid', 'Tanh', 'Erf', 'Gelu')
TYPES_OF = {'Celu': (), 'Shrink': ('f16', 'f64')}


def add_unary(c):
    for op, (lo, hi) in UNARY.items():
        add_floats(c, op, lo, hi, {})
    for op, choices in WITH_ATTRIBUTES.items():
        for attrs in choices:
            add_floats(c, op, -3, 3, attrs, len(attrs) > 0)
    for op, (dtypes, since) in UNARY_INTS.items():
        for dtype in dtypes:
            c.add(op, dtype, [c.rng.ints((2, 5), dtype)], lo=since)
    for op in ('IsNaN', 'IsInf'):
        for dtype in ('f32', 'f64', 'f16'):
            lo = 20 if op == 'IsInf' and dtype == 'f16' else 7
            c.add(op, f'{dtype} special', [special(dtype)], ['bool'], lo=lo)
    c.add('IsInf', 'negative', [special()], ['bool'], detect_positive=0)
    c.add('IsInf', 'positive', [special()], ['bool'], detect_negative=0)
    c.add('IsInf', 'neither', [special()], ['bool'], detect_negative=0, detect_positive=0)
    c.add('Not', 'bool', [c.rng.bools((3, 4))])
    for dtype in ('i8', 'u8', 'i32', 'u64'):
        c.add('BitwiseNot', dtype, [c.rng.ints((3, 4), dtype)])


def add_floats(c, op, lo, hi, attrs, is_brief=False):
    name = ' '.join(f'{k}={v}' for k, v in attrs.items())
    scale = 'tensor' if op in APPROXIMATE else 'element'
    c.add(op, f'f32 {name}', [c.rng.reals((2, 3, 4), 'f32', lo, hi)], scale=scale, **attrs)
    c.add(op, f'f32 special {name}', [special()], scale='element', **attrs)
    if is_brief:
        return
    for dtype in ('f16', 'f64', 'bf16'):
        if op not in TYPES_OF or dtype in TYPES_OF[op]:
            since = (22 if op in ('Mish', 'HardSwish') else 13) if dtype == 'bf16' else 7
            c.add(op, dtype, [c.rng.reals((2, 5), dtype, lo, hi)], lo=since, scale='element',
                  **attrs)
    c.add(op, 'empty', [c.rng.reals((2, 0, 3))], **attrs)
    c.add(op, 'scalar', [c.rng.reals((), 'f32', lo, hi)], **attrs)


def add_clip(c):
    x = c.rng.reals((3, 4), 'f32', -4, 4)
    for label, attrs in (('none', {}), ('min', {'min': -1.0}), ('max', {'max': 1.0}),
                         ('both', {'min': -1.0, 'max': 1.5}),
                         ('min over max', {'min': 2., 'max': -1.})):
        if label != 'min over max':
            c.add('Clip', f'attributes {label}', [x], hi=10, **attrs)
        low = p(attrs['min'], 'f32') if 'min' in attrs else None
        high = p(attrs['max'], 'f32') if 'max' in attrs else None
        c.add('Clip', label, [x, low, high], lo=11)
    c.add('Clip', 'special', [special(), p(-1.0, 'f32'), p(1.0, 'f32')], lo=11)
    c.add('Clip', 'special attributes', [special()], hi=10, min=-1.0, max=1.0)
    c.add('Clip', 'f64', [c.rng.reals((9,), 'f64'), p(-1, 'f64')], lo=11)
    c.add('Clip', 'f16', [c.rng.reals((9,), 'f16'), p(-1, 'f16'), p(0.5, 'f16')], lo=11)
    for dtype in ('i8', 'u8', 'i32', 'u32', 'i64', 'u64'):
        c.add('Clip', dtype, [c.rng.ints((9,), dtype), p(3, dtype), p(9, dtype)], lo=12)
        c.add('Clip', f'{dtype} max', [c.rng.ints((9,), dtype), None, p(9, dtype)], lo=12)


CAST_REALS = [0.0, -0.0, 0.5, 1.5, -1.5, 2.999, -2.999, 100.7, -100.7, 127.0, 0.1]
CAST_EXTREME = [65504.0, 65519.0, 65520.0, 1e6, -1e6, 1e-8, 6e-8, 3e38, INF, -INF, NAN, 1e-45]


def add_cast(c):
    targets = {'f32': 1, 'u8': 2, 'i8': 3, 'u16': 4, 'i16': 5, 'i32': 6, 'i64': 7, 'bool': 9,
               'f16': 10, 'f64': 11, 'u32': 12, 'u64': 13, 'bf16': 16}
    for to, number in targets.items():
        reals = numpy.abs(CAST_REALS) if to[0] == 'u' else CAST_REALS
        since = 13 if to == 'bf16' else 7
        for dtype in ('f32', 'f64', 'f16', 'bf16'):
            lo = 13 if dtype == 'bf16' else since
            c.add('Cast', f'{dtype} to {to}', [as_type(reals, dtype)], [to], lo=lo, to=number)
        for dtype in ('i64', 'u8', 'i32', 'bool'):
            values = c.rng.any((9,), dtype)
            c.add('Cast', f'{dtype} to {to}', [values], [to], lo=since, to=number)
    for to in ('f16', 'bf16', 'f64', 'bool'):
        c.add('Cast', f'extremes to {to}', [as_type(CAST_EXTREME, 'f32')], [to],
              lo=13 if to == 'bf16' else 7, to=targets[to])
        c.add('CastLike', f'to {to}', [as_type(CAST_EXTREME, 'f32'), as_type([1], to)], [to])
    c.add('Cast', 'f64 to f32', [as_type([1e300, -1e300, 1e-300, NAN, 0.1], 'f64')], ['f32'], to=1)
    c.add('Cast', 'wrap i64 to i32', [as_type([2**40 + 5, -2**40 + 7, 300], 'i64')], ['i32'], to=6)
    c.add('Cast', 'wrap i64 to u8', [as_type([2**40 + 5, -3, 300], 'i64')], ['u8'], to=2)
    eights = {'f8e4m3fn': 17, 'f8e4m3fnuz': 18, 'f8e5m2': 19, 'f8e5m2fnuz': 20}
    for to, number in eights.items():
        x = as_type([0.0, -0.0, 0.3, -1.1, 448, 460, 470, 1e5, -1e9, INF, -INF, NAN, 1e-3, 1e-6],
                    'f32')
        c.add('Cast', f'to {to}', [x], [to], lo=19, to=number)
        c.add('Cast', f'to {to} not saturating', [x], [to], lo=19, to=number, saturate=0)
        bits = Tensor(numpy.arange(256).astype(numpy.uint8), to)
        c.add('Cast', f'from {to}', [bits], ['f32'], lo=19, to=1)
    fours = Tensor(numpy.arange(-8, 8).reshape(4, 4), 'i4')
    c.add('Cast', 'from i4', [fours], ['f32'], lo=21, to=1)
    c.add('Cast', 'from u4', [Tensor(numpy.arange(15).reshape(3, 5), 'u4')], ['i8'], lo=21, to=3)


# ---- two inputs and more -------------------------------------------------------------------

ARITHMETIC = {'Add': ('i32', 'i64', 'u8', 'i8', 'u32', 'i16'), 'Sub': ('i32', 'i64', 'u8', 'u64'),
              'Mul': ('i32', 'i64', 'i8', 'u16'), 'Div': ('i32', 'i64', 'u8', 'i8', 'u32')}
COMPARE = {'Less': 9, 'Greater': 9, 'LessOrEqual': 12, 'GreaterOrEqual': 12, 'Equal': 7}


def add_arithmetic(c):
    for op, ints in ARITHMETIC.items():
        for i, (a, b) in enumerate(SHAPES):
            b = c.rng.reals(b, 'f32', 0.5, 2)
            c.add(op, f'shapes {i}', [c.rng.reals(a), Param(b.data) if i % 2 else b])
        c.add(op, 'special', [*pairs()], scale='element')
        for dtype in ('f16', 'f64', 'bf16'):
            lo = 13 if dtype == 'bf16' else 7
            c.add(op, dtype, [c.rng.reals((2, 3), dtype), c.rng.reals((3,), dtype, 0.5, 2)], lo=lo)
        for dtype in ints:
            a, b = c.rng.ints((3, 5), dtype, -100, 100), c.rng.ints((5,), dtype, 1, 9)
            c.add(op, dtype, [a, b], lo=14 if dtype[1:] in ('8', '16') else 7)
        c.add(op, 'negative integers', [c.rng.ints((9,), 'i32', -90, 90), p([-7] * 9, 'i32')])
    reals, powers = c.rng.reals((2, 4), 'f32', 0.1, 3), c.rng.reals((4,))
    c.add('Pow', 'f32', [reals, powers])
    c.add('Pow', 'special', [*pairs()], scale='element')
    for power in (2.0, 3.0, 0.5, -1.0, 0.0, 1.0):
        c.add('Pow', f'constant {power}', [c.rng.reals((2, 4)), p(power, 'f32')], scale='element')
    c.add('Pow', 'f16', [c.rng.reals((2, 4), 'f16', 0.1, 3), c.rng.reals((4,), 'f16')])
    for a, b in (('f32', 'i64'), ('i32', 'i32'), ('i64', 'f32'), ('i64', 'i64'), ('f64', 'f32'),
                 ('i32', 'f64'), ('i32', 'i64'), ('f32', 'i32')):
        c.add('Pow', f'{a} {b}', [c.rng.any((3, 4), a), as_type([0, 1, 2, 3], b)], lo=12)


def add_logic(c):
    for op in ('And', 'Or', 'Xor'):
        for a, b in SHAPES[:4]:
            c.add(op, f'{a} {b}', [c.rng.bools(a), c.rng.bools(b)])
    for op in ('BitwiseAnd', 'BitwiseOr', 'BitwiseXor'):
        for dtype in ('i32', 'u8', 'i64', 'u16'):
            c.add(op, dtype, [c.rng.ints((3, 4), dtype), c.rng.ints((4,), dtype)])
    for op, ints_since in COMPARE.items():
        lo = 11 if op == 'Equal' else 7
        c.add(op, 'special', [*pairs()], ['bool'], lo=lo)
        for a, b in SHAPES[:4]:
            values = c.rng.ints(a, 'i64', -2, 2).data.astype(numpy.float32)
            c.add(op, f'{a} {b}', [values, numpy.float32(c.rng.ints(b, 'i64', -2, 2).data)],
                  ['bool'],
                  lo=lo)
        for dtype in ('i32', 'i64', 'f64', 'f16', 'u8', 'i8', 'u64', 'bf16'):
            a, b = c.rng.ints((4, 9), 'i64', 0, 4).data, c.rng.ints((9,), 'i64', 0, 4).data
            since = ints_since if dtype[0] in 'iu' else 13 if dtype == 'bf16' else lo
            since = max(since, 11) if dtype not in ('i32', 'i64') and op == 'Equal' else since
            c.add(op, dtype, [as_type(a, dtype), as_type(b, dtype)], ['bool'], lo=since)
    c.add('Equal', 'bool', [c.rng.bools((3, 4)), c.rng.bools((4,))], ['bool'])
    for direction in ('LEFT', 'RIGHT'):
        for dtype in ('u8', 'u16', 'u32', 'u64'):
            c.add('BitShift', f'{dtype} {direction}', [c.rng.ints((9,), dtype, 0, 200),
                                                       c.rng.ints((9,), dtype, 0, 8)],
                  direction=direction)
    for dtype in ('i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32', 'u64'):
        divisors = [3, 5, 7] if dtype[0] == 'u' else [3, -5, -7]
        x = c.rng.ints((4, 3), dtype, -50, 50)
        c.add('Mod', dtype, [x, p(divisors, dtype)])
        c.add('Mod', f'{dtype} fmod', [x, p(divisors, dtype)], fmod=1)
    for dtype in ('f32', 'f64', 'f16'):
        c.add('Mod', dtype, [c.rng.reals((4, 3), dtype, -9, 9), p([1.5, -2.25, 4], dtype)], fmod=1)
    c.add('Mod', 'special', [*pairs()], fmod=1, scale='element')


def add_several(c):
    for op in ('Max', 'Min', 'Sum', 'Mean'):
        one, two, three = c.rng.reals((2, 3, 4)), c.rng.reals((3, 1)), c.rng.reals((4,))
        c.add(op, 'one', [one])
        c.add(op, 'two', [one, Param(three.data)], lo=8)
        c.add(op, 'three', [two, three, one], lo=8)
        c.add(op, 'same shapes', [one, one, c.rng.reals((2, 3, 4))])
        c.add(op, 'special', [*pairs()], scale='element')
        c.add(op, 'empty', [c.rng.reals((0, 4)), three], lo=8)
        for dtype in ('f64', 'f16', 'bf16'):
            c.add(op, dtype, [c.rng.reals((2, 3), dtype), c.rng.reals((3,), dtype)],
                  lo=13 if dtype == 'bf16' else 8)
    for op in ('Max', 'Min'):
        for dtype in ('i32', 'i64', 'u32', 'u64', 'i8', 'u8'):
            c.add(op, dtype, [c.rng.ints((2, 3), dtype), c.rng.ints((3,), dtype)], lo=12)
    condition = c.rng.bools((3, 1))
    for dtype in ('f32', 'f64', 'i64', 'u8', 'i32', 'bool', 'f16', 'bf16'):
        c.add('Where', dtype, [condition, c.rng.any((2, 3, 4), dtype), c.rng.any((4,), dtype)],
              [dtype], lo=16 if dtype == 'bf16' else 9)
    c.add('Where', 'special', [c.rng.bools(len(SPECIAL)), special(), p(0, 'f32')], ['f32'])
    for slope in ((1,), (), (4,), (3, 1), (2, 3, 4)):
        c.add('PRelu', f'slope {slope}', [c.rng.reals((2, 3, 4)), Param(c.rng.reals(slope).data)])
    c.add('PRelu', 'f64', [c.rng.reals((2, 3), 'f64'), c.rng.reals((3,), 'f64')])
    c.add('PRelu', 'special', [special(), p(0.5, 'f32')], scale='element')


# ---- reductions ----------------------------------------------------------------------------

REDUCE = ('ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1', 'ReduceL2',
          'ReduceLogSum', 'ReduceLogSumExp', 'ReduceSumSquare')


def reduce(c, op, label, x, axes, lo=7, **attrs):
    """axes are an attribute in older opsets, an input in newer."""
    inputs_since = 13 if op == 'ReduceSum' else 18
    if lo < inputs_since and 'noop_with_empty_axes' not in attrs and axes != []:
        is_signed = axes is not None and min(axes) < 0
        c.add(op, label, [x], lo=max(lo, 11 if is_signed else 7), hi=inputs_since - 1, axes=axes,
              **attrs)
    c.add(op, label, [x] if axes is None else [x, p(numpy.array(axes, numpy.int64))],
          lo=max(lo, inputs_since), **attrs)


def add_reduce(c):
    for op in REDUCE:
        x = c.rng.reals((2, 3, 4), 'f32', 0.2, 2)
        for label, axes, attrs in (
                ('all', None, {}), ('all flat', None, {'keepdims': 0}), ('last', [2], {}),
                ('middle flat', [1], {'keepdims': 0}), ('negative', [-1, -3], {}),
                ('two flat', [0, 2], {'keepdims': 0}), ('empty axes', [], {}),
                ('no axes nothing', None, {'noop_with_empty_axes': 1}),
                ('empty axes nothing', [], {'noop_with_empty_axes': 1})):
            reduce(c, op, label, x, axes, **attrs)
        for dtype in ('f64', 'f16', 'i32', 'i64', 'bf16'):
            values = c.rng.reals((3, 4), dtype, 0.2, 2) if dtype in FLOATS else \
                c.rng.ints((3, 4), dtype, 1, 5)
            reduce(c, op, dtype, values, [1], lo=13 if dtype == 'bf16' else 7)
        reduce(c, op, 'scalar', c.rng.reals((), 'f32', 0.2, 2), None)
        reduce(c, op, 'special', Tensor(numpy.float32([[1, NAN], [INF, 1], [-INF, 1], [INF, -INF],
                                                       [0, 0], [-INF, -INF]])), [1])
        reduce(c, op, 'empty', c.rng.reals((2, 0, 3)), [2])
        reduce(c, op, 'over nothing', c.rng.reals((2, 0, 3)), [1], lo=18)
        reduce(c, op, 'large', as_type([[80, 89, 100], [-200, -201, -202]], 'f32'), [1])
    for op in ('ReduceMax', 'ReduceMin'):
        for dtype in ('i8', 'u8'):
            reduce(c, op, dtype, c.rng.ints((3, 4), dtype), [0], lo=12)
        reduce(c, op, 'bool', c.rng.bools((4, 2)), [1], lo=20)
    add_arg(c)
    add_cumsum(c)


def add_arg(c):
    for op in ('ArgMax', 'ArgMin'):
        x = c.rng.ints((3, 4, 5), 'i64', -2, 3).data.astype(numpy.float32)
        for axis in (None, 0, 1, 2, -1, -2):
            lo = 11 if axis and axis < 0 else 7
            c.add(op, f'axis {axis}', [x], ['i64'], lo=lo, axis=axis)
            c.add(op, f'axis {axis} last', [x], ['i64'], lo=12, axis=axis, select_last_index=1)
        c.add(op, 'flat', [x], ['i64'], axis=1, keepdims=0)
        for dtype in ('i32', 'u8', 'i8', 'f64', 'f16', 'i64'):
            c.add(op, dtype, [c.rng.any((4, 6), dtype)], ['i64'], axis=1)
        c.add(op, 'empty', [c.rng.reals((0, 3))], ['i64'], axis=1)
        c.add(op, 'infinities', [numpy.float32([[INF, INF, 0], [-INF, -INF, -INF]])], ['i64'],
              axis=1)


def add_cumsum(c):
    for dtype in ('f32', 'f64', 'i32', 'i64'):
        for axis, attrs in ((0, {}), (1, {'exclusive': 1}), (-1, {'reverse': 1}),
                            (2, {'exclusive': 1, 'reverse': 1})):
            c.add('CumSum', f'{dtype} {axis}', [c.rng.any((2, 3, 4), dtype), p(axis)], **attrs)
    c.add('CumSum', 'axis i32 of one', [c.rng.reals((5,)), p([0], 'i32')])
    c.add('CumSum', 'empty', [c.rng.reals((2, 0)), p(1)])


# ---- normalization -------------------------------------------------------------------------


def add_softmax(c):
    for op in ('Softmax', 'LogSoftmax', 'Hardmax'):
        x = c.rng.reals((2, 3, 4, 2), 'f32', -4, 4)
        for axis in (None, 0, 1, 2, 3, -1, -2, -4):
            c.add(op, f'axis {axis}', [x], lo=11 if axis and axis < 0 else 7, axis=axis)
        c.add(op, 'rank 1', [c.rng.reals((5,))], axis=0)
        c.add(op, 'rank 3', [c.rng.reals((2, 3, 4))])
        for dtype in ('f64', 'f16', 'bf16'):
            lo = 13 if dtype == 'bf16' else 7
            c.add(op, dtype, [c.rng.reals((3, 4), dtype)], lo=lo)
        c.add(op, 'empty', [c.rng.reals((0, 4))])
        c.add(op, 'large', [as_type([[1000, 1000, -1000], [-1e30, -1e30, 1e30]], 'f32')])
        if op != 'Hardmax':
            c.add(op, 'masked', [as_type([[-INF, 0, 1], [-INF, -INF, -INF], [NAN, 0, 1]], 'f32')])
    c.add('Hardmax', 'ties', [as_type([[1, 3, 3], [2, 2, 2]], 'f32')])


def add_batch_norm(c):
    for shape in ((2, 3), (2, 3, 4), (2, 3, 4, 5), (1, 2, 3, 2, 2)):
        for dtype in ('f32', 'f64', 'f16') if len(shape) == 4 else ('f32',):
            n = shape[1]
            params = [p(c.rng.reals((n,), 'f64', 0.2, 2).data, dtype) for _ in range(4)]
            c.add('BatchNormalization', f'{dtype} {shape}', [c.rng.reals(shape, dtype), *params])
            c.add('BatchNormalization', f'{dtype} {shape} epsilon',
                  [c.rng.reals(shape, dtype), *params], epsilon=0.1, momentum=0.5)
    params = [p(c.rng.reals((3, 4), 'f64', 0.2, 2).data, 'f32') for _ in range(4)]
    c.add('BatchNormalization', 'not spatial', [c.rng.reals((2, 3, 4)), *params], hi=8, spatial=0)
    params = [p(c.rng.reals((3,), 'f64', 0.2, 2).data, 'f32') for _ in range(4)]
    x = c.rng.reals((2, 3, 4))
    c.add('BatchNormalization', 'mode 0', [x, *params], lo=14, training_mode=0)
    c.add('BatchNormalization', 'no variance', [x, *params[:3], p([0, 0, 1], 'f32')])


def add_norm(c):
    def vector(n, dtype='f32'):
        return p(c.rng.reals((n,), 'f64').data, dtype)
    for shape in ((2, 3, 4), (1, 3, 4, 5), (2, 2, 3, 2, 2)):
        n = shape[1]
        c.add('InstanceNormalization', f'{shape}', [c.rng.reals(shape), vector(n), vector(n)])
        c.add('GroupNormalization', f'{shape} one', [c.rng.reals(shape), vector(1), vector(1)],
              lo=18, hi=20, num_groups=1)
        c.add('GroupNormalization', f'{shape} each', [c.rng.reals(shape), vector(n), vector(n)],
              lo=18, num_groups=n)
    c.add('InstanceNormalization', 'epsilon', [c.rng.reals((2, 3, 4)), vector(3), vector(3)],
          epsilon=0.1)
    c.add('InstanceNormalization', 'f16', [c.rng.reals((2, 3, 4), 'f16'), vector(3, 'f16'),
                                           vector(3, 'f16')])
    x = c.rng.reals((2, 6, 3, 2))
    c.add('GroupNormalization', 'per group', [x, vector(3), vector(3)], lo=18, hi=20, num_groups=3)
    for attrs in ({}, {'stash_type': 1}, {'epsilon': 0.5}):
        c.add('GroupNormalization', f'per channel {attrs}', [x, vector(6), vector(6)], lo=21,
              num_groups=3, **attrs)
    c.add('GroupNormalization', 'f16', [c.rng.reals((2, 6, 3), 'f16'), vector(6, 'f16'),
                                        vector(6, 'f16')], lo=21, num_groups=2)
    for size in (1, 3, 5):
        for shape in ((2, 6, 3, 2), (1, 7, 2, 3)):
            c.add('LRN', f'{size} {shape}', [c.rng.reals(shape)], size=size)
    c.add('LRN', 'attributes', [c.rng.reals((1, 5, 2, 2))], size=3, alpha=0.5, beta=0.5, bias=2.0)
    for axis in (None, 0, 1, -2):
        for order in (1, 2):
            c.add('LpNormalization', f'{axis} {order}', [c.rng.reals((3, 4, 5))], axis=axis,
                  p=order)
    c.add('LpNormalization', 'zeros', [numpy.zeros((2, 3), numpy.float32)])
    c.add('LpNormalization', 'f64', [c.rng.reals((2, 3), 'f64')])
    for axes in (None, [0, 2, 3], [1], [-1], [0, 1, 2, 3]):
        c.add('MeanVarianceNormalization', f'{axes}', [c.rng.reals((2, 3, 4, 2))], axes=axes)


def add_layer_norm(c):
    def of(shape, dtype='f32'):
        return p(c.rng.reals(shape, 'f64').data, dtype)
    for axis in (None, 0, 1, 2, -2, -3):
        shape = (2, 3, 4)[-1 if axis is None else axis:]
        x = c.rng.reals((2, 3, 4))
        c.add('LayerNormalization', f'axis {axis}', [x, of(shape), of(shape)], axis=axis)
        c.add('LayerNormalization', f'axis {axis} no bias', [x, of(shape)], axis=axis, epsilon=0.1)
        c.add('LayerNormalization', f'axis {axis} outputs', [x, of(shape), of(shape)],
              ['f32', 'f32', 'f32'], axis=axis)
        c.add('RMSNormalization', f'axis {axis}', [x, of(shape)], axis=axis)
        c.add('RMSNormalization', f'axis {axis} epsilon', [x, of(shape)], axis=axis, epsilon=0.5)
    x = c.rng.reals((2, 3, 4))
    c.add('LayerNormalization', 'empty bias', [x, of(4), None], ['f32', '', 'f32'])
    c.add('LayerNormalization', 'broadcast scale', [x, of((1, 4)), of((3, 4))], axis=-1)
    c.add('LayerNormalization', 'one row', [c.rng.reals((1, 4)), of(4), of(4)])
    for dtype in ('f64', 'f16', 'bf16'):
        x = c.rng.reals((3, 8), dtype, 50, 60)
        scale, bias = c.rng.reals((8,), dtype), c.rng.reals((8,), dtype)
        c.add('LayerNormalization', dtype, [x, scale, bias])
        c.add('RMSNormalization', dtype, [x, scale])


# ---- losses, windows -----------------------------------------------------------------------


def add_losses(c):
    for shape, target in (((3, 5), (3,)), ((2, 4, 3), (2, 3)), ((2, 4, 3, 2), (2, 3, 2))):
        n = shape[1]
        scores = c.rng.reals(shape)
        labels = c.rng.ints(target, 'i64', 0, n)
        weights = p(c.rng.reals((n,), 'f64', 0.1, 2).data, 'f32')
        for how in ('none', 'mean', 'sum'):
            for ignored in (None, 1, -1):
                data = labels.data.copy()
                if ignored == -1:
                    data.reshape(-1)[0] = -1
                for extra in ([], [weights]):
                    label = f'{shape} {how} {ignored} {len(extra)}'
                    attrs = {'reduction': how, 'ignore_index': ignored}
                    ins = [scores, Tensor(data), *extra]
                    c.add('NegativeLogLikelihoodLoss', label, ins, **attrs)
                    if how == 'mean' or ignored is None:
                        c.add('SoftmaxCrossEntropyLoss', label, ins, ['f32', 'f32'], **attrs)
        c.add('SoftmaxCrossEntropyLoss', f'{shape} i32', [scores, Tensor(labels.data.astype('i4'))])


def add_windows(c):
    for op in ('HannWindow', 'HammingWindow', 'BlackmanWindow'):
        for periodic in (0, 1):
            for size in (1, 2, 10):
                c.add(op, f'{size} {periodic}', [p(size)], ['f32'], periodic=periodic)
        c.add(op, 'f64', [p(9)], ['f64'], output_datatype=11)
        c.add(op, 'i32 size', [p(9, 'i32')], ['f32'])


def add_all(c):
    for add in (add_unary, add_clip, add_cast, add_arithmetic, add_logic, add_several, add_reduce,
                add_softmax, add_batch_norm, add_norm, add_layer_norm, add_losses, add_windows):
        add(c)
