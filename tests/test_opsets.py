#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every operator at every opset at which its definition changed, against ONNX Runtime.

    tests/test_opsets.py [PATTERN...]    only models whose name holds one of the patterns

Models of one node run in the reference kernels and through `ort:MODEL`; many lie side by side in
one file. Where ONNX Runtime departs from what ONNX says, DEPARTURES says so. TROCAR_ALL=1 makes
every case at every opset, with more seeds. TROCAR_KEEP=DIR keeps the models that fail.
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
BATCH = 48
TIMEOUT = 60

TOLERANCE = {'f32': 1e-5, 'f64': 1e-10, 'f16': 1e-3, 'bf16': 1e-2}
NO_KERNEL = re.compile(r'NOT_IMPLEMENTED|Could not find an implementation|is not a registered')

# Models where ONNX Runtime departs from ONNX: a pattern of their names, and what ONNX says. A
# pattern none of whose models differs fails.
DEPARTS = 'ONNX Runtime departs from ONNX: '
NODE_TEST = "as ONNX's node tests have it"
DEPARTURES = (
    (r'^Shrink-9 f64', 'lambd and bias are applied in the type of the input'),
    (r'^Reduce(Max|Min)-\d+ special', 'NaN is kept, as in numpy.max, which ONNX refers to'),
    (r'^ReduceMean-\d+ over nothing', 'undefined: here 0 / 0'),
    (r'^(Hamming|Blackman)Window-17 f64', 'output_datatype is the precision'),
    (r'^BlackmanWindow-17 (1 1|2 0),', '0.42 - 0.5 + 0.08 is 0'),
    (r'^Dropout-10 mask', 'the mask of inference is not defined before version 12, and true there'),
    (r'^NonZero-\d+ scalar', 'a scalar gives shape (0, N)'),
    (r'^Pad-\d+ wrap twice', 'wrap goes around as often as is needed, as in numpy.pad'),
    (r'^Resize-\d+ \w+ align_corners \w+ (\[1, 1, (0.6, 1.7|0.5, 0.5)\]|no roi)',
     'length_resized is length * scale before it is made whole, ' + NODE_TEST),
    (r'^Resize-\d+ crop scales', 'the same'),
    (r'^Resize-\d+ not_\w+ \[-1, -2\]', 'axes may be negative'),
    (r'^Resize-\d+ antialias \w+ u8', 'sums are rounded once, not after each axis'),
    (r'^Resize-10 opset 10 nearest \[1, 1, 0.6, 1.7\], dynamic',
     'not said how a shrinking axis is rounded: down when the scales are not constant'),
    (r'^MaxPool-\d+ infinities', 'the greatest of -inf is -inf'),
    (r'^MaxUnpool-\d+ .*output_shape', 'indices count in the inferred shape, ' + NODE_TEST),
    (r'^Attention-23 (3-D|shared heads|scores 1)',
     NODE_TEST + ' of 1.18, which later releases changed'),
)


def departure(name):
    return next((reason for pattern, reason in DEPARTURES if re.search(pattern, name)), None)


def idle_departures(results):
    """Patterns that fit models of which none differs; results: {name: word of the verdict}."""
    for pattern, _ in DEPARTURES:
        words = [word for name, word in results.items() if re.search(pattern, name)]
        if words and 'SKIP' not in words and 'FAIL' not in words:
            yield f'departure {pattern}: no model differs'


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
    return (f'{int(bad.sum())} of {bad.size} differ, first at {at}: '
            f'expected {want[at]}, got {got[at]}')


def difference(got, want, scale):
    name, dtype, elements = got
    _, want_dtype, wanted = want
    if dtype != want_dtype or elements.shape != wanted.shape:
        return f'{name}: expected {want_dtype} {wanted.shape}, got {dtype} {elements.shape}'
    found = tensor_difference(dtype, elements, wanted, scale)
    return f'{name}: {found}' if found else None


def keep(model):
    target = os.path.join(KEEP, re.sub(r'[^\w.=-]+', '_', model.name))
    shutil.rmtree(target, ignore_errors=True)
    kit.write([model], target)


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
            yield 'SKIP', DEPARTS + reason
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
        return 'SKIP', DEPARTS + reason
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
    shutil.rmtree(folder)
    return pairs


def judge(job):
    return verdicts(*job)


# ---- which ---------------------------------------------------------------------------------


def cases_of(seed):
    cases = kit.Cases(seed)
    for module in (opset_pointwise, opset_moves, opset_sampling, opset_layers):
        module.add_all(cases)
    return cases.all


def all_cases():
    for seed in range(3 if IS_ALL else 1):
        yield from cases_of(seed)


def unseen(seen):
    """Operators of the importer, and their opsets, that no model has."""
    with open(MAP, encoding='utf-8') as f:
        rows = re.findall(r'^ONNX_OP\( "",\s*"(\w+)(?<!_TRT)",\s*(\d+)', f.read(), re.M)
    for op in dict.fromkeys(name for name, since in rows if int(since) <= kit.LAST):
        wanted = kit.versions(op)
        if not wanted:
            yield f'{op}: no version known'
        for opset in wanted:
            if (op, opset) not in seen:
                yield f'{op} at opset {opset}: no model'


def main(patterns):
    chosen = [m for m in kit.models(list(all_cases()), IS_ALL)
              if not patterns or any(p in m.name for p in patterns)]
    problems = [] if patterns else list(unseen({(m.case.op, m.opset) for m in chosen}))
    results = {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(N_JOBS) as pool:
        jobs = [(batch, os.path.join(folder, str(i)))
                for i, batch in enumerate(kit.batches(chosen, BATCH))]
        for pairs in pool.map(judge, jobs):
            for model, (word, why) in pairs:
                print(f'{word} {model.name}: {why}' if why else f'{word} {model.name}', flush=True)
                results[model.name] = word
                if KEEP and word == 'FAIL':
                    keep(model)
    problems += idle_departures(results)
    for text in problems:
        print(f'FAIL {text}')
    return 1 if problems or 'FAIL' in results.values() else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
