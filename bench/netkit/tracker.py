# SPDX-License-Identifier: Apache-2.0
"""An instrument tracker with state: ResNet-18 at stride 8, a convolutional LSTM, peaks.

After Nwoye et al. 2019, in the shape in which a TensorFlow export brings it: pictures and states
have their channels last, padding is uneven ("same"), and the state is an input and an output.
"""
from .blocks import add_residual, conv_bn

TOOLS = 7
EPS = 1e-3


def same(size, kernel, stride):
    """TensorFlow's padding, (before, after)."""
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


def same_pads(x, kernel, stride):
    top, bottom = same(x.shape[2], kernel, stride)
    left, right = same(x.shape[3], kernel, stride)
    return top, left, bottom, right


def conv_same(b, x, out, kernel, stride, act=None):
    pads = same_pads(x, kernel, stride)
    return conv_bn(b, x, out, kernel, act, EPS, stride=stride, pads=pads)


def basic_block(b, x, width, stride):
    y = conv_same(b, x, width, 3, stride, "relu")
    y = conv_same(b, y, width, 3, 1)
    if x.shape[1] != width:
        with b.scope("downsample"):
            x = conv_same(b, x, width, 1, stride)
    return add_residual(b, x, y, "relu")


def features(b, x):
    """ResNet-18 whose last two stages keep their size."""
    x = conv_same(b, x, 64, 7, 2, "relu")
    x = b.maxpool(x, 3, 2, same_pads(x, 3, 2))
    for stage, stride in enumerate((1, 2, 1, 1)):
        for i in range(2):
            with b.scope(f"layer{stage + 1}.{i}"):
                x = basic_block(b, x, 64 << stage, 1 if i else stride)
    return x


def lstm_cell(b, x, h, c):
    gates = b.conv(b.concat([x, h]), 4 * TOOLS, 3, bias=True, gain=2.0)
    i, g, f, o = b.split(gates, (TOOLS,) * 4)
    c = b.add(b.mul(b.sigmoid(f), c), b.mul(b.sigmoid(i), b.tanh(g)))
    return b.mul(b.sigmoid(o), b.tanh(c)), c


def peaks(b, maps):
    """The place of each map's maximum as (row, column), from 0 to 1."""
    n, tools, height, width = maps.shape
    place = b.argmax(b.reshape(maps, (n, tools, height * width)), 2)
    row = b.div(b.tofloat(b.intdiv(place, width)), float(height))
    column = b.div(b.tofloat(b.intmod(place, width)), float(width))
    return b.concat([b.unsqueeze(row, 2), b.unsqueeze(column, 2)], axis=2)


def tracker(b, size, n):
    x = b.input("input", (n, *size, 3))
    state = (n, -(-size[0] // 8), -(-size[1] // 8), TOOLS)
    h, c = b.input("h_in", state), b.input("c_in", state)
    to_nchw, to_nhwc = (0, 3, 1, 2), (0, 2, 3, 1)
    x = features(b, b.transpose(x, to_nchw))
    with b.scope("squeeze"):
        x = conv_bn(b, x, 64, 1, "relu", EPS)
    with b.scope("lstm"):
        h, c = lstm_cell(b, x, b.transpose(h, to_nchw), b.transpose(c, to_nchw))
    with b.scope("locate"):
        maps = b.conv(h, TOOLS, bias=True, gain=4.0, offset=-2.0)
        b.output("probs", b.sigmoid(b.reducemax(maps, (2, 3))))
        b.output("scaled_coords", peaks(b, maps))
        b.output("binary_masks", b.tofloat(b.greater(b.sigmoid(maps), 0.5)))
    b.output("h_out", b.transpose(h, to_nhwc))
    b.output("c_out", b.transpose(c, to_nhwc))
