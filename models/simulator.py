# SPDX-License-Identifier: Apache-2.0
"""The endoscopy simulator for training: compiled from src/sim, called through ctypes."""
import ctypes
import glob
import os
import subprocess

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FPS = 25


class Planes(ctypes.Structure):
    """struct tro_endoscopy_frame."""
    _fields_ = [(name, ctypes.c_void_p) for name in ('rgb', 'label', 'instance', 'depth', 'truth')]


def build(folder):
    """Compiles a shared library into the folder, with the flags of the project; its path."""
    path = os.path.join(folder, 'libendoscopy.so')
    sources = sorted(glob.glob(os.path.join(ROOT, 'src/sim/*.c')) +
                     glob.glob(os.path.join(ROOT, 'src/base/*.c')))
    sources.append(os.path.join(ROOT, 'models/simulator.c'))
    subprocess.run(['cc', '-std=c17', '-O2', '-D_GNU_SOURCE', '-ffp-contract=off',
                    '-fno-math-errno', '-shared', '-fPIC', '-I', os.path.join(ROOT, 'src'),
                    '-I', os.path.join(ROOT, 'include'), *sources, '-o', path, '-lm', '-lpthread'],
                   check=True)
    return path


class Simulator:
    """The library and its lists of names."""

    def __init__(self, path):
        os.environ['TROCAR_THREADS'] = '1'  # processes work beside one another
        self.lib = ctypes.CDLL(path)
        self.lib.train_create.restype = ctypes.c_void_p
        self.lib.train_create.argtypes = [ctypes.c_uint64, ctypes.c_int, ctypes.c_int]
        self.lib.train_render.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int,
                                          ctypes.c_void_p, ctypes.POINTER(Planes), ctypes.c_void_p]
        self.lib.tro_endoscopy_destroy.argtypes = [ctypes.c_void_p]
        self.facts = self.names('fact')
        self.classes = self.names('class')
        self.kinds = self.names('tool')
        self.landmarks = self.names('landmark')
        self.steps = self.names('step')
        self.disturbances = self.names('disturbance')
        self.n_makes = self.lib.train_n_makes()

    def names(self, what):
        name_of = getattr(self.lib, f'train_{what}_name')
        name_of.restype = ctypes.c_char_p
        names = []
        while name_of(len(names)):
            names.append(name_of(len(names)).decode())
        return names

    def palette(self):
        return ['#%06x' % self.lib.train_class_rgb(i) for i in range(len(self.classes))]


class Procedure:
    """One operation, seen in pictures of one size."""

    def __init__(self, simulator, seed, width, height):
        self.simulator, self.width, self.height = simulator, width, height
        self.handle = simulator.lib.train_create(seed, width, height)
        if not self.handle:
            raise MemoryError(f'procedure {seed}')
        self.rgb = np.empty((height, width, 3), np.uint8)
        self.label = np.empty((height, width), np.uint8)
        self.instance = np.empty((height, width), np.uint8)
        self.depth = np.empty((height, width), np.float32)
        self.facts = np.empty(len(simulator.facts), np.float32)
        self.planes = Planes(self.rgb.ctypes.data, self.label.ctypes.data,
                             self.instance.ctypes.data, self.depth.ctypes.data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.simulator.lib.tro_endoscopy_destroy(self.handle)

    def render(self, index, make, strengths):
        """Fills rgb, label, instance, depth and facts."""
        strengths = np.ascontiguousarray(strengths, np.float32)
        if self.simulator.lib.train_render(self.handle, index, make, strengths.ctypes.data,
                                           ctypes.byref(self.planes), self.facts.ctypes.data) < 0:
            raise ValueError(f'frame {index}')
