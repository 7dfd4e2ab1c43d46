# SPDX-License-Identifier: Apache-2.0
"""Runs a network in numpy, and measures its normalization statistics that way."""
import numpy as np

from .anchors import BatchNorm

# A calibration rounds activations to this grid, so that its sums are exact in double precision
# and the statistics do not depend on the BLAS that numpy was built with.
GRID = 2.0**12


def on_grid(x):
    return np.rint(x * GRID) / GRID


def picture(seed, shape):
    """A picture-like [N, C, H, W]: noise of equal power at each octave, variance 1."""
    rng = np.random.RandomState(seed)
    octaves = 7
    height, width = shape[2:]
    total = np.zeros(shape)
    for cell in (1 << k for k in range(octaves)):
        coarse = (*shape[:2], -(-height // cell), -(-width // cell))
        noise = rng.random_sample(coarse) * 2 - 1
        total += on_grid(noise).repeat(cell, 2).repeat(cell, 3)[:, :, :height, :width]
    return on_grid(total * np.sqrt(3 / octaves)).astype(np.float32)


def feeds(net, seed):
    """Inputs for a network: pictures, whose three channels may come last, and states."""
    out = {}
    for i, (name, value) in enumerate(net.inputs.items()):
        shape = value.shape
        if shape[3] == 3:
            out[name] = picture(seed + i, (shape[0], 3, *shape[1:3])).transpose(0, 2, 3, 1).copy()
        else:
            out[name] = picture(seed + i, shape)
    return out


def evaluate(net, arrays, visit=None, keep=lambda x: x, until=None):
    """Outputs by name. visit(record, inputs) is called before each record, up to `until`."""
    env = {id(v): keep(arrays[n].astype(np.float64)) for n, v in net.inputs.items()}
    last = {id(v): r for r in net.records for v in r.inputs}
    wanted = {id(v) for v in net.outputs.values()}
    for record in net.records:
        xs = [env[id(v)] for v in record.inputs]
        if visit:
            visit(record, xs)
        if record is until:
            return {}
        p = {k: net.params.get(n).astype(np.float64) for k, n in record.params.items()}
        ys = record.run(p, *xs)
        for value, y in zip(record.outputs, ys if isinstance(ys, list) else [ys]):
            if y.shape != value.shape:
                raise ValueError(f"{record.name}: shape {y.shape}, declared {value.shape}")
            env[id(value)] = keep(y) if value.dtype == "f" else y
        for v in record.inputs:
            if last[id(v)] is record and id(v) not in wanted:
                env.pop(id(v), None)
    return {name: env[id(v)] for name, v in net.outputs.items()}


def calibrate(net, seed):
    """Sets running means and variances, layer by layer, to what seeded pictures give."""
    norms = [r for r in net.records if isinstance(r, BatchNorm)]
    if not norms:
        return

    def measure(record, xs):
        if isinstance(record, BatchNorm):
            for local, array in record.measure(xs[0]).items():
                net.params.set(record.params[local], array)

    evaluate(net, feeds(net, seed), measure, on_grid, until=norms[-1])
