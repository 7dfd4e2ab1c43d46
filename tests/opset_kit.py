# SPDX-License-Identifier: Apache-2.0
"""How the cases of test_opsets.py are described, and the models made of them.

A case is one node (or a small graph) with its inputs and a range of opsets. Models are made of it
at opsets of the range at which the operator's definition changed, in several forms: parameters as
initializers, as Constant nodes or as inputs of the graph; dimensions as numbers or as names.
"""
import os

import numpy
import onnx
from onnx import helper

FIRST, LAST = 7, 23
IR_VERSION = 8

TYPES = {'f32': (1, numpy.float32), 'u8': (2, numpy.uint8), 'i8': (3, numpy.int8),
         'u16': (4, numpy.uint16), 'i16': (5, numpy.int16), 'i32': (6, numpy.int32),
         'i64': (7, numpy.int64), 'bool': (9, numpy.bool_), 'f16': (10, numpy.float16),
         'f64': (11, numpy.float64), 'u32': (12, numpy.uint32), 'u64': (13, numpy.uint64),
         'bf16': (16, None), 'f8e4m3fn': (17, None), 'f8e4m3fnuz': (18, None),
         'f8e5m2': (19, None), 'f8e5m2fnuz': (20, None), 'u4': (21, None), 'i4': (22, None)}
NAMES = {numpy.dtype(n): t for t, (_, n) in TYPES.items() if n}
FLOATS = ('f32', 'f16', 'f64', 'bf16')
INTS = ('i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32', 'u64')

# Versions that python3-onnx 1.12, which ends at opset 17, does not list.
NEWER = {
    18: 'BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CenterCropPad Col2Im GroupNormalization LpPool '
        'Mish Pad ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin '
        'ReduceProd ReduceSumSquare Resize ScatterElements ScatterND Split',
    19: 'AveragePool Cast CastLike Constant DeformConv DequantizeLinear Equal Identity If Loop Pad '
        'QuantizeLinear Reshape Resize Scan Shape Size',
    20: 'AffineGrid ConstantOfShape DFT Gelu GridSample ImageDecoder IsInf IsNaN ReduceMax '
        'ReduceMin',
    21: 'Cast CastLike Constant ConstantOfShape DequantizeLinear Flatten GroupNormalization '
        'Identity If Loop Pad QLinearMatMul QuantizeLinear Reshape Scan Shape Size Squeeze '
        'Transpose Unsqueeze',
    22: 'Acos Acosh Asin Asinh Atan Atanh AveragePool Conv ConvTranspose Cos Cosh DeformConv Det '
        'Dropout Elu EyeLike GRU GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample '
        'HardSigmoid HardSwish InstanceNormalization LSTM LpNormalization LpPool MaxPool MaxUnpool '
        'Mish NegativeLogLikelihoodLoss RNN RoiAlign Round Selu Sin Sinh Softplus Softsign Tan '
        'ThresholdedRelu',
    23: 'Attention Cast CastLike Constant ConstantOfShape DequantizeLinear Flatten Identity If '
        'Loop Pad QuantizeLinear RMSNormalization Reshape RotaryEmbedding Scan Shape Size Squeeze '
        'Transpose Unsqueeze'}
# From these versions on the operator is no more.
REMOVED = {'Scatter': 11, 'Upsample': 10}


def versions(op):
    """The opsets from FIRST to LAST at which a definition of op begins to hold."""
    since = {s.since_version for s in onnx.defs.get_all_schemas_with_history()
             if s.domain == '' and s.name == op}
    since |= {v for v, names in NEWER.items() if op in names.split()}
    end = REMOVED.get(op, LAST + 1)
    return sorted({max(v, FIRST) for v in since if v < end})


# ---- tensors -------------------------------------------------------------------------------


class Tensor:
    """Elements of a type that NumPy may lack: then `data` holds their bits."""

    def __init__(self, data, dtype=None):
        self.data = numpy.asarray(data)
        self.dtype = dtype or NAMES[self.data.dtype]

    def proto(self, name):
        data = self.data
        if self.dtype in ('u4', 'i4'):
            flat = data.reshape(-1).astype(numpy.int64) & 15
            flat = numpy.pad(flat, (0, flat.size % 2))
            data = (flat[0::2] | flat[1::2] << 4).astype(numpy.uint8)
        tensor = onnx.TensorProto(name=name, data_type=TYPES[self.dtype][0], dims=self.data.shape)
        tensor.raw_data = numpy.ascontiguousarray(data).tobytes()
        return tensor


