#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The programs of examples/, which use the library and nothing of the command line."""
import os
import subprocess

import numpy

from _kit import F32, ROOT, equal, holds, info, main, model, node, test, write

FOLDER = os.path.join(os.environ.get('TROCAR_BUILD', os.path.join(ROOT, 'build')), 'examples')


def run(*arguments, code=0):
    done = subprocess.run([os.path.join(FOLDER, 'run'), *arguments], capture_output=True, text=True,
                          timeout=60)
    equal(done.returncode, code, 'exit code')
    return done


@test
def run_takes_zeros_or_raw_files():
    m = model('m.onnx', [node('Sub', 'a b', 'd')], [info('a', F32, ['n', 2]), info('b', F32, [2])],
              [info('d', F32, ['n', 2])])
    equal(run(m).stdout, 'd f32 1x2 0 0\n')
    write('a.raw', numpy.array([5, 7], '<f4').tobytes())
    write('b.raw', numpy.array([1, 2], '<f4').tobytes())
    equal(run(m, 'a.raw').stdout, 'd f32 1x2 5 7\n')
    equal(run(m, 'a.raw', 'b.raw').stdout, 'd f32 1x2 4 5\n')


@test
def run_tells_what_is_wrong():
    holds(run(code=1).stderr, 'expected a model')
    holds(run('nothing.onnx', code=1).stderr, 'nothing.onnx', 'No such file')


main()
