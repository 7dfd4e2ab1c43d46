#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models through the exporter: imported, rewritten, written as ONNX, and run as before.

    tests/test_export.py [PATTERN...]     only models whose name holds one of the patterns

    node/...      ONNX's conformance tests, as test_onnx_node.py has them
    opset/...     the models of test_opsets.py, one node each
    network/...   those of models/, and the whole networks of ONNX's tests

The exported model runs in the reference and in ONNX Runtime and must give what the model gave
before (tests/tool_export.c). What is counted at the end: models that agree; those where ONNX Runtime
departs from the reference as much before exporting; those it has no kernel for; and those that are
not exported, with the reasons. One in SAMPLE of the small models is run, all with --all.
"""
import os
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy
import onnx

import opset_kit as kit
import test_onnx_engine as engine
import test_onnx_node as nodes
import test_opsets as opsets

TOOL = os.path.join(engine.BUILD, 'tests', 'tool_export')
NETWORKS = os.path.join(nodes.ROOT, 'models')
SAMPLE = 9
IS_ALL = opsets.IS_ALL
KEEP = os.environ.get('TROCAR_KEEP')
PASSES = os.environ.get('TROCAR_PASSES', '-')

# Operators of ours without a form in ONNX, and what one of them has none for: everything else that
# is not exported fails.
NO_FORM = {
    'detect': 'a plugin of TensorRT',
}


class Model:
    """fields: what the tool is told. folder: of files made for it, or None."""

    def __init__(self, name, write):
        self.name, self.write = name, write


# ---- which ---------------------------------------------------------------------------------


def node_models(folder):
    cases, missing = nodes.all_cases(folder)
    for line in missing:
        print(line)
    for case in cases:
        is_network = '/light/' in case.name
        if is_network and not IS_ALL:
            continue
        kind = 'network' if is_network else 'node'
        yield Model(f'{kind}/{case.name}', lambda target, case=case: node_fields(case, target))


def node_fields(case, folder):
    model = onnx.load(case.model, load_external_data=False)
    reason = nodes.out_of_scope(model, case.inputs)
    if reason:
        return reason
    nodes.redeclare(case, model, folder)
    return [case.model, '-i', *nodes.input_files(model, case.inputs)]


def opset_models():
    for model in kit.models(list(opsets.all_cases()), IS_ALL):
        yield Model(f'opset/{model.name}', lambda target, model=model: opset_fields(model, target))


def opset_fields(model, folder):
    path, arguments = kit.write([model], os.path.join(folder, 'm'))
    return [path, '-i', *arguments[1::2]]


def network_models():
    for name in sorted(n for n in os.listdir(NETWORKS) if n.endswith('.onnx')):
        yield Model(f'network/{name}', lambda target, name=name: network_fields(name, target))


def network_fields(name, folder):
    """Bytes and numbers from 0 to 1 for the inputs; free sizes are 1."""
    path = os.path.join(NETWORKS, name)
    rng, fields = numpy.random.RandomState(1), [path, '-i']
    for i, value in enumerate(nodes.own_inputs(onnx.load(path))):
        shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
        is_bytes = value.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        data = rng.randint(0, 256, shape).astype(numpy.uint8) if is_bytes else rng.rand(*shape)
        file = os.path.join(folder, f'{i}.npy')
        numpy.save(file, data if is_bytes else data.astype(numpy.float32))
        fields.append(f'{value.name}={file}')
    return fields


def chosen_models(folder, patterns):
    small = [*node_models(folder), *opset_models()]
    every = 1 if IS_ALL or patterns else SAMPLE
    models = small[::every] + list(network_models())
    return [m for m in models if not patterns or any(p in m.name for p in patterns)]


# ---- verdicts ------------------------------------------------------------------------------


def not_exported(why):
    """A verdict on a model that was not exported."""
    for op, reason in NO_FORM.items():
        if f'operator `{op}`' in why:
            return 'SKIP', f'not exported: {reason}'
    return 'FAIL', why


def verdict(model, worker):
    """Word, reason, and what it counts as."""
    with tempfile.TemporaryDirectory() as folder:
        fields = model.write(folder)
        if isinstance(fields, str):
            return 'SKIP', f'not imported: {fields}', 'not imported'
        keep = os.path.join(KEEP, model.name.replace('/', '_') + '.onnx') if KEEP else '-'
        fields[1:1] = [PASSES, keep]
        word, _, why = worker.run(fields).partition(' ')
    if word == 'ok':
        return 'PASS', why if why != 'same' else '', f'equal, {why} operators when imported again'
    if word == 'departs':
        return 'SKIP', f'ONNX Runtime departs from the reference, before as after: {why}', word
    if word == 'half':
        return 'SKIP', f'the reference agrees; ONNX Runtime: {why}', 'not run by ONNX Runtime'
    if word == 'none':
        return (*not_exported(why), 'not exported')
    return 'FAIL', f'{word} {why}', 'wrong'


def main(patterns):
    engine.TOOL = TOOL
    local, counts = threading.local(), Counter()

    def run(model):
        if not hasattr(local, 'worker'):
            local.worker = engine.Worker()
        return model, verdict(model, local.worker)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(nodes.N_JOBS) as pool:
        is_bad = False
        for model, (word, why, kind) in pool.map(run, chosen_models(folder, patterns)):
            print(f'{word} {model.name}: {why}' if why else f'{word} {model.name}', flush=True)
            counts[model.name.split('/')[0], kind] += 1
            is_bad = is_bad or word == 'FAIL'
    for (group, kind), n in sorted(counts.items()):
        print(f'NOTE {group}: {n} {kind}')
    return 1 if is_bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
