# SPDX-License-Identifier: Apache-2.0
"""Operators that move values: shapes, slices, joins, tables, resizing."""
import math
import operator

import numpy as np

from .record import Op, op

INT64_MAX = 2**63 - 1


def int64(*values):
    return np.array(values, np.int64)


@op
class Constant(Op):
    value: np.ndarray

    def shape(self):
        return self.value.shape

    def run(self, p):
        return self.value.astype(np.float64) if self.value.dtype.kind == "f" else self.value

    def onnx(self, w):
        return w.constant(self.value)

    def torch(self, t):
        return self.value.item() if self.value.ndim == 0 else t.buffer(self.name, self.value)


@op
class Weight(Op):
    """A parameter that stands in the graph by itself."""

    size: tuple
    std: float

    def shape(self):
        return self.size

    def weights(self):
        return {"weight": (tuple(self.size), self.std, 0.0)}

    def run(self, p):
        return p["weight"]

    def onnx(self, w):
        return w.param(self, "weight")

    def torch(self, t):
        return t.parameter(self)


@op
class Reshape(Op):
    size: tuple

    def shape(self, x):
        known = math.prod(d for d in self.size if d != -1)
        return tuple(math.prod(x) // known if d == -1 else d for d in self.size)

    def run(self, p, x):
        return x.reshape(self.size)

    def onnx(self, w, x):
        return w.node("Reshape", [x, w.constant(int64(*self.size))])

    def torch(self, t, x):
        return t.method("reshape", x, tuple(self.size))


@op
class Flatten(Op):
    def shape(self, x):
        return (x[0], math.prod(x[1:]))

    def run(self, p, x):
        return x.reshape(x.shape[0], -1)

    def onnx(self, w, x):
        return w.node("Flatten", [x], axis=1)

    def torch(self, t, x):
        return t.call(t.torch.flatten, x, 1)


@op
class Unsqueeze(Op):
    axis: int

    def shape(self, x):
        return (*x[: self.axis], 1, *x[self.axis :])

    def run(self, p, x):
        return np.expand_dims(x, self.axis)

    def onnx(self, w, x):
        return w.node("Unsqueeze", [x, w.constant(int64(self.axis))])

    def torch(self, t, x):
        return t.call(t.torch.unsqueeze, x, self.axis)


@op
class Transpose(Op):
    order: tuple

    def shape(self, x):
        return tuple(x[i] for i in self.order)

    def run(self, p, x):
        return x.transpose(self.order)

    def onnx(self, w, x):
        return w.node("Transpose", [x], perm=list(self.order))

    def torch(self, t, x):
        return t.call(t.torch.permute, x, tuple(self.order))


@op
class Concat(Op):
    axis: int = 1

    def shape(self, *xs):
        shape = list(xs[0])
        shape[self.axis] = sum(x[self.axis] for x in xs)
        return tuple(shape)

    def run(self, p, *xs):
        return np.concatenate(xs, self.axis)

    def onnx(self, w, *xs):
        return w.node("Concat", list(xs), axis=self.axis)

    def torch(self, t, *xs):
        return t.call(t.torch.cat, list(xs), self.axis)


@op
class Split(Op):
    sizes: tuple
    axis: int = 1

    def shape(self, x):
        return [(*x[: self.axis], size, *x[self.axis + 1 :]) for size in self.sizes]

    def run(self, p, x):
        return np.split(x, np.cumsum(self.sizes)[:-1], self.axis)

    def onnx(self, w, x):
        inputs = [x, w.constant(int64(*self.sizes))]
        return w.node("Split", inputs, n_out=len(self.sizes), axis=self.axis)

    def torch(self, t, x):
        parts = t.call(t.torch.split, x, list(self.sizes), self.axis)
        return [t.call(operator.getitem, parts, i) for i in range(len(self.sizes))]


@op
class Stride2(Op):
    """Every second element along an axis, beginning at start."""

    axis: int
    start: int

    def index(self):
        return (*(slice(None),) * self.axis, slice(self.start, None, 2))

    def shape(self, x):
        return (*x[: self.axis], (x[self.axis] - self.start + 1) // 2, *x[self.axis + 1 :])

    def run(self, p, x):
        return x[self.index()]

    def onnx(self, w, x):
        bounds = (self.start, INT64_MAX, self.axis, 2)
        return w.node("Slice", [x, *(w.constant(int64(v)) for v in bounds)])

    def torch(self, t, x):
        return t.call(operator.getitem, x, self.index())


@op
class Roll(Op):
    """Cyclic shift; written for ONNX as the exporter does, two slices and a concat an axis."""

    shifts: tuple
    axes: tuple

    def run(self, p, x):
        return np.roll(x, self.shifts, self.axes)

    def onnx(self, w, x):
        for shift, axis in zip(self.shifts, self.axes):
            at, first, last = (w.constant(int64(v)) for v in (-shift, 0, INT64_MAX))
            axes, step = w.constant(int64(axis)), w.constant(int64(1))
            tail = w.node("Slice", [x, at, last, axes, step])
            head = w.node("Slice", [x, first, at, axes, step])
            x = w.node("Concat", [tail, head], axis=axis)
        return x

    def torch(self, t, x):
        return t.call(t.torch.roll, x, tuple(self.shifts), tuple(self.axes))


@op
class Select(Op):
    """One index of the first axis."""

    index: int

    def shape(self, x):
        return x[1:]

    def run(self, p, x):
        return x[self.index]

    def onnx(self, w, x):
        return w.node("Gather", [x, w.constant(np.int64(self.index))], axis=0)

    def torch(self, t, x):
        return t.call(operator.getitem, x, self.index)


@op
class Rows(Op):
    """Rows of a table, picked by constant indices."""

    index: np.ndarray

    def shape(self, x):
        return (*self.index.shape, *x[1:])

    def run(self, p, x):
        return x[self.index]

    def onnx(self, w, x):
        return w.node("Gather", [x, w.constant(self.index.astype(np.int64))], axis=0)

    def torch(self, t, x):
        return t.call(operator.getitem, x, t.buffer(f"{self.name}.index", self.index))


@op
class Upsample(Op):
    """Nearest neighbour, by an integer factor."""

    factor: int = 2

    def shape(self, x):
        return (*x[:2], x[2] * self.factor, x[3] * self.factor)

    def run(self, p, x):
        return x.repeat(self.factor, 2).repeat(self.factor, 3)

    def onnx(self, w, x):
        scales = w.constant(np.array([1, 1, self.factor, self.factor], np.float32))
        return w.node(
            "Resize", [x, "", scales], coordinate_transformation_mode="asymmetric",
            cubic_coeff_a=-0.75, mode="nearest", nearest_mode="floor",
        )

    def torch(self, t, x):
        return t.call(t.F.interpolate, x, scale_factor=float(self.factor), mode="nearest")


def linear_weights(n_in, n_out):
    """Matrix of linear interpolation between the centres of pixels (half_pixel)."""
    at = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, n_in - 1)
    m = np.zeros((n_out, n_in))
    np.add.at(m, (np.arange(n_out), low), 1 - (at - low))
    np.add.at(m, (np.arange(n_out), high), at - low)
    return m


@op
class Bilinear(Op):
    """Resize to a height and width, half_pixel."""

    size: tuple

    def shape(self, x):
        return (*x[:2], *self.size)

    def run(self, p, x):
        rows = linear_weights(x.shape[2], self.size[0])
        columns = linear_weights(x.shape[3], self.size[1])
        return rows @ x @ columns.T

    def onnx(self, w, x):
        sizes = w.constant(int64(*self.outputs[0].shape))
        return w.node(
            "Resize", [x, "", "", sizes], coordinate_transformation_mode="half_pixel",
            cubic_coeff_a=-0.75, mode="linear", nearest_mode="floor",
        )

    def torch(self, t, x):
        return t.call(
            t.F.interpolate, x, size=tuple(self.size), mode="bilinear", align_corners=False
        )
