#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The networks of models/: their records and cards fit them, and they still know the simulator."""
import glob
import json
import os

import onnx

from _kit import ROOT, equal, holds, main, test, trocar

MODELS = os.path.join(ROOT, 'models')
NAMES = sorted(os.path.splitext(os.path.basename(path))[0]
               for path in glob.glob(os.path.join(MODELS, '*.onnx')))
MOST_BYTES, MOST_BYTES_TOGETHER = 8_000_000, 20_000_000


def file_of(name, extension):
    return os.path.join(MODELS, name + extension)


def text_of(name, extension):
    with open(file_of(name, extension), encoding='utf-8') as f:
        return f.read()


def record_of(name):
    return json.loads(text_of(name, '.json'))


@test
def all_are_small():
    sizes = [os.path.getsize(file_of(name, '.onnx')) for name in NAMES]
    equal([name for name, size in zip(NAMES, sizes) if size > MOST_BYTES], [], 'large files')
    equal(sum(sizes) <= MOST_BYTES_TOGETHER, True, f'{sum(sizes)} bytes together')


@test
def records_fit():
    """Inputs, outputs, states and optics of a record are those of the file; states keep their
    form."""
    for name in NAMES:
        graph, record = onnx.load(file_of(name, '.onnx')).graph, record_of(name)
        inputs = {v.name: v.type for v in graph.input}
        outputs = {v.name: v.type for v in graph.output}
        states, optics = record.get('states', {}), record.get('optics', {})
        equal({*record['inputs'], *states, *optics}, set(inputs), f'{name}: inputs')
        equal(set(record['outputs']) | set(states.values()), set(outputs), f'{name}: outputs')
        for state, after in states.items():
            equal(outputs[after], inputs[state], f'{name}: {state}')


@test
def cards_fit():
    for name in NAMES:
        card = text_of(name, '.md')
        holds(card, f'# {name}.onnx\n', f'{os.path.getsize(file_of(name, ".onnx")):,} bytes',
              '## Intended use and limits', 'must not be used on them', 'Apache-2.0')
    list_of_all = text_of('README', '.md')
    holds(list_of_all, *(f'[{name}]({name}.md)' for name in NAMES))


@test
def classes_are_those_of_the_simulator():
    trocar('sim', 'dataset', '-o', 'set', '--procedures', 1, '--frames', 1, '--size', '32x18')
    with open('set/labels.tsv', encoding='utf-8') as f:
        labels = [line.split('\t')[1] for line in f.read().splitlines()[1:]]
    for name in NAMES:
        output = record_of(name)['outputs'].get('logits', {})
        if output.get('decode') == 'classes':
            equal(output['names'], labels, name)


def figure(name, key, *options):
    trocar('eval', 'set', file_of(name, '.onnx'), '--record', file_of(name, '.json'), '--json',
           'eval.json', '--draws', 10, *options)
    with open('eval.json', encoding='utf-8') as f:
        return next(g for g in json.load(f)['groups'] if g['kind'] == 'all')[key]


@test
def small_ones_know_the_pictures():
    """They learned from other procedures: when this fails, the simulator has changed since."""
    trocar('sim', 'dataset', '-o', 'set', '--procedures', 2, '--frames', 1, '--first', 1000,
           '--seed', 4000003, '--size', '256x144')
    for name, key, low, high in (('unet_small', 'pooled-miou', 0.88, 1),
                                 ('detector_small', 'map50', 0.7, 1),
                                 ('depth_small', 'mean-abs-rel', 0, 0.15),
                                 ('landmarks_small', 'mean-point-error', 0, 6)):
        found = figure('endoscopy_' + name, key)
        equal(low <= found <= high, True, f'{name}: {key} {found} from {low} to {high}')


main()
