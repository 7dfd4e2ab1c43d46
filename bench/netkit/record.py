# SPDX-License-Identifier: Apache-2.0
"""A network as a list of records: what a definition builds and what every back end reads.

A definition calls methods of Net named after the operators (`b.conv(x, 64, 3)`). Each call makes
one record: an instance of the operator's class with its name, inputs, outputs and parameters.
An operator is one class with all that is known about it:

    shape(*shapes)      the output's shape (a list of shapes: several outputs)
    weights(*shapes)    its parameters: local name -> (shape, standard deviation, mean)
    macs()              multiply-accumulates
    run(p, *arrays)     its value in numpy; p holds its parameters by local name
    onnx(w, *names)     writes its nodes, returns the name of its output
    torch(t, *nodes)    writes its torch.fx nodes, returns its output
"""
import contextlib
import dataclasses
import zlib

import numpy as np

OPS = {}

# Weights lie on this grid; activations of a calibration lie on evaluate.GRID. Sums of their
# products are then exact in double precision, whatever order a BLAS adds them in.
WEIGHT_GRID = 2.0**24


def op(cls):
    """Registers an operator under its class's name in small letters."""
    cls = dataclasses.dataclass(eq=False)(cls)
    OPS[cls.__name__.lower()] = cls
    return cls


@dataclasses.dataclass(eq=False)
class Value:
    """A tensor of the network; dtype is 'f' (float32), 'i' (int64) or 'b' (bool)."""

    shape: tuple
    dtype: str = "f"


class Op:
    dtype = None  # of the output; None: that of the first input

    def shape(self, *xs):
        return np.broadcast_shapes(*xs)

    def weights(self, *xs):
        return {}

    def macs(self):
        return 0


class Params:
    """Parameters by name: declared with their statistics, made when asked for.

    Each array depends on the seed and its own name only, so that two builds of a network at
    different sizes have the same weights.
    """

    def __init__(self, seed):
        self.seed = seed
        self.specs = {}
        self.arrays = {}

    def declare(self, name, spec):
        known = self.specs.setdefault(name, spec)
        if known != spec:
            raise ValueError(f"{name}: declared as {known}, then as {spec}")

    def get(self, name):
        if name not in self.arrays:
            shape, std, mean = self.specs[name]
            rng = np.random.RandomState(zlib.crc32(f"{self.seed}/{name}".encode()))
            array = rng.standard_normal(shape) * std + mean
            self.arrays[name] = (np.rint(array * WEIGHT_GRID) / WEIGHT_GRID).astype(np.float32)
        return self.arrays[name]

    def set(self, name, array):
        self.arrays[name] = array.astype(np.float32)

    def count(self):
        """Parameters as papers count them: without running statistics."""
        trained = (s[0] for n, s in self.specs.items() if ".running_" not in n)
        return sum(int(np.prod(shape)) for shape in trained)


class Net:
    """Builder of a network: every operator of OPS is a method."""

    def __init__(self, name, params):
        self.name = name
        self.params = params
        self.inputs = {}
        self.outputs = {}
        self.records = []
        self.path = []
        self.taken = {}

    @contextlib.contextmanager
    def scope(self, name):
        self.path.append(str(name))
        yield self
        self.path.pop()

    def input(self, name, shape):
        self.inputs[name] = Value(tuple(shape))
        return self.inputs[name]

    def output(self, name, value):
        self.outputs[name] = value

    def macs(self):
        return sum(r.macs() for r in self.records)

    def __getattr__(self, kind):
        if kind not in OPS:
            raise AttributeError(kind)

        def call(*args, name=None, **attributes):
            if args and isinstance(args[0], list):
                args = (*args[0], *args[1:])
            n = next((i for i, a in enumerate(args) if not isinstance(a, Value)), len(args))
            inputs, rest = list(args[:n]), args[n:]
            if getattr(OPS[kind], "binary", False) and n == 1:
                inputs.append(self.constant(np.asarray(rest[0], np.float32)))
                rest = rest[1:]
            return self._record(OPS[kind](*rest, **attributes), inputs, name or kind)

        return call

    def _record(self, rec, inputs, name):
        full = ".".join([*self.path, name])
        again = self.taken[full] = self.taken.get(full, -1) + 1
        rec.name = f"{full}_{again}" if again else full
        rec.inputs = inputs
        xs = [v.shape for v in inputs]
        rec.params = {}
        for local, spec in rec.weights(*xs).items():
            rec.params[local] = f"{rec.name}.{local}"
            self.params.declare(rec.params[local], spec)
        shapes = rec.shape(*xs)
        dtype = rec.dtype or (inputs[0].dtype if inputs else "f")
        shapes = shapes if isinstance(shapes, list) else [shapes]
        rec.outputs = [Value(tuple(int(d) for d in s), dtype) for s in shapes]
        self.records.append(rec)
        return rec.outputs[0] if len(shapes) == 1 else rec.outputs
