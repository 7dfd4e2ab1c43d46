# SPDX-License-Identifier: Apache-2.0
"""A single-stage detector in the shape of YOLOv8-s: C2f blocks, SPPF, PAN neck, decoupled head.

Boxes are decoded in the graph: a softmax over 16 distances a side, then centre and size in
pixels. Output [n, 4 + classes, anchors].
"""
import numpy as np

from .blocks import conv_bn

WIDTHS = (32, 64, 128, 256, 512)
BINS = 16


def conv(b, x, out, kernel=1, stride=1):
    return conv_bn(b, x, out, kernel, "silu", 1e-3, stride=stride)


def c2f(b, x, out, blocks, shortcut):
    half = out // 2
    parts = list(b.split(conv(b, x, out), (half, half)))
    for i in range(blocks):
        with b.scope(f"m.{i}"):
            y = conv(b, conv(b, parts[-1], half, 3), half, 3)
            parts.append(b.add(parts[-1], y) if shortcut else y)
    return conv(b, b.concat(parts), out)


def sppf(b, x):
    parts = [conv(b, x, x.shape[1] // 2)]
    for _ in range(3):
        parts.append(b.maxpool(parts[-1], 5, 1, 2))
    return conv(b, b.concat(parts), x.shape[1])


def backbone(b, x):
    """Features at strides 8, 16 and 32."""
    features = []
    x = conv(b, x, WIDTHS[0], 3, 2)
    for level, blocks in enumerate((1, 2, 2, 1)):
        with b.scope(f"stage{level}"):
            x = conv(b, x, WIDTHS[level + 1], 3, 2)
            x = c2f(b, x, WIDTHS[level + 1], blocks, True)
        features.append(x)
    with b.scope("sppf"):
        features[3] = sppf(b, x)
    return features[1:]


def neck(b, p3, p4, p5):
    with b.scope("up4"):
        n4 = c2f(b, b.concat([b.upsample(p5), p4]), 256, 1, False)
    with b.scope("up3"):
        n3 = c2f(b, b.concat([b.upsample(n4), p3]), 128, 1, False)
    with b.scope("down4"):
        n4 = c2f(b, b.concat([conv(b, n3, 128, 3, 2), n4]), 256, 1, False)
    with b.scope("down5"):
        n5 = c2f(b, b.concat([conv(b, n4, 256, 3, 2), p5]), 512, 1, False)
    return n3, n4, n5


def head(b, x, classes):
    """One level's [n, 4 * BINS + classes, cells]."""
    with b.scope("box"):
        box = conv(b, conv(b, x, 64, 3), 64, 3)
        box = b.conv(box, 4 * BINS, bias=True, offset=1.0)
    with b.scope("cls"):
        cls = conv(b, conv(b, x, 128, 3), 128, 3)
        cls = b.conv(cls, classes, bias=True, offset=-3.0)
    return b.reshape(b.concat([box, cls]), (x.shape[0], 4 * BINS + classes, -1))


def anchors(levels, size):
    """Centres in cells [1, 2, anchors] and stride in pixels [1, anchors]."""
    centres, strides = [], []
    for value in levels:
        height, width = value.shape[2:]
        y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
        centres.append(np.stack([x.ravel(), y.ravel()]))
        strides.append(np.full(height * width, size[0] // height))
    centres, strides = np.concatenate(centres, 1), np.concatenate(strides)
    return centres[None].astype(np.float32), strides[None].astype(np.float32)


def expected_distance(b, box):
    """Mean of the distribution over BINS distances for each of the four sides."""
    n, _, cells = box.shape
    x = b.transpose(b.reshape(box, (n, 4, BINS, cells)), (0, 2, 1, 3))
    x = b.softmax(x, axis=1)
    steps = np.arange(BINS, dtype=np.float32).reshape(1, BINS, 1, 1)
    return b.reshape(b.fixedconv(x, steps), (n, 4, cells))


def yolov8s(b, size, n, classes=80):
    x = b.input("images", (n, 3, *size))
    features = backbone(b, x)
    with b.scope("neck"):
        features = neck(b, *features)
    levels = []
    for i, feature in enumerate(features):
        with b.scope(f"head.{i}"):
            levels.append(head(b, feature, classes))
    centres, strides = (b.constant(a) for a in anchors(features, size))
    box, cls = b.split(b.concat(levels, axis=2), (4 * BINS, classes))
    with b.scope("decode"):
        near, far = b.split(expected_distance(b, box), (2, 2))
        near, far = b.sub(centres, near), b.add(centres, far)
        middle = b.div(b.add(near, far), 2.0)
        box = b.mul(b.concat([middle, b.sub(far, near)]), strides)
    b.output("output0", b.concat([box, b.sigmoid(cls)]))
