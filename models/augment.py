# SPDX-License-Identifier: Apache-2.0
"""Light changes that another camera, another size of picture or the other side of the patient could
make."""
import functools

import torch
import torch.nn.functional as F

MEAN, STD = (0.45, 0.38, 0.30), (0.28, 0.25, 0.22)


@functools.cache
def constant(values, device):
    return torch.tensor(values, device=device)[None, :, None, None]


def normalize(rgb):
    """From 0 to 255."""
    return (rgb / 255 - constant(MEAN, rgb.device)) / constant(STD, rgb.device)


def repeat(values, n):
    """Each row n times."""
    return values[:, None].expand(-1, n, *values.shape[1:]).flatten(0, 1)


def draw(low, high, n, n_alike, device, n_channels=1):
    """One for each picture, the same for n_alike that follow one another."""
    values = torch.rand(n // n_alike, n_channels, 1, 1, device=device) * (high - low) + low
    return repeat(values, n_alike)


def draw_flips(n, n_alike, device):
    return repeat(torch.rand(n // n_alike, device=device), n_alike) < 0.5


def mirror(x, flips):
    """Pictures or maps [n, .., width], those that are to be."""
    return torch.where(flips.reshape(-1, *[1] * (x.dim() - 1)), x.flip(-1), x)


def sharpen(x, amount):
    """Softens where the amount is below 0."""
    soft = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    return x + amount * (x - soft)


def augment(rgb, flips, n_alike=1, light=1):
    """Pictures [n, 3, H, W] of 0 to 255, changed and normalized; light, 0 to 1: how much."""
    n, device = len(rgb), rgb.device

    def random(low, high, n_channels=1):
        return draw(low, high, n, n_alike, device, n_channels)

    def near_one(low, high, n_channels=1):
        return 1 + light * (random(low, high, n_channels) - 1)

    x = mirror(rgb / 255, flips)
    x = sharpen(x, random(-0.7, 1.0))
    x = x.clamp(0, 1) ** near_one(0.8, 1.25)
    x = x * near_one(0.8, 1.2) * near_one(0.92, 1.08, 3)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * near_one(0.8, 1.2)
    x = x + torch.randn_like(x) * random(0, 0.03)
    return normalize((x * 255).clamp(0, 255)).contiguous(memory_format=torch.channels_last)
