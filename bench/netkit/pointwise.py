# SPDX-License-Identifier: Apache-2.0
"""Operators that work element by element."""
import math
import operator

import numpy as np

from .record import Op, op

ERF = np.frompyfunc(math.erf, 1, 1)


def logistic(x):
    return 1 / (1 + np.exp(-x))


class Unary(Op):
    """One ONNX node and one function of torch."""

    attributes = {}

    def onnx(self, w, x):
        return w.node(self.node, [x], **self.attributes)

    def torch(self, t, x):
        return t.call(self.function(t), x)


@op
class Relu(Unary):
    node = "Relu"

    def run(self, p, x):
        return np.maximum(x, 0)

    def function(self, t):
        return t.F.relu


@op
class Sigmoid(Unary):
    node = "Sigmoid"

    def run(self, p, x):
        return logistic(x)

    def function(self, t):
        return t.torch.sigmoid


@op
class Tanh(Unary):
    node = "Tanh"

    def run(self, p, x):
        return np.tanh(x)

    def function(self, t):
        return t.torch.tanh


@op
class HardSigmoid(Unary):
    node = "HardSigmoid"
    attributes = {"alpha": 1 / 6, "beta": 0.5}

    def run(self, p, x):
        return np.clip(x / 6 + 0.5, 0, 1)

    def function(self, t):
        return t.F.hardsigmoid


@op
class HardSwish(Unary):
    node = "HardSwish"

    def run(self, p, x):
        return x * np.clip(x / 6 + 0.5, 0, 1)

    def function(self, t):
        return t.F.hardswish


@op
class Silu(Unary):
    def run(self, p, x):
        return x * logistic(x)

    def onnx(self, w, x):
        return w.node("Mul", [x, w.node("Sigmoid", [x])])

    def function(self, t):
        return t.F.silu


@op
class Gelu(Unary):
    def run(self, p, x):
        return x * 0.5 * (1 + ERF(x / math.sqrt(2)).astype(np.float64))

    def onnx(self, w, x):
        y = w.node("Erf", [w.node("Div", [x, w.constant(np.float32(math.sqrt(2)))])])
        y = w.node("Add", [y, w.constant(np.float32(1))])
        return w.node("Mul", [w.node("Mul", [x, y]), w.constant(np.float32(0.5))])

    def function(self, t):
        return t.F.gelu


@op
class ToFloat(Unary):
    node = "Cast"
    attributes = {"to": 1}
    dtype = "f"

    def run(self, p, x):
        return x.astype(np.float64)

    def torch(self, t, x):
        return t.method("to", x, t.torch.float32)


class Binary(Op):
    """A second operand that is a number becomes a constant."""

    binary = True

    def onnx(self, w, a, b):
        return w.node(self.node, [a, b])

    def run(self, p, a, b):
        return self.function(a, b)

    def torch(self, t, a, b):
        return t.call(self.function, a, b)


@op
class Add(Binary):
    node = "Add"
    function = staticmethod(operator.add)


@op
class Sub(Binary):
    node = "Sub"
    function = staticmethod(operator.sub)


@op
class Mul(Binary):
    node = "Mul"
    function = staticmethod(operator.mul)


@op
class Div(Binary):
    node = "Div"
    function = staticmethod(operator.truediv)


@op
class Greater(Binary):
    node = "Greater"
    function = staticmethod(operator.gt)
    dtype = "b"


class IntegerBinary(Op):
    """Non-negative integers by a positive integer."""

    def onnx(self, w, x):
        return w.node(self.node, [x, w.constant(np.int64(self.by))], **self.attributes)

    def run(self, p, x):
        return self.function(x, self.by)

    def torch(self, t, x):
        return t.call(self.function, x, self.by)


@op
class IntDiv(IntegerBinary):
    by: int
    node = "Div"
    attributes = {}
    function = staticmethod(operator.floordiv)


@op
class IntMod(IntegerBinary):
    by: int
    node = "Mod"
    attributes = {"fmod": 0}
    function = staticmethod(operator.mod)
