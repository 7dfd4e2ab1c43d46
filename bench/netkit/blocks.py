# SPDX-License-Identifier: Apache-2.0
"""Pieces that several of the networks use."""


def conv_bn(b, x, out, kernel=1, act=None, eps=1e-5, **conv):
    x = b.batchnorm(b.conv(x, out, kernel, **conv), eps=eps)
    return getattr(b, act)(x) if act else x


def add_residual(b, x, y, act=None):
    y = b.add(y, x)
    return getattr(b, act)(y) if act else y
