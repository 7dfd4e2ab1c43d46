# SPDX-License-Identifier: Apache-2.0
"""What the scripts of the command line share: running trocar, small models, expected text.

    tests/cli/NAME.py [--update] [TEST...]      --update writes expected/ anew instead of comparing

A test is a function with @test. It fails by Mismatch or an exception, is skipped by Skip.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TROCAR = os.environ.get('TROCAR', os.path.join(ROOT, 'build', 'trocar'))
EXPECTED = os.path.join(ROOT, 'tests', 'cli', 'expected')
TIMEOUT = 120

F32, F16, F64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE
I64, I32, U8, BOOL = TensorProto.INT64, TensorProto.INT32, TensorProto.UINT8, TensorProto.BOOL
BF16 = TensorProto.BFLOAT16


class Mismatch(Exception):
    pass


class Skip(Exception):
    pass


_tests = []


def test(function):
    _tests.append(function)
    return function


def main():
    """Runs the tests that were defined, each in an empty working folder of its own."""
    names = [a for a in sys.argv[1:] if not a.startswith('--')]
    start, n_failed = os.getcwd(), 0
    suite = os.path.splitext(os.path.basename(sys.argv[0]))[0].replace('verb_', '')
    for function in _tests:
        if names and function.__name__ not in names:
            continue
        name = f'{suite}/{function.__name__}'
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            try:
                function()
                print(f'PASS {name}', flush=True)
            except Skip as e:
                print(f'SKIP {name}: {e}', flush=True)
            except Mismatch as e:
                n_failed += 1
                print(f'FAIL {name}: {e}', flush=True)
            except Exception as e:  # a defect of the test must not hide the others
                n_failed += 1
                print(f'FAIL {name}: {type(e).__name__}: {e}', flush=True)
                traceback.print_exc()
            os.chdir(start)
    sys.exit(1 if n_failed else 0)


# ---- running and looking -------------------------------------------------------------------


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


def trocar(*arguments, code=0, env=None):
    """Runs trocar; the exit code must be the one given."""
    done = subprocess.run([TROCAR, *map(str, arguments)], capture_output=True, text=True,
                          timeout=TIMEOUT, errors='replace', stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})
    if done.returncode != code:
        raise Mismatch(f'trocar {" ".join(map(str, arguments))}: exit {done.returncode}, expected '
                       f'{code}: {(done.stderr + done.stdout).strip()[-500:]}')
    return Result(done.returncode, done.stdout, done.stderr)


def refused(*arguments, says, code=2, env=None):
    """trocar must end with the code and a message on standard error that holds each text."""
    result = trocar(*arguments, code=code, env=env)
    lines = result.err.strip().split('\n')
    if not lines[-1].startswith('trocar: '):
        raise Mismatch(f'expected a line "trocar: ..." at the end, found {lines[-1]!r}')
    for text in [says] if isinstance(says, str) else says:
        if text not in lines[-1]:
            raise Mismatch(f'expected {text!r} in the message, found {lines[-1]!r}')
    return result


def need_ort():
    if not os.environ.get('TROCAR_ORT_LIBRARY'):
        raise Skip('ONNX Runtime is not there')


def emulator():
    """The environment in which kernels run on an emulated GPU, of sm_90, with the libraries that
    tell of it."""
    folder = os.path.join(os.path.dirname(TROCAR), 'tests', 'emu')
    fakes = os.path.join(os.path.dirname(TROCAR), 'tests', 'fake')
    env = {'TROCAR_CUDA_DRIVER': os.path.join(folder, 'libcuda-emu.so'),
           'TROCAR_NVRTC': os.path.join(folder, 'libnvrtc-emu.so'),
           'TROCAR_NVML': os.path.join(fakes, 'libnvml-fake.so'),
           'TROCAR_CUPTI': os.path.join(fakes, 'libcupti-fake.so')}
    if not all(os.path.exists(path) for path in env.values()):
        raise Skip('the emulated GPU was not built')
    return env


def equal(got, want, what='value'):
    if got != want:
        raise Mismatch(f'{what}: expected {want!r}, found {got!r}')


def holds(text, *parts):
    for part in parts:
        if part not in text:
            raise Mismatch(f'expected {part!r} in {text!r}')


def close(got, want, tolerance=1e-6):
    if numpy.shape(got) != numpy.shape(want) or not numpy.allclose(got, want, tolerance, tolerance):
        raise Mismatch(f'expected {want}, found {got}')


def expect_text(name, text):
    """Compares with expected/NAME, times and speeds left out."""
    path = os.path.join(EXPECTED, name)
    if '--update' in sys.argv:
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return
    with open(path, encoding='utf-8') as f:
        want = f.read()
    for number, (a, b) in enumerate(zip(text.split('\n'), want.split('\n')), 1):
        if a != b:
            raise Mismatch(f'{name}:{number}: expected {b!r}, found {a!r}')
    equal(text.count('\n'), want.count('\n'), f'{name}: lines')


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def read_json(path):
    """Strictly: no NaN or Infinity."""
    def refuse(name):
        raise Mismatch(f'{path}: {name} is not JSON')
    return json.loads(read(path), parse_constant=refuse)


def write(path, data):
    with open(path, 'w' if isinstance(data, str) else 'wb') as f:
        f.write(data)
    return path


# ---- models and tensors --------------------------------------------------------------------


def tensor(path, values, dtype='float32'):
    numpy.save(path, numpy.array(values, dtype))
    return path


def info(name, kind=F32, shape=()):
    return helper.make_tensor_value_info(name, kind, shape)


def weight(name, values, dtype='float32'):
    return numpy_helper.from_array(numpy.array(values, dtype), name)


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def model(path, nodes, inputs, outputs, weights=(), opset=17, ir=8, infos=(), **fields):
    """Writes a model; more opsets as opsets={domain: version}."""
    graph = helper.make_graph(nodes, 'graph', inputs, outputs, list(weights),
                              value_info=list(infos))
    opsets = {'': opset, **fields.pop('opsets', {})}
    m = helper.make_model(graph, producer_name='test', ir_version=ir,
                          opset_imports=[helper.make_opsetid(d, v) for d, v in opsets.items()],
                          **fields)
    onnx.save(m, path)
    return path


def without_times(text):
    """Milliseconds and frames a second of compare's table become T; so do the widths of columns."""
    text = re.sub(r'  +\d+\.\d{3}  +\d+\.\d{3}  +\d+\.\d(?=  +-)', '  T  T  T', text)
    return re.sub(r'  +', '  ', text)
