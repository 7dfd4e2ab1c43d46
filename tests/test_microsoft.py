#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Quantized operators against ONNX Runtime: those of com.microsoft that its quantizer and graph
optimizer write, and ONNX's own.

    tests/test_microsoft.py [PATTERN...]      only tests whose name holds one of the patterns

A test is one model of several nodes that do not touch each other: random shapes, element types,
zero points (also the least and the greatest) and scales. Each output says how it is compared:

    exact     the same bits: integer sums, or one float32 product that both sides round once
    quantum   at most one quantum apart and equal in 99.9 % of the test's values: ONNX Runtime
              computes with another order of float32 operations, tables or reciprocals
    float     within 1e-5 of the largest value
    loose     95 % of the values as above, all within a tolerance the test names: values in between
              are quantized, and a last bit that falls on the other side of a rounding becomes a
              quantum

Operators whose schema ONNX Runtime has without a kernel are compared with NumPy.
"""
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TROCAR = os.environ.get('TROCAR', os.path.join(ROOT, 'build', 'trocar'))
TIMEOUT = 120
EQUAL_SHARE = 0.999
FLOAT_TOLERANCE = 1e-5
LOOSE_SHARE = 0.95
MS = 'com.microsoft'
U8, I8, U16, I16, I32, F32, F16 = (np.dtype(t) for t in (
    'uint8', 'int8', 'uint16', 'int16', 'int32', 'float32', 'float16'))
EIGHT = (U8, I8)
TESTS = []


def test(name, opset=13, **options):
    """Registers a function that fills a Model."""
    def register(function):
        TESTS.append((name, opset, options, function))
        return function
    return register


class Model:
    """The nodes of one test, with inputs and what is expected of each output."""

    def __init__(self, name, opset):
        self.name, self.opset = name, opset
        self.random = np.random.default_rng(sum(name.encode()))
        self.nodes, self.constants, self.inputs, self.checks = [], [], {}, []
        self.axis_names = {}

    def add(self, array, *names):
        """An input of the model; names are of its first axes, whose size the model then leaves
        open."""
        name = f'x{len(self.inputs)}'
        self.inputs[name] = np.asarray(array)
        self.axis_names[name] = names
        return name

    def constant(self, array):
        name = f'w{len(self.constants)}'
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, inputs, outputs, domain='', **attrs):
        """outputs: (element type, check) or (element type, check, tolerance or NumPy's answer);
        None for one that is left out. Arrays among the inputs become constants."""
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        made = []
        for output in outputs:
            made.append(f'y{len(self.checks)}' if output else '')
            if output:
                self.checks.append((*output, None)[:3])
        self.nodes.append(helper.make_node(op, names, made, domain=domain,
                                           name=f'{op}_{len(self.nodes)}', **attrs))

    # ---- random values

    def shape(self, *shape):
        return tuple(int(self.random.integers(n[0], n[1] + 1)) if isinstance(n, tuple) else n
                     for n in shape)

    def codes(self, shape, dtype):
        info = np.iinfo(dtype)
        return self.random.integers(info.min, info.max + 1, shape).astype(dtype)

    def weights(self, shape, dtype):
        """i8 in 7 bits: without VNNI the u8 x i8 sums of ONNX Runtime saturate in pairs."""
        return self.codes(shape, dtype) >> (1 if dtype == I8 else 0)

    def floats(self, *shape, scale=1.0):
        return (self.random.standard_normal(shape) * scale).astype(F32)

    def scale(self, lo=0.002, hi=0.05, shape=()):
        return self.random.uniform(lo, hi, shape).astype(F32)

    def zero(self, dtype, i):
        """The i-th variant: in between, 0 or its neighbours, the least, the greatest."""
        info = np.iinfo(dtype)
        middle = self.random.integers(info.min + 1, info.max)
        return np.array((middle, 0, info.min, info.max)[i % 4], dtype)

    # ---- the file

    def save(self, path):
        inputs = []
        for name, array in self.inputs.items():
            names = self.axis_names[name]
            inputs.append(helper.make_tensor_value_info(
                name, onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[array.dtype],
                [*names, *array.shape[len(names):]]))
        outputs = [helper.make_tensor_value_info(
            f'y{i}', onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[c[0]], None)
            for i, c in enumerate(self.checks)]
        graph = helper.make_graph(self.nodes, 'test', inputs, outputs, self.constants)
        model = helper.make_model(graph, ir_version=8, opset_imports=[
            helper.make_opsetid('', self.opset), helper.make_opsetid(MS, 1)])
        with open(path, 'wb') as f:
            f.write(model.SerializeToString())


# ---- com.microsoft, elementwise ------------------------------------------------------------


def binary(m, op, check):
    shapes = [((2, 5, 7), (2, 5, 7)), ((3, 1, 9), (1, 4, 9)), ((64,), (1,)), ((4, 33), (33,))]
    for i in range(8):
        dtype = EIGHT[i % 2]
        a, b = shapes[i // 2]
        m.node(op, [m.add(m.codes(a, dtype)), m.scale(), m.zero(dtype, i),
                    m.add(m.codes(b, dtype)), m.scale(), m.zero(dtype, i + 1),
                    m.scale(0.01, 0.1) if op == 'QLinearAdd' else m.scale(0.001, 0.03),
                    m.zero(dtype, i // 2)], [(dtype, check)], MS)


@test('com.microsoft/QLinearAdd')
def qlinear_add(m):
    """ONNX Runtime multiplies by scale_a / scale_y with fused additions."""
    binary(m, 'QLinearAdd', 'quantum')
    m.node('QLinearAdd', [m.add(m.codes((500,), U8)), m.scale(), m.zero(U8, 0),
                          m.add(m.codes((500,), U8)), m.scale(), m.zero(U8, 0), m.scale(0.05, 0.1)],
           [(U8, 'quantum')], MS)


@test('com.microsoft/QLinearMul')
def qlinear_mul(m):
    """Both sides: exact integer product, one factor; ONNX Runtime fuses its last addition."""
    binary(m, 'QLinearMul', 'quantum')


@test('com.microsoft/QLinearSigmoid')
def qlinear_sigmoid(m):
    for i in range(8):
        dtype = EIGHT[i % 2]
        m.node('QLinearSigmoid', [m.add(m.codes((3, 100), dtype)), m.scale(0.01, 0.1),
                                  m.zero(dtype, i // 2), np.float32(1 / 256), m.zero(dtype, i)],
               [(dtype, 'quantum')], MS)


@test('com.microsoft/QLinearLeakyRelu')
def qlinear_leaky_relu(m):
    for i in range(8):
        dtype = EIGHT[i % 2]
        m.node('QLinearLeakyRelu', [m.add(m.codes((2, 150), dtype)), m.scale(),
                                    m.zero(dtype, i // 2),
                                    m.scale(0.01), m.zero(dtype, i)], [(dtype, 'quantum')], MS,
               alpha=(0.01, 0.3)[i % 2])


@test('com.microsoft/QLinearSoftmax')
def qlinear_softmax(m):
    """ONNX Runtime sums a table of exp in fixed point."""
    for i in range(12):
        dtype = EIGHT[i % 2]
        m.node('QLinearSoftmax', [m.add(m.codes((3, 20, 10), dtype)), m.scale(0.005, 0.05),
                                  m.zero(dtype, i), np.float32(1 / 256),
                                  np.array(np.iinfo(dtype).min, dtype)], [(dtype, 'quantum')], MS,
               axis=(-1, 1, 0, 2)[i // 2 % 4], opset=(13, 12)[i >= 8])


@test('com.microsoft/QLinearConcat')
def qlinear_concat(m):
    for i in range(6):
        dtype = EIGHT[i % 2]
        parts = []
        scale, zero = m.scale(0.01), m.zero(dtype, i)
        for k in range(2 + i % 3):
            own = (scale, zero) if k == 0 else (m.scale(), m.zero(dtype, k))
            parts += [m.add(m.codes((2, 3 + k, 40), dtype)), *own]
        m.node('QLinearConcat', [scale, zero, *parts], [(dtype, 'quantum')], MS, axis=1)


@test('com.microsoft/QLinearWhere')
def qlinear_where(m):
    for i in range(4):
        dtype = EIGHT[i % 2]
        m.node('QLinearWhere', [m.add(m.random.integers(0, 2, (4, 1, 30)).astype(bool)),
                                m.add(m.codes((4, 7, 30), dtype)), m.scale(), m.zero(dtype, i),
                                m.add(m.codes((1, 7, 30), dtype)), m.scale(), m.zero(dtype, i + 1),
                                m.scale(0.01), m.zero(dtype, i + 2)], [(dtype, 'quantum')], MS)


@test('com.microsoft/Q and DQ')
def microsoft_quantize(m):
    for i, dtype in enumerate((U8, I8, U16, I16, U8, I8, U16, I16)):
        x = m.floats(3, 5, 50, scale=m.random.uniform(0.1, 10))
        scale = m.scale(0.0001, 0.001) if dtype.itemsize == 2 else m.scale()
        zero, axis = m.zero(dtype, i), {}
        if i >= 4:
            scale, axis = m.scale(0.001, 0.01, (5,)), {'axis': 1}
            zero = m.codes((5,), dtype)
        m.node('QuantizeLinear', [m.add(x), scale, zero], [(dtype, 'exact')], MS, **axis)
        m.node('DequantizeLinear', [m.add(m.codes(x.shape, dtype)), scale, zero],
               [(F32, 'exact')], MS, **axis)
    m.node('DequantizeLinear', [m.add(m.codes((9, 9), I32) >> 8), m.scale()], [(F32, 'exact')], MS)


# ---- com.microsoft, convolution and pooling ------------------------------------------------


@test('com.microsoft/QLinearAveragePool')
def qlinear_average_pool(m):
    """ONNX Runtime dequantizes, averages in float32 and quantizes."""
    for i in range(8):
        dtype, is_last = EIGHT[i % 2], i >= 4
        shape = (2, 9, 11, 3) if is_last else (2, 3, 9, 11)
        m.node('QLinearAveragePool', [m.add(m.codes(shape, dtype)), m.scale(),
                                      m.zero(dtype, i // 2),
                                      m.scale(0.01), m.zero(dtype, i)], [(dtype, 'quantum')], MS,
               kernel_shape=[3, 2], strides=[1 + i % 2, 2], pads=[1, 0, 1, 1],
               count_include_pad=i // 2 % 2, channels_last=int(is_last))
    m.node('QLinearAveragePool', [m.add(m.codes((1, 4, 60), U8)), m.scale(), m.zero(U8, 0),
                                  m.scale(0.01), m.zero(U8, 0)], [(U8, 'quantum')], MS,
           kernel_shape=[4], strides=[3], ceil_mode=1)
    m.node('QLinearAveragePool', [m.add(m.codes((1, 2, 5, 6, 7), U8)), m.scale(), m.zero(U8, 0),
                                  m.scale(0.01), m.zero(U8, 0)], [(U8, 'quantum')], MS,
           kernel_shape=[2, 2, 2], auto_pad='SAME_UPPER')


@test('com.microsoft/QLinearGlobalAveragePool')
def qlinear_global_average_pool(m):
    """Both sides sum integers; ONNX Runtime rounds its factor in another order."""
    for i in range(8):
        dtype, is_last = EIGHT[i % 2], i >= 4
        shape = (4, 6, 7, 150) if is_last else (4, 150, 6, 7)
        m.node('QLinearGlobalAveragePool',
               [m.add(m.codes(shape, dtype)), m.scale(), m.zero(dtype, i // 2),
                m.scale(0.002, 0.02),
                m.zero(dtype, i)], [(dtype, 'quantum')], MS, channels_last=int(is_last))


def conv_case(m, i, dtype, w_dtype):
    """Inputs of QLinearConv, and attributes."""
    group = (1, 1, 4, 2)[i % 4]
    channels, outputs = 4 * (1 + i % 2), 8
    x = m.codes((2, channels, 9, 10 + i % 3), dtype)
    w = m.weights((outputs, channels // group, 3, 1 + i % 3), w_dtype)
    per_channel = i % 3 == 1
    shape = (outputs,) if per_channel else ()
    w_zero = np.zeros(shape, w_dtype) if w_dtype == I8 else np.full(shape, m.zero(w_dtype, i))
    inputs = [m.add(x), m.scale(), m.zero(dtype, i), w, m.scale(0.001, 0.02, shape), w_zero,
              m.scale(0.005, 0.05) if i % 5 else m.scale(0.0001, 0.001), m.zero(dtype, i + 2)]
    if i % 4 != 3:
        inputs.append(m.random.integers(-5000, 5000, (outputs,)).astype(I32))
    padding = ({'pads': [1, 0, 1, 1]}, {'auto_pad': 'SAME_UPPER'}, {'auto_pad': 'SAME_LOWER'},
               {'auto_pad': 'VALID'})[i // 2 % 4]
    is_same = padding.get('auto_pad', '').startswith('SAME')
    return inputs, {'group': group, 'strides': [1 + i % 2, 1],
                    'dilations': [1, 1 if is_same else 1 + i // 5], **padding}


PAIRS = ((U8, U8), (U8, I8), (I8, I8))


@test('QLinearConv')
def qlinear_conv(m):
    for i in range(18):
        dtype, w_dtype = PAIRS[i % 3]
        inputs, attrs = conv_case(m, i, dtype, w_dtype)
        m.node('QLinearConv', inputs, [(dtype, 'exact')], **attrs)
    m.node('QLinearConv', [m.add(m.codes((2, 3, 40), U8)), m.scale(), m.zero(U8, 0),
                           m.codes((5, 3, 4), U8), m.scale(), m.zero(U8, 0), m.scale(0.05, 0.1),
                           m.zero(U8, 0)], [(U8, 'exact')])
    m.node('QLinearConv', [m.add(m.codes((1, 2, 5, 6, 7), U8)), m.scale(), m.zero(U8, 0),
                           m.weights((3, 2, 2, 2, 2), I8), m.scale(), np.int8(0),
                           m.scale(0.05, 0.1), m.zero(U8, 3)], [(U8, 'exact')])


@test('com.microsoft/QLinearConv')
def qlinear_conv_layout(m):
    for i in range(12):
        dtype, w_dtype = PAIRS[i % 3]
        inputs, attrs = conv_case(m, i, dtype, w_dtype)
        if i % 4 != 2:
            m.inputs[inputs[0]] = np.ascontiguousarray(np.moveaxis(m.inputs[inputs[0]], 1, -1))
        m.node('QLinearConv', inputs, [(dtype, 'exact')], MS, channels_last=int(i % 4 != 2),
               **attrs)


@test('com.microsoft/NhwcMaxPool')
def nhwc_max_pool(m):
    for i in range(6):
        dtype = EIGHT[i % 2]
        m.node('NhwcMaxPool', [m.add(m.codes((2, 9, 11, 5), dtype))], [(dtype, 'exact')], MS,
               kernel_shape=[3, 2], strides=[1 + i % 2, 2], pads=[1, 1, 0, 1] if i % 3 else [0] * 4,
               dilations=[1, 1 + i // 3])


@test('com.microsoft/FusedConv')
def fused_conv(m):
    for i, (name, params) in enumerate((('Relu', None), ('Sigmoid', None), ('Tanh', None),
                                        ('LeakyRelu', [0.2]), ('Clip', [-0.5, 1.5]),
                                        ('HardSigmoid', [0.3, 0.4]))):
        x, w = m.floats(2, 4, 8, 9), m.floats(6, 4, 3, 3, scale=0.3)
        inputs = [m.add(x), w, m.floats(6)]
        if i in (0, 3):
            inputs.append(m.add(m.floats(2, 6, 8, 9)))
        m.node('FusedConv', inputs, [(F32, 'float')], MS, activation=name, pads=[1] * 4,
               **({'activation_params': params} if params else {}))


@test('com.microsoft/FusedGemm')
def fused_gemm(m):
    for name, attrs in (('Relu', {}), ('LeakyRelu', {'activation_alpha': 0.1}), ('Tanh', {}),
                        ('HardSigmoid', {'activation_alpha': 0.2, 'activation_beta': 0.4})):
        m.node('FusedGemm', [m.add(m.floats(5, 7)), m.floats(9, 7), m.floats(9)], [(F32, 'float')],
               MS, activation=name, transB=1, alpha=0.5, beta=2.0, **attrs)


# ---- com.microsoft, matrix products --------------------------------------------------------


@test('com.microsoft/QGemm')
def qgemm(m):
    for i in range(16):
        dtype, w_dtype = PAIRS[i % 3]
        rows, k, n = m.shape((3, 12), (5, 40), (4, 20))
        ta, tb, per_column = i & 1, i >> 1 & 1, i % 4 == 3
        shape = (n,) if per_column else ()
        w_zero = np.full(shape, m.zero(w_dtype, i))
        inputs = [m.add(m.codes((k, rows) if ta else (rows, k), dtype)), m.scale(),
                  m.zero(dtype, i),
                  m.weights((n, k) if tb else (k, n), w_dtype), m.scale(shape=shape), w_zero,
                  m.random.integers(-9000, 9000, (n,)).astype(I32) if i % 5 else '']
        is_float = i % 4 == 1
        if not is_float:
            inputs += [m.scale(0.02, 0.2), m.zero(dtype, i // 4)]
        m.node('QGemm', inputs, [(F32, 'float') if is_float else (dtype, 'quantum')], MS, transA=ta,
               transB=tb, alpha=(1.0, 1.0, 0.7)[i % 3])


@test('com.microsoft/MatMulIntegerToFloat')
def matmul_integer_to_float(m):
    for i in range(10):
        dtype, w_dtype = PAIRS[i % 3]
        k, n = m.shape((5, 40), (4, 20))
        shape = (n,) if i % 4 == 1 else ()
        inputs = [m.add(m.codes((2, 6, k), dtype)), m.weights((k, n), w_dtype), m.scale(),
                  m.scale(shape=shape), m.zero(dtype, i) if i % 5 else '',
                  m.codes(shape, w_dtype) if i % 2 else '', m.floats(n) if i % 3 else '']
        m.node('MatMulIntegerToFloat', inputs, [(F32, 'float')], MS)


@test('com.microsoft/DynamicQuantizeMatMul')
def dynamic_quantize_matmul(m):
    for i in range(10):
        k, n = m.shape((5, 40), (4, 20))
        shape = (n,) if i % 3 == 1 else ()
        w_dtype = EIGHT[i % 2]
        x = m.floats(2, 6, k) if i % 4 else np.abs(m.floats(2, 6, k)) + F32.type(1)
        if i == 9:
            x *= 0
        m.node('DynamicQuantizeMatMul',
               [m.add(x), m.weights((k, n), w_dtype), m.scale(shape=shape),
                m.codes(shape, w_dtype) if i % 2 else '', m.floats(n) if i % 3 else ''],
               [(F32, 'float')], MS)


@test('com.microsoft/MatMulInteger16')
def matmul_integer_16(m):
    for _ in range(3):
        a, b = m.codes((2, 4, 9), I16), m.codes((9, 5), I16)
        exact = np.matmul(a.astype(np.int64), b.astype(np.int64)).astype(I32)
        m.node('MatMulInteger16', [m.add(a), m.add(b)], [(I32, 'numpy', exact)], MS)


@test('com.microsoft/MatMulNBits')
def matmul_nbits(m):
    for i in range(8):
        k, n, block = (32, 48, 64, 130)[i % 4], 5 + i, (16, 32)[i // 4]
        n_blocks = -(-k // block)
        inputs = [m.add(m.floats(3, k)), m.codes((n, n_blocks, block // 2), U8),
                  m.scale(shape=(n * n_blocks,))]
        if i % 2:
            inputs.append(m.codes((n * ((n_blocks + 1) // 2),), U8))
        m.node('MatMulNBits', inputs, [(F32, 'float')], MS, K=k, N=n, bits=4, block_size=block)


@test('com.microsoft/FusedMatMul')
def fused_matmul(m):
    for i in range(4):
        a = m.floats(2, 7, 5) if i & 1 else m.floats(2, 5, 7)
        b = m.floats(2, 9, 7) if i & 2 else m.floats(2, 7, 9)
        for op in ('FusedMatMul', 'TransposeMatMul'):
            m.node(op, [m.add(a), m.add(b)], [(F32, 'float')], MS, transA=i & 1, transB=i >> 1,
                   alpha=0.5)


# ---- com.microsoft, without a kernel in ONNX Runtime ----------------------------------------


def quantized(x, scale, zero):
    info = np.iinfo(zero.dtype)
    y = np.rint(x / scale) + zero.astype(np.float64)
    return np.clip(y, info.min, info.max).astype(zero.dtype)


@test('com.microsoft/QLinearReduceMean', is_numpy=True)
def qlinear_reduce_mean(m):
    for i, axes in enumerate(([1], [0, 2], [-1], None)):
        dtype = EIGHT[i % 2]
        x = m.codes((4, 50, 6), dtype)
        sx, zx, sy, zy = m.scale(), m.zero(dtype, i), m.scale(), m.zero(dtype, i + 1)
        mean = ((x.astype(np.float64) - zx) * sx).mean(
            axis=tuple(axes) if axes else None, keepdims=i % 2 == 0)
        m.node('QLinearReduceMean', [m.add(x), sx, zx, sy, zy],
               [(dtype, 'numpy', quantized(mean, sy, zy))], MS, keepdims=int(i % 2 == 0),
               **({'axes': axes} if axes else {}))


@test('com.microsoft/MulInteger and ReduceSumInteger', is_numpy=True)
def integer_operators(m):
    for i, dtype in enumerate(EIGHT):
        a, b = m.codes((3, 4), dtype), m.codes((4,), dtype)
        za, zb = m.zero(dtype, i), m.zero(dtype, 2)
        exact = (a.astype(I32) - za.astype(I32)) * (b.astype(I32) - zb.astype(I32))
        m.node('MulInteger', [m.add(a), za, m.add(b), zb], [(I32, 'numpy', exact)], MS)
        to = np.dtype('uint32') if dtype == U8 else I32
        m.node('ReduceSumInteger', [m.add(a)], [(to, 'numpy', a.sum(axis=1).astype(to))], MS,
               axes=[1], keepdims=0)


# ---- com.microsoft, attention --------------------------------------------------------------


def masks(m, batch, length, keys):
    """No mask, by key, by query and key, ends, ends and begins."""
    by_key = m.random.integers(0, 2, (batch, keys)).astype(I32)
    by_key[:, 0] = 1
    by_query = m.random.integers(0, 2, (batch, length, keys)).astype(I32)
    by_query[:, :, 0] = 1
    end = m.random.integers(keys // 2, keys + 1, (batch,)).astype(I32)
    begin = m.random.integers(0, keys // 2, (batch,)).astype(I32)
    return ['', by_key, by_query, end, np.concatenate((end, begin))]


@test('com.microsoft/Attention')
def attention(m):
    batch, length, width, heads, head = 2, 7, 10, 3, 4
    for i, mask in enumerate(masks(m, batch, length, length)):
        hidden = heads * head
        inputs = [m.add(m.floats(batch, length, width)), m.floats(width, 3 * hidden),
                  m.floats(3 * hidden), m.add(mask) if isinstance(mask, np.ndarray) else '']
        m.node('Attention', inputs, [(F32, 'float')], MS, num_heads=heads)
        m.node('Attention', inputs, [(F32, 'float')], MS, num_heads=heads,
               unidirectional=int(i < 2), scale=0.3)
    wide = [m.add(m.floats(batch, length, width)), m.floats(width, 2 * 12 + 18),
            m.floats(2 * 12 + 18)]
    m.node('Attention', wide, [(F32, 'float')], MS, num_heads=heads, qkv_hidden_sizes=[12, 12, 18])
    bias = m.add(m.floats(1, heads, length, length))
    m.node('Attention', [*wide, '', '', bias], [(F32, 'float')], MS, num_heads=heads,
           qkv_hidden_sizes=[12, 12, 18])
    past = m.add(m.floats(2, batch, heads, 3, head))
    m.node('Attention', [m.add(m.floats(batch, length, width)), m.floats(width, 36), m.floats(36),
                         '', past], [(F32, 'float'), (F32, 'float')], MS, num_heads=heads,
           unidirectional=1)


@test('com.microsoft/QAttention')
def qattention(m):
    """x is u8, as in ONNX Runtime's only kernel."""
    batch, length, width, heads, head = 2, 7, 10, 3, 4
    hidden = heads * head
    for i, mask in enumerate(masks(m, batch, length, length)):
        for w_dtype in EIGHT:
            columns = (3 * hidden,) if i % 2 else ()
            inputs = [m.add(m.codes((batch, length, width), U8)),
                      m.weights((width, 3 * hidden), w_dtype),
                      m.floats(3 * hidden), m.scale(0.005, 0.01), m.scale(0.005, 0.01, columns),
                      m.add(mask) if isinstance(mask, np.ndarray) else '', m.zero(U8, i),
                      m.codes(columns, w_dtype)]
            m.node('QAttention', inputs, [(F32, 'float')], MS, num_heads=heads)
    past = m.add(m.floats(2, batch, heads, 3, head))
    m.node('QAttention', [m.add(m.codes((batch, length, width), U8)),
                          m.weights((width, 3 * hidden), I8), m.floats(3 * hidden),
                          m.scale(0.005, 0.01), m.scale(0.005, 0.01), '', m.zero(U8, 0),
                          np.int8(0), past], [(F32, 'float'), (F32, 'float')], MS,
           num_heads=heads, unidirectional=1)


# ---- com.microsoft, LSTM -------------------------------------------------------------------


def lstm_case(m, i, **attrs):
    """ONNX Runtime shares a batch out to its threads, each with a range of its own for h: one
    thread for all."""
    time, batch, width, hidden = 6, (1, 3)[i % 2], 5, 8
    n = 2 if attrs.get('direction') == 'bidirectional' else 1
    w_dtype, per_channel = EIGHT[i % 2], i % 3 == 2
    shape = (n, 4 * hidden) if per_channel else (n,)
    zeros = [np.zeros(shape, I8) if w_dtype == I8 else np.full(shape, 128, U8) for _ in range(2)]
    if not per_channel:
        zeros = [m.codes(shape, w_dtype) // 4 for _ in range(2)]
    lengths = np.array([6, 2, 4][:batch], I32) if i >= 6 else None
    if i == 8:
        lengths = np.array([4], I32)
    initial = [m.add(m.floats(n, batch, hidden)) for _ in range(2)] if i % 2 else ['', '']
    inputs = [m.add(m.floats(time, batch, width)), m.weights((n, width, 4 * hidden), w_dtype),
              m.weights((n, hidden, 4 * hidden), w_dtype), m.floats(n, 8 * hidden) if i else '',
              '' if lengths is None else m.add(lengths), *initial,
              m.floats(n, 3 * hidden) if i in (3, 4) else '', m.scale(0.002, 0.006, shape),
              zeros[0],
              m.scale(0.002, 0.006, shape), zeros[1]]
    outputs = [(F32, 'loose', 2e-3)] * 3
    m.node('DynamicQuantizeLSTM', inputs, outputs, MS, hidden_size=hidden, **attrs)


@test('com.microsoft/DynamicQuantizeLSTM', threads=1)
def dynamic_quantize_lstm(m):
    """Loose: h is quantized anew in every step."""
    cases = ({}, {'direction': 'reverse'}, {'direction': 'bidirectional'}, {}, {'clip': 0.5},
             {'input_forget': 1}, {}, {'direction': 'bidirectional'}, {'direction': 'reverse'},
             {'activations': ['Sigmoid', 'Tanh', 'Sigmoid']})
    for i, attrs in enumerate(cases):
        lstm_case(m, i, **attrs)


@test('com.microsoft, open sizes', threads=1)
def open_sizes(m):
    """Batch and length known only at run time."""
    scales = [m.scale(0.002, 0.006, (2,)), np.full(2, 99, U8)] * 2
    for lengths in ('', m.add(np.array([6, 0, 4], I32), 'batch')):
        m.node('DynamicQuantizeLSTM',
               [m.add(m.floats(6, 3, 5), 'time', 'batch'), m.codes((2, 5, 32), U8),
                m.codes((2, 8, 32), U8), '', lengths, '', '', '', *scales],
               [(F32, 'loose', 2e-3)] * 3, MS, hidden_size=8, direction='bidirectional')
    end = np.array([4, 7, 2], I32)
    by_key = (np.arange(7) < end[:, None]).astype(I32)
    for mask in ('', m.add(end, 'batch'), m.add(by_key, 'batch', 'n')):
        m.node('QAttention', [m.add(m.codes((3, 7, 10), U8), 'batch', 'n'), m.weights((10, 36), I8),
                              m.floats(36), m.scale(0.005, 0.01), m.scale(0.005, 0.01), mask,
                              m.zero(U8, 0), np.int8(3)], [(F32, 'float')], MS, num_heads=3)
    m.node('QLinearSoftmax', [m.add(m.codes((3, 20, 10), U8), 'batch'), m.scale(), m.zero(U8, 0),
                              np.float32(1 / 256), np.uint8(0)], [(U8, 'quantum')], MS, axis=1,
           opset=12)
    m.node('QLinearConv', [m.add(m.codes((2, 9, 11, 4), U8), 'two', 'h', 'w'), m.scale(),
                           m.zero(U8, 0), m.weights((6, 4, 3, 3), I8), m.scale(0.001, 0.01, (6,)),
                           np.zeros(6, I8), m.scale(0.02, 0.1), m.zero(U8, 0)], [(U8, 'exact')], MS,
           channels_last=1)


# ---- ONNX's own ----------------------------------------------------------------------------


@test('QLinearMatMul')
def qlinear_matmul(m):
    for i in range(12):
        dtype, w_dtype = PAIRS[i % 3]
        k, n = m.shape((5, 60), (4, 20))
        shape = (n,) if i % 4 == 3 else ()
        m.node('QLinearMatMul',
               [m.add(m.codes((2, 3, k) if i % 2 else (6, k), dtype)), m.scale(), m.zero(dtype, i),
                m.weights((k, n), w_dtype), m.scale(shape=shape),
                np.full(shape, m.zero(w_dtype, i)),
                m.scale(0.02, 0.2) if i % 5 else m.scale(0.0005, 0.001), m.zero(dtype, i + 2)],
               [(dtype, 'exact')])


@test('MatMulInteger')
def matmul_integer(m):
    for i in range(12):
        dtype, w_dtype = (*PAIRS, (I8, U8))[i % 4]
        k, n = m.shape((5, 60), (4, 20))
        inputs = [m.add(m.codes((2, 3, k), dtype)), m.weights((k, n), w_dtype)]
        if i >= 4:
            inputs += [m.zero(dtype, i // 4),
                       m.codes((n,), w_dtype) if i % 3 else m.zero(w_dtype, i)]
        m.node('MatMulInteger', inputs, [(I32, 'exact')])


@test('ConvInteger')
def conv_integer(m):
    for i in range(8):
        inputs, attrs = conv_case(m, i, U8, U8)
        x, _, zero, w, _, w_zero = inputs[:6]
        zeros = [zero, w_zero.reshape(-1)[0]] if i else []
        m.node('ConvInteger', [x, w, *zeros], [(I32, 'exact')], **attrs)


@test('DynamicQuantizeLinear')
def dynamic_quantize_linear(m):
    outputs = [(U8, 'exact'), (F32, 'exact'), (U8, 'exact')]
    for i in range(8):
        x = m.floats(*m.shape((1, 9), (1, 50)), scale=10.0 ** (i - 4)) + F32.type(i % 3)
        m.node('DynamicQuantizeLinear', [m.add(x)], outputs)
    for x in (np.zeros((3, 3), F32), np.abs(m.floats(9, 9)), -np.abs(m.floats(9, 9)),
              np.array([0, 255], F32), np.arange(-128, 128, 0.5).astype(F32)):
        m.node('DynamicQuantizeLinear', [m.add(x)], outputs)


def quantize_nodes(m):
    types = (U8, I8, U16, I16) if m.opset >= 21 else EIGHT
    for i in range(8):
        dtype = types[i % len(types)]
        scale = m.scale(0.0001, 0.001) if dtype.itemsize == 2 else m.scale()
        zero, attrs = m.zero(dtype, i), {}
        if m.opset >= 13 and i >= 4:
            scale, zero, attrs = m.scale(0.001, 0.01, (5,)), m.codes((5,), dtype), {'axis': 1}
        if m.opset >= 21 and i >= 6:
            attrs = {'axis': 2, 'block_size': 4}
            scale, zero = m.scale(0.001, 0.01, (3, 5, 10)), m.codes((3, 5, 10), dtype)
        x = m.floats(3, 5, 40, scale=m.random.uniform(0.1, 10))
        x.reshape(-1)[:9] = (np.arange(9, dtype=F32) - F32.type(4.5)) * np.ravel(scale)[0]
        x.reshape(-1)[9:14] = [np.inf, -np.inf, 1e30, -1e30, 0]
        m.node('QuantizeLinear', [m.add(x), scale, zero], [(dtype, 'exact')], **attrs)
        m.node('DequantizeLinear', [m.add(m.codes(x.shape, dtype)), scale, zero], [(F32, 'exact')],
               **attrs)
    m.node('QuantizeLinear', [m.add(m.floats(99)), m.scale()], [(U8, 'exact')])
    m.node('DequantizeLinear', [m.add(m.codes((99,), I32) >> 7), m.scale()], [(F32, 'exact')])
    if m.opset >= 19:
        x = m.floats(200).astype(F16)
        scale = m.scale().astype(F16)
        m.node('QuantizeLinear', [m.add(x), scale, m.zero(U8, 0)], [(U8, 'exact')])
        m.node('DequantizeLinear', [m.add(m.codes((200,), U8)), scale, m.zero(U8, 0)],
               [(F16, 'exact')])


for number in (10, 13, 19, 21, 23):
    test(f'Q and DQ, opset {number}', opset=number)(quantize_nodes)


@test('operators that pass 8 bits on')
def eight_bits(m):
    """What the quantizer leaves between quantized operators in QOperator format."""
    for dtype in EIGHT:
        x = m.add(m.codes((2, 6, 8, 10), dtype))
        same = [(dtype, 'exact')]
        m.node('MaxPool', [x], same, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 1, 0, 0])
        m.node('Resize', [x, '', np.array([1, 1, 2, 2], F32)], same, mode='nearest')
        m.node('Pad', [x, np.array([0, 0, 1, 2, 0, 0, 3, 0]), m.zero(dtype, 0)], same)
        m.node('Split', [x], same * 3, axis=1)
        m.node('Transpose', [x], same, perm=[0, 2, 3, 1])
        m.node('Gather', [x, m.add(np.array([0, 5, -1]))], same, axis=1)
        m.node('ArgMax', [x], [(np.dtype('int64'), 'exact')], axis=1)
        m.node('Reshape', [x, np.array([0, -1])], same)


def dequantized(m, codes, scale, zero, **attrs):
    """The name of codes behind a DequantizeLinear."""
    name = f'd{len(m.nodes)}'
    inputs = [i if isinstance(i, str) else m.constant(i) for i in (codes, scale, zero)]
    m.nodes.append(helper.make_node('DequantizeLinear', inputs, [name], name=name, **attrs))
    return name


def qdq_node(m, i, op, inputs, **attrs):
    """op with a QuantizeLinear behind it."""
    dtype, name = EIGHT[i % 2], f'f{len(m.nodes)}'
    m.nodes.append(helper.make_node(op, inputs, [name], name=name, **attrs))
    m.node('QuantizeLinear', [name, m.scale(0.02, 0.1), m.zero(dtype, 4 * i)], [(dtype, 'quantum')])


@test('QDQ format')
def qdq_format(m):
    """ONNX Runtime fuses each into one integer operator, whose product has one factor."""
    for i in range(6):
        dtype = EIGHT[i % 2]
        sx, sw = m.scale(), m.scale(0.002, 0.01, (8,))
        x = dequantized(m, m.add(m.codes((2, 4, 9, 10), dtype)), sx, m.zero(dtype, 4 * i))
        w = dequantized(m, m.weights((8, 4, 3, 3), I8), sw, np.zeros(8, I8), axis=0)
        b = dequantized(m, m.random.integers(-900, 900, (8,)).astype(I32), sx * sw,
                        np.zeros(8, I32), axis=0)
        qdq_node(m, i, 'Conv', [x, w, b], pads=[1] * 4, strides=[1 + i % 2, 1])
        y = dequantized(m, m.add(m.codes((2, 4, 9, 10), dtype)), m.scale(), m.zero(dtype, 4 * i))
        qdq_node(m, i, 'Add', [x, y])
        qdq_node(m, i, 'Mul', [x, y])
        qdq_node(m, i, 'Sigmoid', [x])
        qdq_node(m, i, 'GlobalAveragePool', [x])
        qdq_node(m, i, 'Concat', [x, y], axis=1)
        v = dequantized(m, m.weights((10, 7), I8), m.scale(), np.int8(0))
        qdq_node(m, i, 'MatMul', [x, v])
        u = dequantized(m, m.weights((4, 5, 2, 2), I8), m.scale(), np.int8(0))
        qdq_node(m, i, 'ConvTranspose', [x, u], strides=[2, 2])


# ---- refusals ------------------------------------------------------------------------------


def refused(name, expected, op, arrays, n_out=1, **attrs):
    """A verdict: importing one node must end with exit 2 and a message that holds `expected`."""
    m = Model(name, 13)
    m.node(op, [m.add(a) if isinstance(a, np.ndarray) else a for a in arrays],
           [(F32, 'float')] * n_out, MS, **attrs)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'model.onnx')
        m.save(path)
        text, code = run(path, {}, os.path.join(folder, 'ours'), None)
    if code == 2 and expected in text and op in text:
        return f'PASS {name}'
    return f'FAIL {name}: expected exit 2 and "{expected}", found {text}'


def refusals():
    f, u = (lambda *s: np.zeros(s, F32)), (lambda *s: np.zeros(s, U8))
    x, w, r = f(2, 1, 3), u(1, 3, 16), u(1, 4, 16)
    scales = [f(1), u(1), f(1), u(1)]
    lstm = [x, w, r, '', '', '', '', '', *scales]
    yield refused('refused: EmbedLayerNormalization', 'expected an operator that is supported',
                  'EmbedLayerNormalization', [f(2, 2)])
    yield refused('refused: QEmbedLayerNormalization', 'expected an operator that is supported',
                  'QEmbedLayerNormalization', [f(2, 2)])
    yield refused('refused: LSTM activation', "found 'Elu'", 'DynamicQuantizeLSTM', lstm,
                  hidden_size=4, activations=['Elu', 'Tanh', 'Tanh'])
    yield refused('refused: LSTM hidden size', "'hidden_size'", 'DynamicQuantizeLSTM', lstm,
                  hidden_size=1 << 40)
    yield refused('refused: LSTM without scales', 'expected input 8', 'DynamicQuantizeLSTM',
                  lstm[:3],
                  hidden_size=4)
    yield refused('refused: LSTM rank', 'expected rank 3', 'DynamicQuantizeLSTM',
                  [f(3), *lstm[1:]], hidden_size=4)
    yield refused('refused: QLinearAdd without b', 'expected input 3', 'QLinearAdd', [u(2), f()])
    yield refused('refused: QLinearAdd without scale', 'expected input 1', 'QLinearAdd',
                  [u(2), '', '', u(2), '', '', f()])
    yield refused('refused: Attention heads', "'num_heads'", 'Attention', [f(1, 2, 4), f(4, 12)],
                  num_heads=5)
    yield refused('refused: Attention sizes', 'fill the weights', 'Attention', [f(1, 2, 4),
                                                                                f(4, 12)],
                  num_heads=2, qkv_hidden_sizes=[4, 4, 1 << 62])
    yield refused('refused: Attention rotary', "'do_rotary'", 'Attention', [f(1, 2, 4), f(4, 12)],
                  num_heads=2, do_rotary=1)
    yield refused('refused: Attention past', 'rank', 'Attention',
                  [f(1, 2, 4), f(4, 12), '', '', f(2)], num_heads=2)
    yield refused('refused: MatMulNBits bits', "'bits'", 'MatMulNBits', [f(1, 16), u(1, 1, 4),
                                                                         f(1)],
                  K=16, N=1, bits=2, block_size=16)
    yield refused('refused: MatMulNBits sizes', "'K'", 'MatMulNBits', [f(1, 16), u(1, 1, 8), f(1)],
                  K=1 << 60, N=1 << 60, bits=4, block_size=16)
    yield refused('refused: MatMulNBits codes', 'expected', 'MatMulNBits', [f(1, 16), u(1, 1, 7),
                                                                            f(1)],
                  K=16, N=1, bits=4, block_size=16)
    yield refused('refused: FusedConv activation', "found 'Elu'", 'FusedConv',
                  [f(1, 1, 4, 4), f(1, 1, 3, 3)], activation='Elu')


# ---- running and comparing -----------------------------------------------------------------


def run(model, files, folder, threads):
    """Outputs, or the text of an error."""
    command = [TROCAR, 'run', model, '-o', folder]
    if threads:
        command += ['--threads', str(threads)]
    for name, path in files.items():
        command += ['-i', f'{name}={path}']
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT,
                              errors='replace')
    except subprocess.TimeoutExpired:
        return f'not done after {TIMEOUT} s', None
    if done.returncode:
        return f'exit {done.returncode}: {done.stderr.strip()}', done.returncode
    n = sum(f.endswith('.npy') for f in os.listdir(folder))
    return [np.load(os.path.join(folder, f'output_{i}.npy')) for i in range(n)], 0


