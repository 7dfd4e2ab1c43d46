# SPDX-License-Identifier: Apache-2.0
"""Swin-T (Liu et al. 2021) and Swin-UNet (Cao et al. 2021). Features are [n, h, w, c]."""
import math

import numpy as np

WINDOW = 7


def bias_index():
    """For each pair of places in a window, the row of the table of relative positions."""
    at = np.stack(np.meshgrid(*[np.arange(WINDOW)] * 2, indexing="ij")).reshape(2, -1)
    apart = at[:, :, None] - at[:, None, :] + WINDOW - 1
    return (apart[0] * (2 * WINDOW - 1) + apart[1]).reshape(-1)


def shift_mask(height, width, shift):
    """Keeps what the roll brought from the other edge apart: [windows, places, places]."""
    region = np.zeros((height, width), np.int64)
    bounds = (slice(0, -WINDOW), slice(-WINDOW, -shift), slice(-shift, None))
    for i, rows in enumerate(bounds):
        for j, columns in enumerate(bounds):
            region[rows, columns] = 3 * i + j
    region = region.reshape(height // WINDOW, WINDOW, width // WINDOW, WINDOW)
    region = region.transpose(0, 2, 1, 3).reshape(-1, WINDOW * WINDOW)
    apart = region[:, None, :] != region[:, :, None]
    return np.where(apart, np.float32(-100), np.float32(0))


def position_bias(b, heads):
    places = WINDOW * WINDOW
    table = b.weight(((2 * WINDOW - 1) ** 2, heads), 0.5, name="relative_position_bias_table")
    x = b.reshape(b.rows(table, bias_index()), (places, places, heads))
    return b.unsqueeze(b.transpose(x, (2, 0, 1)), 0)


def attention(b, x, heads, mask):
    """Attention within windows: x is [windows, places, c]."""
    count, places, c = x.shape
    x = b.linear(x, 3 * c, name="qkv")
    x = b.transpose(b.reshape(x, (count, places, 3, heads, c // heads)), (2, 0, 3, 1, 4))
    q, k, v = (b.select(x, i) for i in range(3))
    q = b.mul(q, 1 / math.sqrt(c // heads))
    x = b.add(b.matmul(q, b.transpose(k, (0, 1, 3, 2))), position_bias(b, heads))
    if mask is not None:
        windows = mask.shape[0]
        x = b.reshape(x, (count // windows, windows, heads, places, places))
        x = b.add(x, b.unsqueeze(b.unsqueeze(b.constant(mask), 1), 0))
        x = b.reshape(x, (count, heads, places, places))
    x = b.matmul(b.softmax(x), v)
    x = b.reshape(b.transpose(x, (0, 2, 1, 3)), (count, places, c))
    return b.linear(x, c, name="proj")


def window_attention(b, x, heads, shift):
    n, h, w, c = x.shape
    shift = 0 if min(h, w) <= WINDOW else shift
    if shift:
        x = b.roll(x, (-shift, -shift), (1, 2))
    x = b.reshape(x, (n, h // WINDOW, WINDOW, w // WINDOW, WINDOW, c))
    x = b.reshape(b.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, WINDOW * WINDOW, c))
    x = attention(b, x, heads, shift_mask(h, w, shift) if shift else None)
    x = b.reshape(x, (n, h // WINDOW, w // WINDOW, WINDOW, WINDOW, c))
    x = b.reshape(b.transpose(x, (0, 1, 3, 2, 4, 5)), (n, h, w, c))
    return b.roll(x, (shift, shift), (1, 2)) if shift else x


def block(b, x, heads, shift):
    c = x.shape[3]
    with b.scope("attn"):
        y = window_attention(b, b.layernorm(x), heads, shift)
    x = b.add(x, y)
    with b.scope("mlp"):
        y = b.gelu(b.linear(b.layernorm(x), 4 * c, gain=1.4, name="fc1"))
        y = b.linear(y, c, name="fc2")
    return b.add(x, y)


def stage(b, x, depth, heads):
    for i in range(depth):
        with b.scope(f"blocks.{i}"):
            x = block(b, x, heads, WINDOW // 2 if i % 2 else 0)
    return x


def patch_embed(b, x, c):
    with b.scope("patch_embed"):
        x = b.conv(x, c, 4, 4, pads=0, bias=True, gain=1.0)
        return b.layernorm(b.transpose(x, (0, 2, 3, 1)))


def patch_merge(b, x):
    parts = []
    for column in (0, 1):
        for row in (0, 1):
            parts.append(b.stride2(b.stride2(x, 1, row), 2, column))
    c = x.shape[3]
    return b.linear(b.layernorm(b.concat(parts, axis=3)), 2 * c, bias=False)


def patch_expand(b, x, factor, out):
    """Each place becomes factor x factor places of `out` channels."""
    n, h, w, _ = x.shape
    x = b.linear(x, out * factor * factor, bias=False)
    x = b.transpose(b.reshape(x, (n, h, w, factor, factor, out)), (0, 1, 3, 2, 4, 5))
    return b.layernorm(b.reshape(x, (n, h * factor, w * factor, out)))


def encoder(b, x, depths):
    """The output of the last stage and the inputs of all."""
    skips = []
    x = patch_embed(b, x, 96)
    for i, depth in enumerate(depths):
        skips.append(x)
        with b.scope(f"layers.{i}"):
            x = stage(b, x, depth, 3 << i)
            x = patch_merge(b, x) if i < 3 else x
    return b.layernorm(x), skips


def swin_t(b, size, n):
    x, _ = encoder(b, b.input("input", (n, 3, *size)), (2, 2, 6, 2))
    x = b.globalavgpool(b.transpose(x, (0, 3, 1, 2)))
    b.output("output", b.linear(b.flatten(x), 1000, name="head"))


def swin_unet(b, size, n, classes=9):
    x, skips = encoder(b, b.input("input", (n, 3, *size)), (2, 2, 2, 2))
    with b.scope("layers_up.0"):
        x = patch_expand(b, x, 2, 384)
    for i in (2, 1, 0):
        c = 96 << i
        with b.scope(f"layers_up.{3 - i}"):
            x = b.linear(b.concat([x, skips[i]], axis=3), c, name="concat_back")
            x = stage(b, x, 2, 3 << i)
            x = patch_expand(b, x, 2, c // 2) if i else x
    x = patch_expand(b, b.layernorm(x), 4, 96)
    x = b.conv(b.transpose(x, (0, 3, 1, 2)), classes, gain=1.0, name="output")
    b.output("output", x)