class Param(Tensor):
    """An input that models often hold as a constant."""


def to_bf16(values):
    bits = numpy.asarray(values, numpy.float32).view(numpy.uint32)
    return Tensor(((bits + 0x7fff + (bits >> 16 & 1)) >> 16).astype(numpy.uint16), 'bf16')


def from_bf16(bits):
    return (bits.astype(numpy.uint32) << 16).view(numpy.float32)


def as_type(values, dtype):
    """values (64-bit) in a type, rounded where they must be."""
    values = numpy.asarray(values)
    if dtype == 'bf16':
        return to_bf16(values)
    with numpy.errstate(all='ignore'):
        return Tensor(values.astype(TYPES[dtype][1]))


def p(values, dtype='i64'):
    """A parameter; floats of values become f32 unless the type says otherwise."""
    t = as_type(values, dtype)
    return Param(t.data, t.dtype)


class Random:
    def __init__(self, seed):
        self.state = numpy.random.RandomState(seed)

    def reals(self, shape, dtype='f32', lo=-2.0, hi=2.0):
        return as_type(self.state.uniform(lo, hi, shape), dtype)

    def ints(self, shape, dtype='i64', lo=-20, hi=20):
        return as_type(self.state.randint(max(lo, 0) if dtype[0] == 'u' else lo, hi, shape), dtype)

    def bools(self, shape):
        return Tensor(self.state.randint(0, 2, shape).astype(bool))

    def any(self, shape, dtype='f32'):
        if dtype == 'bool':
            return self.bools(shape)
        return self.reals(shape, dtype) if dtype in FLOATS else self.ints(shape, dtype)

    def distinct(self, shape, dtype='f32'):
        """No two elements alike, so that orders and greatest elements are certain."""
        n = int(numpy.prod(shape))
        return as_type(self.state.permutation(n).reshape(shape) - n // 2, dtype)


# ---- cases ---------------------------------------------------------------------------------


class Case:
    def __init__(self, op, label, nodes, inputs, outputs, lo, hi, scale, is_fixed=False):
        """inputs: {name: Tensor}; outputs: {name: type}; scale: 'tensor' or 'element', to which a
        difference is compared; is_fixed: sizes are numbers, parameters constants."""
        self.op, self.label, self.nodes = op, label, nodes
        self.inputs, self.outputs = inputs, outputs
        self.lo, self.hi, self.scale, self.is_fixed = lo, hi, scale, is_fixed

    def opsets(self):
        return [v for v in versions(self.op) if self.lo <= v <= self.hi] or [self.lo]


class Cases:
    """Collects cases. rng gives their data."""

    def __init__(self, seed):
        self.rng = Random(seed)
        self.all = []

    def graph(self, op, label, nodes, inputs, outputs, lo=FIRST, hi=LAST, scale='tensor',
              is_fixed=False):
        lo = max(lo, versions(op)[0])
        self.all.append(Case(op, label, nodes, inputs, outputs, lo, hi, scale, is_fixed))

    def add(self, op, label, ins, outs=None, lo=FIRST, hi=LAST, scale='tensor',
            is_fixed=False, **attrs):
        """One node. An input is a Tensor, an array, or None when it is left out; outs: the types of
        the outputs, '' for one left out; by default one of the first input's type."""
        tensors = {f'x{i}': t if isinstance(t, Tensor) else Tensor(t)
                   for i, t in enumerate(ins) if t is not None}
        names = ['' if t is None else f'x{i}' for i, t in enumerate(ins)]
        outs = outs or [tensors['x0'].dtype]
        results = [f'y{i}' if t else '' for i, t in enumerate(outs)]
        attrs = {k: v for k, v in attrs.items() if v is not None}
        node = helper.make_node(op, names, results, **attrs)
        self.graph(op, label, [node], tensors,
                   {n: t for n, t in zip(results, outs) if n}, lo, hi, scale, is_fixed)


# ---- models --------------------------------------------------------------------------------

FORMS = ('constant', 'dynamic', 'node')


class Model:
    """One case at one opset in one form."""

    def __init__(self, case, opset, form, is_named):
        self.case, self.opset, self.form, self.is_named = case, opset, form, is_named
        self.name = f'{case.op}-{opset} {case.label}, {form}{", named sizes" if is_named else ""}'
        # Few kernels of ONNX Runtime take bf16; one that does not refuses all of a file.
        self.is_rare = any(t.dtype == 'bf16' for t in case.inputs.values())

    def _info(self, name, tensor):
        shape = tensor.data.shape
        is_shape = isinstance(tensor, Param) and len(shape) <= 1
        if self.is_named and not is_shape:
            shape = [f'{name}_{i}' for i in range(len(shape))]
        return helper.make_tensor_value_info(name, TYPES[tensor.dtype][0], shape)

    def graph(self):
        nodes, infos, held = [], [], []
        for name, tensor in self.case.inputs.items():
            if self.form == 'dynamic' or not isinstance(tensor, Param):
                infos.append(self._info(name, tensor))
            elif self.form == 'constant':
                held.append(tensor.proto(name))
            else:
                nodes.append(helper.make_node('Constant', [], [name], value=tensor.proto(name)))
        outputs = [helper.make_tensor_value_info(n, TYPES[t][0], None)
                   for n, t in self.case.outputs.items()]
        return helper.make_graph(nodes + self.case.nodes, 'g', infos, outputs, initializer=held)


def rename(graph, prefix):
    """Gives every name of a graph and of the graphs inside it a prefix."""
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = prefix + value.name
    for value in (*graph.input, *graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = prefix + dim.dim_param
    for node in graph.node:
        node.input[:] = [n and prefix + n for n in node.input]
        node.output[:] = [n and prefix + n for n in node.output]
        for attr in node.attribute:
            if attr.HasField('g'):
                rename(attr.g, prefix)


def write(batch, folder):
    """Models of one opset as one file, beside each other: its path, and arguments that give its
    inputs."""
    os.makedirs(folder)
    merged, arguments = onnx.GraphProto(name='g'), []
    for i, model in enumerate(batch):
        graph = onnx.GraphProto()
        graph.CopyFrom(model.graph())
        names = [value.name for value in graph.input]
        rename(graph, f'm{i}_')
        merged.MergeFrom(graph)
        for name in names:
            file = os.path.join(folder, f'm{i}_{name}.pb')
            with open(file, 'wb') as f:
                f.write(model.case.inputs[name].proto(name).SerializeToString())
            arguments += ['-i', f'm{i}_{name}={file}']
    merged.name = 'g'
    proto = helper.make_model(merged, opset_imports=[helper.make_opsetid('', batch[0].opset)])
    proto.ir_version = IR_VERSION if batch[0].opset < 19 else 10
    path = os.path.join(folder, 'model.onnx')
    onnx.save(proto, path)
    return path, arguments


def batches(chosen, size):
    """Models of one opset in groups, in the order of opsets."""
    groups = {}
    for model in chosen:
        groups.setdefault((model.opset, model.is_rare), []).append(model)
    for (_, is_rare), group in sorted(groups.items(), key=lambda item: item[0]):
        step = 1 if is_rare else size
        yield from (group[i:i + step] for i in range(0, len(group), step))


FEW = 12  # cases of an operator that has no more are made at each of their opsets


def models(cases, is_all):
    """Every case at all its opsets, or, unless is_all, at opsets that take turns; so do forms."""
    n_cases, n_seen = {}, {}
    for case in cases:
        n_cases[case.op] = n_cases.get(case.op, 0) + 1
    for case in cases:
        turn = n_seen[case.op] = n_seen.get(case.op, -1) + 1
        opsets = case.opsets()
        if not is_all and n_cases[case.op] > FEW:
            opsets = sorted({opsets[turn % len(opsets)], opsets[-1 - turn // 2 % len(opsets)]})
        has_params = any(isinstance(t, Param) for t in case.inputs.values())
        forms = FORMS if has_params and not case.is_fixed else FORMS[:1]
        for at, opset in enumerate(opsets, turn):
            is_named = not case.is_fixed and at // len(forms) % 2 == 1
            yield Model(case, opset, forms[at % len(forms)], is_named)
