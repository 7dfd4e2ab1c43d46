# SPDX-License-Identifier: Apache-2.0
"""What scripts that run trocard put before it: frames of noise, plans of two small networks."""
import os

import numpy

from _kit import ROOT, trocar


def make_frames(width, height):
    os.mkdir('frames')
    random = numpy.random.default_rng(1)
    for i in range(3):
        rgb = random.integers(0, 256, (height, width, 3), dtype=numpy.uint8)
        with open(f'frames/{i}.ppm', 'wb') as f:
            f.write(b'P6 %d %d 255\n' % (width, height) + rgb.tobytes())


def make_plan(name, network, form):
    path = os.path.join(ROOT, 'models', 'endoscopy_' + network)
    trocar('build', path + '.onnx', '--record', path + '.json', '--frames', form, '-o',
           name + '.plan', '--tune', 0, '--golden', 0)


def make_plans(form):
    """tissue.plan and outside.plan, for frames of this form."""
    make_plan('tissue', 'unet_small', form)
    make_plan('outside', 'outside_small', form)
