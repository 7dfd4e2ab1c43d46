# SPDX-License-Identifier: Apache-2.0
"""ResNet-50, U-Net, MobileNetV3-Large, DeepLabV3 on it and EfficientNet-B0.

He et al. 2015 (stride in the 3x3 convolution, as in torchvision); Ronneberger et al. 2015 with
padding and batch normalization; Howard et al. 2019; Chen et al. 2017; Tan and Le 2019.
"""
from .blocks import add_residual, conv_bn


def bottleneck(b, x, width, stride):
    y = conv_bn(b, x, width, 1, "relu")
    y = conv_bn(b, y, width, 3, "relu", stride=stride)
    y = conv_bn(b, y, width * 4, 1)
    if stride != 1 or x.shape[1] != width * 4:
        with b.scope("downsample"):
            x = conv_bn(b, x, width * 4, 1, stride=stride)
    return add_residual(b, x, y, "relu")


def resnet50(b, size, n):
    x = b.input("input", (n, 3, *size))
    x = conv_bn(b, x, 64, 7, "relu", stride=2)
    x = b.maxpool(x, 3, 2, 1)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for i in range(blocks):
            with b.scope(f"layer{stage + 1}.{i}"):
                x = bottleneck(b, x, 64 << stage, 2 if stage and not i else 1)
    x = b.flatten(b.globalavgpool(x))
    b.output("output", b.linear(x, 1000, name="fc"))


def double_conv(b, x, out):
    return conv_bn(b, conv_bn(b, x, out, 3, "relu"), out, 3, "relu")


def unet(b, size, n, classes=2):
    x = b.input("input", (n, 3, *size))
    skips = []
    for level in range(5):
        with b.scope(f"down{level}"):
            x = double_conv(b, b.maxpool(x, 2, 2, 0) if level else x, 64 << level)
        skips.append(x)
    skips.pop()
    for level in reversed(range(4)):
        with b.scope(f"up{level}"):
            x = b.deconv(x, 64 << level)
            x = double_conv(b, b.concat([skips.pop(), x]), 64 << level)
    b.output("output", b.conv(x, classes, bias=True, gain=1.0, name="outc"))


# kernel, expanded, out, squeeze and excite, activation, stride, in the part that DeepLab dilates
MOBILENET_V3_LARGE = (
    (3, 16, 16, False, "relu", 1, False),
    (3, 64, 24, False, "relu", 2, False),
    (3, 72, 24, False, "relu", 1, False),
    (5, 72, 40, True, "relu", 2, False),
    (5, 120, 40, True, "relu", 1, False),
    (5, 120, 40, True, "relu", 1, False),
    (3, 240, 80, False, "hardswish", 2, False),
    (3, 200, 80, False, "hardswish", 1, False),
    (3, 184, 80, False, "hardswish", 1, False),
    (3, 184, 80, False, "hardswish", 1, False),
    (3, 480, 112, True, "hardswish", 1, False),
    (3, 672, 112, True, "hardswish", 1, False),
    (5, 672, 160, True, "hardswish", 2, True),
    (5, 960, 160, True, "hardswish", 1, True),
    (5, 960, 160, True, "hardswish", 1, True),
)


def round_to_8(value):
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


def squeeze_excite(b, x):
    y = b.globalavgpool(x)
    y = b.relu(b.conv(y, round_to_8(x.shape[1] // 4), bias=True, name="fc1"))
    y = b.hardsigmoid(b.conv(y, x.shape[1], bias=True, name="fc2"))
    return b.mul(y, x)


def inverted_residual(b, x, row, dilate):
    kernel, expanded, out, excite, act, stride, late = row
    dilation = 2 if dilate and late else 1
    eps = 1e-3
    y = conv_bn(b, x, expanded, 1, act, eps) if expanded != x.shape[1] else x
    y = conv_bn(
        b, y, expanded, kernel, act, eps,
        stride=1 if dilation > 1 else stride, dilation=dilation, groups=expanded,
    )
    if excite:
        with b.scope("se"):
            y = squeeze_excite(b, y)
    y = conv_bn(b, y, out, 1, eps=eps)
    return add_residual(b, x, y) if stride == 1 and x.shape[1] == out else y


def mobilenet_features(b, x, dilate):
    x = conv_bn(b, x, 16, 3, "hardswish", 1e-3, stride=2)
    for i, row in enumerate(MOBILENET_V3_LARGE):
        with b.scope(f"features.{i + 1}"):
            x = inverted_residual(b, x, row, dilate)
    with b.scope("features.16"):
        return conv_bn(b, x, 960, 1, "hardswish", 1e-3)


def mobilenetv3(b, size, n):
    x = b.input("input", (n, 3, *size))
    x = mobilenet_features(b, x, dilate=False)
    x = b.flatten(b.globalavgpool(x))
    x = b.hardswish(b.linear(x, 1280, gain=1.4, name="classifier.0"))
    b.output("output", b.linear(x, 1000, name="classifier.3"))


# expansion, kernel, stride, out, blocks
EFFICIENTNET_B0 = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def silu_excite(b, x, squeezed):
    y = b.globalavgpool(x)
    y = b.silu(b.conv(y, squeezed, bias=True, name="fc1"))
    y = b.sigmoid(b.conv(y, x.shape[1], bias=True, name="fc2"))
    return b.mul(y, x)


def mbconv(b, x, expansion, kernel, stride, out):
    width = x.shape[1] * expansion
    y = conv_bn(b, x, width, 1, "silu") if expansion > 1 else x
    y = conv_bn(b, y, width, kernel, "silu", stride=stride, groups=width)
    with b.scope("se"):
        y = silu_excite(b, y, x.shape[1] // 4)
    y = conv_bn(b, y, out, 1)
    return add_residual(b, x, y) if stride == 1 and x.shape[1] == out else y


def efficientnet_b0(b, size, n):
    x = b.input("input", (n, 3, *size))
    x = conv_bn(b, x, 32, 3, "silu", stride=2)
    for stage, (expansion, kernel, stride, out, blocks) in enumerate(EFFICIENTNET_B0):
        for i in range(blocks):
            with b.scope(f"features.{stage + 1}.{i}"):
                x = mbconv(b, x, expansion, kernel, stride if i == 0 else 1, out)
    with b.scope("features.8"):
        x = conv_bn(b, x, 1280, 1, "silu")
    x = b.flatten(b.globalavgpool(x))
    b.output("output", b.linear(x, 1000, name="classifier.1"))


def aspp(b, x, out):
    """Atrous spatial pyramid: one 1x1, three dilated 3x3 and the picture's mean."""
    branches = [conv_bn(b, x, out, 1, "relu")]
    for dilation in (12, 24, 36):
        branches.append(conv_bn(b, x, out, 3, "relu", dilation=dilation))
    with b.scope("pooling"):
        y = conv_bn(b, b.globalavgpool(x), out, 1, "relu")
        branches.append(b.bilinear(y, x.shape[2:]))
    with b.scope("project"):
        return conv_bn(b, b.concat(branches), out, 1, "relu")


def deeplabv3(b, size, n, classes=21):
    x = b.input("input", (n, 3, *size))
    with b.scope("backbone"):
        x = mobilenet_features(b, x, dilate=True)
    with b.scope("classifier.aspp"):
        x = aspp(b, x, 256)
    with b.scope("classifier"):
        x = conv_bn(b, x, 256, 3, "relu")
        x = b.conv(x, classes, bias=True, gain=1.0)
    b.output("out", b.bilinear(x, size))