def difference(check, extra, ours, theirs):
    """What is wrong with one output, or None."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return f'{ours.dtype} {ours.shape}, expected {theirs.dtype} {theirs.shape}'
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    worst = np.abs(a - b).max(initial=0) if not np.array_equal(a, b, equal_nan=True) else 0
    if check == 'quantum':
        return f'{worst:g} quanta apart' if worst > 1 else None
    if check in ('exact', 'numpy'):
        return f'{(a != b).sum()} of {a.size} values differ, by up to {worst:g}' if worst else None
    most = np.abs(b).max(initial=0)
    if check == 'loose' and (np.abs(a - b) > FLOAT_TOLERANCE * most).mean() > 1 - LOOSE_SHARE:
        return f'more than {1 - LOOSE_SHARE:.0%} of the values are not within {FLOAT_TOLERANCE:g}'
    limit = (extra or FLOAT_TOLERANCE) * most
    return f'{worst:g} apart, at most {limit:g} expected' if not worst <= limit else None


def verdict(model, ours, theirs):
    if len(ours) != len(model.checks) or (theirs and len(theirs) != len(ours)):
        return f'FAIL {model.name}: {len(ours)} outputs, expected {len(model.checks)}'
    n_equal = n_values = 0
    for i, (_, check, extra) in enumerate(model.checks):
        expected = extra if check == 'numpy' else theirs[i]
        problem = difference(check, extra, ours[i], expected)
        if problem:
            node = next(n.name for n in model.nodes if f'y{i}' in n.output)
            return f'FAIL {model.name}: output {i} ({node}, {check}): {problem}'
        if check == 'quantum':
            n_equal += int((ours[i] == theirs[i]).sum())
            n_values += ours[i].size
    if n_equal < EQUAL_SHARE * n_values:
        return (f'FAIL {model.name}: {n_equal} of {n_values} values equal, '
                f'{EQUAL_SHARE:.1%} expected')
    return f'PASS {model.name}'


def one_test(name, opset, options, function, folder):
    model = Model(name, opset)
    function(model)
    path = os.path.join(folder, 'model.onnx')
    model.save(path)
    files = {}
    for key, array in model.inputs.items():
        files[key] = os.path.join(folder, f'{key}.npy')
        np.save(files[key], array)
    threads = options.get('threads')
    theirs = None
    if not options.get('is_numpy'):
        theirs, code = run('ort:' + path, files, os.path.join(folder, 'theirs'), threads)
        if code == 3 and 'not installed' in theirs:
            return f'SKIP {name}: ONNX Runtime is not there'
        if code != 0:
            return f'FAIL {name}: ONNX Runtime: {theirs}'
    ours, code = run(path, files, os.path.join(folder, 'ours'), threads)
    return f'FAIL {name}: {ours}' if code != 0 else verdict(model, ours, theirs)


def main(patterns):
    n_failed = 0
    for name, opset, options, function in TESTS:
        if patterns and not any(p in name for p in patterns):
            continue
        with tempfile.TemporaryDirectory() as folder:
            line = one_test(name, opset, options, function, folder)
        print(line, flush=True)
        n_failed += line.startswith('FAIL')
    for line in refusals():
        if not patterns or any(p in line for p in patterns):
            print(line, flush=True)
            n_failed += line.startswith('FAIL')
    return 1 if n_failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
