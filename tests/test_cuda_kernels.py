#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the kernels of CUDA take, without a GPU: registers and local memory of a thread.

    tests/test_cuda_kernels.py [--update] [PATTERN...]     only models whose path holds a pattern

The kernels of the reference networks (build/nets, where bench/nets.py -o build/nets has written
them), of the networks in the test data and of models/ are compiled for each architecture at FP32
and FP16, that of models/ also as it reads the frames of tests/records. tests/cuda_kernels.tsv has
a row for each kind of kernel and architecture: a kernel may take so many registers and bytes of
local memory (spilled registers) at most. --update writes the table anew; it should know all
networks then.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

import onnx
from onnx import TensorProto

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('TROCAR_BUILD', os.path.join(ROOT, 'build'))
DATA = os.environ.get('TROCAR_DATA', os.path.join(ROOT, 'build', 'data'))
TABLE = os.path.join(ROOT, 'tests', 'cuda_kernels.tsv')
ARCHITECTURES = (80, 87, 90)
TIMEOUT = 3600
FLOAT, INT32 = TensorProto.FLOAT, TensorProto.INT32
# In how many parts a product is cut is a parameter: layers of different numbers share a kernel.
SPLITS = re.compile(r'_k[0-9]+$')
HEAD = ('# SPDX-License-Identifier: Apache-2.0\n'
        '# Written by tests/test_cuda_kernels.py --update: kernel, architecture, most registers\n'
        '# of a thread, most bytes of local memory.\n')


def find_models(patterns):
    paths = sorted(glob.glob(os.path.join(ROOT, 'models', '*.onnx')) +
                   glob.glob(os.path.join(ROOT, 'build', 'nets', '*.onnx')) +
                   glob.glob(os.path.join(DATA, '*', 'model.onnx')))
    paths = [p for p in paths if not patterns or any(p.find(x) >= 0 for x in patterns)]
    unet = os.path.join(ROOT, 'models', 'endoscopy_unet.onnx')
    if unet in paths:
        at = paths.index(unet) + 1
        paths[at:at] = sorted(glob.glob(os.path.join(ROOT, 'tests', 'records', 'unet_*.json')))
    return paths


def write_detector(path):
    """What exports of detectors end with: no network here does."""
    info = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node(
        'EfficientNMS_TRT', ['boxes', 'scores'], ['count', 'kept', 'of', 'classes'], domain='TRT',
        background_class=-1, box_coding=1, class_agnostic=0, iou_threshold=0.45,
        max_output_boxes=100, plugin_version='1', score_activation=0, score_threshold=0.25)
    graph = onnx.helper.make_graph(
        [node], 'detector',
        [info('boxes', FLOAT, [1, 8400, 4]), info('scores', FLOAT, [1, 8400, 80])],
        [info('count', INT32, [1, 1]), info('kept', FLOAT, [1, 100, 4]),
         info('of', FLOAT, [1, 100]), info('classes', INT32, [1, 100])])
    onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=[
        onnx.helper.make_opsetid('', 17), onnx.helper.make_opsetid('TRT', 1)]), path)


def measure(models):
    """(kernel, architecture) -> registers, bytes of local memory."""
    tool = os.path.join(BUILD, 'tests', 'tool_cuda_kernels')
    done = subprocess.run([tool, ','.join(map(str, ARCHITECTURES)), *models], capture_output=True,
                          text=True, timeout=TIMEOUT)
    if done.returncode == 3:
        print(f'SKIP cuda_kernels: {done.stderr.strip()}')
        sys.exit(0)
    if done.returncode:
        print(f'FAIL cuda_kernels: {done.stderr.strip()[-900:]}')
        sys.exit(1)
    found = {}
    for kernel, arch, *taken in (line.split('\t') for line in done.stdout.splitlines()):
        key = (SPLITS.sub('', kernel), int(arch))
        found[key] = tuple(map(max, map(int, taken), found.get(key, (0, 0))))
    return found


def read_table():
    with open(TABLE, encoding='utf-8') as f:
        rows = [line.rstrip('\n').split('\t') for line in f if not line.startswith('#')]
    return {(r[0], int(r[1])): (int(r[2]), int(r[3])) for r in rows}


def write_table(found):
    with open(TABLE, 'w', encoding='utf-8') as f:
        f.write(HEAD)
        for (kernel, arch), (registers, local) in sorted(found.items()):
            f.write(f'{kernel}\t{arch}\t{registers}\t{local}\n')


def problem_of(key, got, table):
    if key not in table:
        return 'not in the table: look at it, then run tests/test_cuda_kernels.py --update'
    for what, now, most in zip(('registers', 'bytes of local memory'), got, table[key]):
        if now > most:
            return f'{now} {what}, at most {most} expected'
    return None


def main():
    models = find_models([a for a in sys.argv[1:] if not a.startswith('--')])
    if not glob.glob(os.path.join(ROOT, 'build', 'nets', '*.onnx')):
        print('SKIP cuda_kernels/nets: bench/nets.py -o build/nets has not written them')
    with tempfile.TemporaryDirectory() as folder:
        models.append(os.path.join(folder, 'detector.onnx'))
        write_detector(models[-1])
        found = measure(models)
    if '--update' in sys.argv:
        write_table(found)
    table, n_failed = read_table(), 0
    for key, got in sorted(found.items()):
        problem = problem_of(key, got, table)
        name = f'cuda_kernels/{key[0].replace(" ", "_")}/sm_{key[1]}'
        print(f'FAIL {name}: {problem}' if problem else f'PASS {name}')
        n_failed += problem is not None
    sys.exit(1 if n_failed else 0)


main()
