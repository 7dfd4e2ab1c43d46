# SPDX-License-Identifier: Apache-2.0
"""Operators that carry the arithmetic: convolutions, products, pooling, normalization."""
import math

import numpy as np

from .record import Op, op


def windows(size, kernel, stride, dilation, before, after):
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


def taps(x, kernel, stride, dilation, shape):
    """The strided views of a padded picture that each element of the kernel sees."""
    for i in range(kernel):
        for j in range(kernel):
            top, left = i * dilation, j * dilation
            yield i, j, x[
                :, :, top : top + (shape[2] - 1) * stride + 1 : stride,
                left : left + (shape[3] - 1) * stride + 1 : stride,
            ]


def add_product(y, w, x, channels=128, pixels=1024):
    """y[m, :, :] += sum over c of w[m, c] x[c, :, :], in blocks that stay in the cache."""
    rows = max(1, pixels // x.shape[2])
    for top in range(0, x.shape[1], rows):
        out = y[:, top : top + rows]
        for c in range(0, x.shape[0], channels):
            part = np.ascontiguousarray(x[c : c + channels, top : top + rows])
            out += (w[:, c : c + channels] @ part.reshape(len(part), -1)).reshape(out.shape)


class Spatial(Op):
    """Common to what slides over a picture: pads are a number or (top, left, bottom, right)."""

    def edges(self):
        if isinstance(self.pads, int):
            return (self.pads,) * 4
        return self.pads or ((self.kernel - 1) // 2 * self.dilation,) * 4

    def out_size(self, x):
        t, l, b, r = self.edges()
        k, s, d = self.kernel, self.stride, self.dilation
        return windows(x[2], k, s, d, t, b), windows(x[3], k, s, d, l, r)

    def padded(self, x, fill):
        t, l, b, r = self.edges()
        return np.pad(x, ((0, 0), (0, 0), (t, b), (l, r)), constant_values=fill)

    def onnx_attributes(self):
        return {
            "dilations": [self.dilation] * 2,
            "kernel_shape": [self.kernel] * 2,
            "pads": list(self.edges()),
            "strides": [self.stride] * 2,
        }

    def torch_pads(self, t, x, fill):
        """Padding as the module takes it, and the input, padded before where it is uneven."""
        top, left, bottom, right = self.edges()
        if (top, left) == (bottom, right):
            return (top, left), x
        return 0, t.call(t.F.pad, x, (left, right, top, bottom), value=fill)


@op
class Conv(Spatial):
    out: int
    kernel: int = 1
    stride: int = 1
    pads: object = None
    dilation: int = 1
    groups: int = 1
    bias: bool = False
    gain: float = math.sqrt(2)
    offset: float = 0.0  # mean of the bias

    def shape(self, x):
        return (x[0], self.out, *self.out_size(x))

    def weights(self, x):
        shape = (self.out, x[1] // self.groups, self.kernel, self.kernel)
        w = {"weight": (shape, self.gain / math.sqrt(math.prod(shape[1:])), 0.0)}
        if self.bias:
            w["bias"] = ((self.out,), 0.1, self.offset)
        return w

    def macs(self):
        per_pixel = self.inputs[0].shape[1] // self.groups * self.kernel**2
        return math.prod(self.outputs[0].shape) * per_pixel

    def run(self, p, x):
        shape = self.shape(x.shape)
        x = self.padded(x, 0.0)
        y = self._depthwise(p, x, shape) if self.groups > 1 else self._dense(p, x, shape)
        return y + p["bias"].reshape(1, -1, 1, 1) if self.bias else y

    def _depthwise(self, p, x, shape):
        y = np.zeros(shape)
        for i, j, view in taps(x, self.kernel, self.stride, self.dilation, shape):
            y += view * p["weight"][:, 0, i, j].reshape(1, -1, 1, 1)
        return y

    def _dense(self, p, x, shape):
        y = np.zeros(shape)
        weight = np.ascontiguousarray(p["weight"].transpose(2, 3, 0, 1))
        for i, j, view in taps(x, self.kernel, self.stride, self.dilation, shape):
            if not view.any():  # a tap of a wide dilation that sees nothing but padding
                continue
            for n in range(shape[0]):
                add_product(y[n], weight[i, j], view[n])
        return y

    def onnx(self, w, x):
        inputs = [x, *(w.param(self, local) for local in self.params)]
        return w.node("Conv", inputs, group=self.groups, **self.onnx_attributes())

    def torch(self, t, x):
        pads, x = self.torch_pads(t, x, 0.0)
        return t.module(
            self, t.nn.Conv2d, x,
            self.inputs[0].shape[1], self.out, self.kernel, stride=self.stride, padding=pads,
            dilation=self.dilation, groups=self.groups, bias=self.bias,
        )


@op
class FixedConv(Op):
    """Weighted sum of channels, by weights that are not learned: [1, c, 1, 1]."""

    value: np.ndarray

    def shape(self, x):
        return (x[0], 1, *x[2:])

    def macs(self):
        return math.prod(self.inputs[0].shape)

    def run(self, p, x):
        return (x * self.value).sum(1, keepdims=True)

    def onnx(self, w, x):
        return w.node("Conv", [x, w.constant(self.value)], kernel_shape=[1, 1])

    def torch(self, t, x):
        return t.call(t.F.conv2d, x, t.buffer(f"{self.name}.weight", self.value))


@op
class Deconv(Op):
    """Transposed convolution whose kernel equals its stride."""

    out: int
    kernel: int = 2

    def shape(self, x):
        return (x[0], self.out, x[2] * self.kernel, x[3] * self.kernel)

    def weights(self, x):
        shape = (x[1], self.out, self.kernel, self.kernel)
        return {"weight": (shape, 1 / math.sqrt(x[1]), 0.0), "bias": ((self.out,), 0.1, 0.0)}

    def macs(self):
        return math.prod(self.inputs[0].shape) * self.out * self.kernel**2

    def run(self, p, x):
        n, c, h, w = x.shape
        k = self.kernel
        y = p["weight"].reshape(c, -1).T @ x.reshape(n, c, h * w)
        y = y.reshape(n, self.out, k, k, h, w).transpose(0, 1, 4, 2, 5, 3)
        return y.reshape(self.shape(x.shape)) + p["bias"].reshape(1, -1, 1, 1)

    def onnx(self, w, x):
        k = [self.kernel] * 2
        inputs = [x, w.param(self, "weight"), w.param(self, "bias")]
        return w.node(
            "ConvTranspose", inputs, dilations=[1, 1], group=1, kernel_shape=k, pads=[0] * 4,
            strides=k,
        )

    def torch(self, t, x):
        k = self.kernel
        return t.module(self, t.nn.ConvTranspose2d, x, self.inputs[0].shape[1], self.out, k, k)


@op
class Linear(Op):
    out: int
    bias: bool = True
    gain: float = 1.0

    def shape(self, x):
        return (*x[:-1], self.out)

    def weights(self, x):
        w = {"weight": ((self.out, x[-1]), self.gain / math.sqrt(x[-1]), 0.0)}
        if self.bias:
            w["bias"] = ((self.out,), 0.1, 0.0)
        return w

    def macs(self):
        return math.prod(self.outputs[0].shape) * self.inputs[0].shape[-1]

    def run(self, p, x):
        y = x.reshape(-1, x.shape[-1]) @ p["weight"].T
        y = y.reshape(self.shape(x.shape))
        return y + p["bias"] if self.bias else y

    def onnx(self, w, x):
        if len(self.inputs[0].shape) == 2 and self.bias:
            inputs = [x, w.param(self, "weight"), w.param(self, "bias")]
            return w.node("Gemm", inputs, alpha=1.0, beta=1.0, transB=1)
        y = w.node("MatMul", [x, w.param(self, "weight", np.transpose)])
        return w.node("Add", [w.param(self, "bias"), y]) if self.bias else y

    def torch(self, t, x):
        return t.module(
            self, t.nn.Linear, x, self.inputs[0].shape[-1], self.out, bias=self.bias
        )


@op
class MatMul(Op):
    def shape(self, a, b):
        return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])

    def macs(self):
        return math.prod(self.outputs[0].shape) * self.inputs[0].shape[-1]

    def run(self, p, a, b):
        return a @ b

    def onnx(self, w, a, b):
        return w.node("MatMul", [a, b])

    def torch(self, t, a, b):
        return t.call(t.torch.matmul, a, b)


@op
class MaxPool(Spatial):
    kernel: int
    stride: int
    pads: object = None
    dilation = 1

    def shape(self, x):
        return (*x[:2], *self.out_size(x))

    def run(self, p, x):
        shape = self.shape(x.shape)
        y = np.full(shape, -np.inf)
        for _, _, view in taps(self.padded(x, -np.inf), self.kernel, self.stride, 1, shape):
            np.maximum(y, view, out=y)
        return y

    def onnx(self, w, x):
        return w.node("MaxPool", [x], ceil_mode=0, **self.onnx_attributes())

    def torch(self, t, x):
        pads, x = self.torch_pads(t, x, -math.inf)
        return t.call(t.F.max_pool2d, x, self.kernel, self.stride, pads)


@op
class GlobalAvgPool(Op):
    def shape(self, x):
        return (*x[:2], 1, 1)

    def run(self, p, x):
        return x.mean((2, 3), keepdims=True)

    def onnx(self, w, x):
        return w.node("GlobalAveragePool", [x])

    def torch(self, t, x):
        return t.call(t.F.adaptive_avg_pool2d, x, 1)


@op
class BatchNorm(Op):
    """Its running mean and variance are measured: evaluate.calibrate."""

    eps: float = 1e-5

    def shape(self, x):
        return x

    def weights(self, x):
        c = (x[1],)
        return {
            "weight": (c, 0.2, 1.0),
            "bias": (c, 0.2, 0.0),
            "running_mean": (c, 0.0, 0.0),
            "running_var": (c, 0.0, 1.0),
        }

    def measure(self, x):
        """Mean and unbiased variance of each channel, as training would record them.

        Where few values are seen (after global pooling, one a picture) a variance can be small by
        chance; training's average over many batches has no such outliers, hence the bound.
        """
        n = x.size // x.shape[1]
        mean = x.sum((0, 2, 3)) / n
        var = ((x * x).sum((0, 2, 3)) - mean * mean * n) / (n - 1)
        return {"running_mean": mean, "running_var": np.maximum(var, var.mean() / 8)}

    def run(self, p, x):
        scale = p["weight"] / np.sqrt(p["running_var"] + self.eps)
        shift = p["bias"] - p["running_mean"] * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def onnx(self, w, x):
        order = ("weight", "bias", "running_mean", "running_var")
        inputs = [x, *(w.param(self, local) for local in order)]
        return w.node("BatchNormalization", inputs, epsilon=self.eps, momentum=0.9, training_mode=0)

    def torch(self, t, x):
        return t.module(self, t.nn.BatchNorm2d, x, self.inputs[0].shape[1], eps=self.eps)


@op
class LayerNorm(Op):
    eps: float = 1e-5

    def shape(self, x):
        return x

    def weights(self, x):
        return {"weight": ((x[-1],), 0.2, 1.0), "bias": ((x[-1],), 0.2, 0.0)}

    def run(self, p, x):
        x = x - x.mean(-1, keepdims=True)
        var = (x * x).mean(-1, keepdims=True)
        return x / np.sqrt(var + self.eps) * p["weight"] + p["bias"]

    def onnx(self, w, x):
        inputs = [x, w.param(self, "weight"), w.param(self, "bias")]
        return w.node("LayerNormalization", inputs, axis=-1, epsilon=self.eps)

    def torch(self, t, x):
        return t.module(self, t.nn.LayerNorm, x, self.inputs[0].shape[-1], eps=self.eps)


@op
class Softmax(Op):
    axis: int = -1

    def run(self, p, x):
        e = np.exp(x - x.max(self.axis, keepdims=True))
        return e / e.sum(self.axis, keepdims=True)

    def onnx(self, w, x):
        return w.node("Softmax", [x], axis=self.axis)

    def torch(self, t, x):
        return t.call(t.F.softmax, x, self.axis)


class Reduce(Op):
    """Over the given axes, which are kept only where keep says so."""

    def shape(self, x):
        axes = [a % len(x) for a in self.axes]
        if self.keep:
            return tuple(1 if i in axes else d for i, d in enumerate(x))
        return tuple(d for i, d in enumerate(x) if i not in axes)


@op
class ReduceMax(Reduce):
    axes: tuple
    keep: bool = False

    def run(self, p, x):
        return x.max(tuple(self.axes), keepdims=self.keep)

    def onnx(self, w, x):
        return w.node("ReduceMax", [x], axes=list(self.axes), keepdims=int(self.keep))

    def torch(self, t, x):
        return t.call(t.torch.amax, x, tuple(self.axes), self.keep)


@op
class ArgMax(Reduce):
    axis: int
    keep: bool = False
    dtype = "i"

    @property
    def axes(self):
        return (self.axis,)

    def run(self, p, x):
        return x.argmax(self.axis, keepdims=self.keep)

    def onnx(self, w, x):
        return w.node("ArgMax", [x], axis=self.axis, keepdims=int(self.keep), select_last_index=0)

    def torch(self, t, x):
        return t.call(t.torch.argmax, x, self.axis, self.keep)
