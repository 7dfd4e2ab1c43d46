#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every operator at every opset at which its definition changed, against ONNX Runtime.

    tests/test_opsets.py [PATTERN...]    only models whose name holds one of the patterns

Models of one node run in the reference kernels and through `ort:MODEL`. Where the two differ because
ONNX Runtime departs from ONNX's text, DEPARTURES says so. TROCAR_ALL=1 runs every form of every
case with more seeds. TROCAR_KEEP=DIR keeps the models of failures.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy

import opset_kit as kit
import opset_layers
import opset_moves
import opset_pointwise
import opset_sampling

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TROCAR = os.environ.get('TROCAR', os.path.join(ROOT, 'build', 'trocar'))
KEEP = os.environ.get('TROCAR_KEEP')
IS_ALL = any(os.environ.get(v) for v in ('TROCAR_ALL', 'TROCAR_TEST_ALL'))
MAP = os.path.join(ROOT, 'src', 'onnx', 'onnx_map.def')
N_JOBS = 2
BATCH = int(os.environ.get('TROCAR_BATCH', '16'))
TIMEOUT = 60

TOLERANCE = {'f32': 1e-5, 'f64': 1e-10, 'f16': 1e-3, 'bf16': 1e-2}
NO_KERNEL = re.compile(r'NOT_IMPLEMENTED|Could not find an implementation|is not a registered')

# Models where ONNX's text and ONNX Runtime disagree: a pattern of their names, and the reason.
# 'accepts' has Trocar alone run them.
DEPARTURES = ()


def departure(name):
    return next((reason for pattern, reason in DEPARTURES if re.search(pattern, name)), None)


# ---- running -------------------------------------------------------------------------------


def run(spec, arguments, folder):
    """Status and what was said; the outputs lie in folder."""
    try:
        done = subprocess.run([TROCAR, 'run', spec, *arguments, '-o', folder, '--threads', '1'],
                              capture_output=True, text=True, timeout=TIMEOUT, errors='replace')
    except subprocess.TimeoutExpired:
        return -1, f'not done after {TIMEOUT} s'
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line]
    return done.returncode, '; '.join(lines)[:600]


def read_outputs(folder):
    """(name, type, elements) of each output; bf16 as f32, other types NumPy lacks as bits."""
    with open(os.path.join(folder, 'outputs.tsv'), encoding='utf-8') as f:
        rows = [line.rstrip('\n').split('\t') for line in f]
    for i, name, dtype, _ in rows:
        data = numpy.load(os.path.join(folder, f'output_{i}.npy'))
        yield name, dtype, kit.from_bf16(data) if dtype == 'bf16' else data


def tensor_difference(dtype, got, want, scale):
    """What differs, or None."""
    if dtype not in TOLERANCE:
        bad = got != want
    else:
        got, want = got.astype(numpy.float64), want.astype(numpy.float64)
        is_finite = numpy.isfinite(want) & numpy.isfinite(got)
        sizes = numpy.abs(numpy.where(is_finite, want, 0))
        if scale == 'tensor' and sizes.size:
            sizes = sizes.max()
        least = 1e-30 if dtype in ('f32', 'f64', 'bf16') else 1e-4
        with numpy.errstate(invalid='ignore'):
            is_near = numpy.abs(got - want) <= TOLERANCE[dtype] * sizes + least
        same = (got == want) | (numpy.isnan(got) & numpy.isnan(want))
        bad = ~numpy.where(is_finite, is_near, same)
    if not bad.any():
        return None
    at = tuple(int(i) for i in numpy.argwhere(bad)[0])
    return f'{int(bad.sum())} of {bad.size} differ, first at {at}: expected {want[at]}, got {got[at]}'


def difference(got, want, scale):
    name, dtype, elements = got
    _, want_dtype, wanted = want
    if dtype != want_dtype or elements.shape != wanted.shape:
        return f'{name}: expected {want_dtype} {wanted.shape}, got {dtype} {elements.shape}'
    found = tensor_difference(dtype, elements, wanted, scale)
    return f'{name}: {found}' if found else None


def keep(model, folder):
    if KEEP:
        target = os.path.join(KEEP, re.sub(r'[^\w.=-]+', '_', model.name))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)


def compare(batch, ours, theirs):
    """Verdict of each model from the outputs of all."""
    got, want = list(read_outputs(ours)), list(read_outputs(theirs))
    at = 0
    for model in batch:
        n = len(model.case.outputs)
        found = [difference(g, w, model.case.scale)
                 for g, w in zip(got[at:at + n], want[at:at + n])]
        found = '; '.join(text for text in found if text)
        at += n
        reason = departure(model.name)
        if reason and found:
            yield 'SKIP', 'departure of ONNX Runtime: ' + reason
        elif reason:
            yield 'FAIL', 'the same as ONNX Runtime, listed as a departure: ' + reason
        else:
            yield ('FAIL', found) if found else ('PASS', '')


def refusal(model, ours, theirs):
    """Verdict of a model that one side does not run."""
    reason = departure(model.name)
    if ours[0] != 0:
        return 'FAIL', f'exit {ours[0]}: {ours[1]}'
    if NO_KERNEL.search(theirs[1]):
        return 'SKIP', 'ONNX Runtime has no kernel'
    if reason:
        return 'SKIP', 'departure of ONNX Runtime: ' + reason
    return 'FAIL', f'ONNX Runtime refuses the model: {theirs[1]}'


def verdicts(batch, folder):
    """(model, verdict) of each model; a group that either side refuses is halved."""
    path, arguments = kit.write(batch, folder)
    ours = run(path, arguments, os.path.join(folder, 'ours'))
    theirs = run('ort:' + path, arguments, os.path.join(folder, 'theirs'))
    if ours[0] == 0 and theirs[0] == 0:
        pairs = list(zip(batch, compare(batch, folder + '/ours', folder + '/theirs')))
    elif len(batch) == 1:
        pairs = [(batch[0], refusal(batch[0], ours, theirs))]
    else:
        shutil.rmtree(folder)
        half = len(batch) // 2
        return verdicts(batch[:half], folder) + verdicts(batch[half:], folder)
    if len(batch) == 1 and pairs[0][1][0] == 'FAIL':
        keep(batch[0], folder)
    shutil.rmtree(folder)
    return pairs


def judge(job):
    return verdicts(*job)


# ---- which ---------------------------------------------------------------------------------


def all_cases():
    for seed in range(4 if IS_ALL else 1):
        cases = kit.Cases(seed)
        for module in (opset_pointwise, opset_moves, opset_sampling, opset_layers):
            module.add_all(cases)
        yield from cases.all


def unseen(seen):
    """Operators of the importer, and their opsets, that no model has."""
    with open(MAP, encoding='utf-8') as f:
        rows = re.findall(r'^ONNX_OP\( "",\s*"(\w+)",\s*(\d+)', f.read(), re.M)
    for op in dict.fromkeys(name for name, since in rows if int(since) <= kit.LAST):
        wanted = kit.versions(op)
        if not wanted:
            yield f'{op}: no version known'
        for opset in wanted:
            if (op, opset) not in seen:
                yield f'{op} at opset {opset}: no model'


def main(patterns):
    chosen = [m for m in kit.models(all_cases(), IS_ALL)
              if not patterns or any(p in m.name for p in patterns)]
    missing = [] if patterns else list(unseen({(m.case.op, m.opset) for m in chosen}))
    for text in missing:
        print(f'FAIL {text}')
    n_failed = len(missing)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(N_JOBS) as pool:
        jobs = [(batch, os.path.join(folder, str(i)))
                for i, batch in enumerate(kit.batches(chosen, BATCH))]
        for pairs in pool.map(judge, jobs):
            for model, (word, why) in pairs:
                print(f'{word} {model.name}: {why}' if why else f'{word} {model.name}', flush=True)
                n_failed += word == 'FAIL'
    return 1 if n_failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
