#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Accuracy of the exported networks on the procedures for testing, in ONNX Runtime, as
models/train.py left both.

    python3 models/measure.py --out DIR --data DIR [--scale S]

One line for each network, of undisturbed and of disturbed frames. Sequences are run frame after
frame with the states that the records name.
"""
import argparse
import json
import multiprocessing
import os
import sys
import tempfile

import numpy as np

import data
import simulator

MAX_FRAMES = 200


def normalized(rgb, image):
    mean, std = (np.array(image[key], np.float32)[:, None, None] for key in ('mean', 'std'))
    return (rgb.transpose(2, 0, 1)[None] * np.float32(image['scale']) - mean) / std


class Engine:
    def __init__(self, path):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options,
                                                    providers=['CPUExecutionProvider'])
        with open(path.removesuffix('.onnx') + '.json', encoding='utf-8') as f:
            record = json.load(f)
        self.image, self.states = record['inputs']['image'], record.get('states', {})
        self.optics = record.get('optics', {})
        self.forget()

    def forget(self):
        self.memory = {i.name: np.zeros(i.shape, np.float32) for i in self.session.get_inputs()
                       if i.name in self.states}

    def run(self, rgb, facts):
        """facts: of the frame, by name."""
        names = [o.name for o in self.session.get_outputs()]
        optics = {name: np.array([facts[fact.replace('_', '-')]], np.float32)
                  for name, fact in self.optics.items()}
        inputs = {'image': normalized(rgb, self.image), **self.memory, **optics}
        outputs = dict(zip(names, self.session.run(None, inputs)))
        self.memory = {state: outputs[after] for state, after in self.states.items()}
        return outputs[names[0]][0]


def starts_for(task, plan):
    """Slots where runs of frames begin, and how long those are."""
    n = data.LENGTH.get(task.use, 1)
    starts = np.concatenate([data.starts_of(plan, use) if n > 1 else
                             data.slots_of(plan, (use,)) for use in uses_of(task)])
    return starts[::max(len(starts) * n // MAX_FRAMES, 1)], n


def uses_of(task):
    return ('spread',) + task.judged[1:] if task.use == 'inside' else (task.use,)


def measure(job):
    """Metrics of one network: of all frames, of undisturbed ones and of the others."""
    path, task, test = job
    engine, arrays, is_clean = Engine(path), test.arrays(), data.is_clean(test.plan)
    found = {'all': task.metric(), 'clean': task.metric(), 'disturbed': task.metric()}
    starts, n = starts_for(task, test.plan)
    for start in starts:
        engine.forget()
        for slot in range(start, start + n):
            facts = dict(zip(task.simulator.facts, arrays['facts'][slot].tolist()))
            output = engine.run(arrays['rgb'][slot], facts)
            wanted = task.wanted(arrays, slot, task.simulator.facts)
            found['all'].add(output, wanted)
            found['clean' if is_clean[slot] else 'disturbed'].add(output, wanted)
    return {which: metric.result() for which, metric in found.items()}


tasks = []  # of this process and those it forks


def measure_at(index):
    name, path, task, test = tasks[index]
    return name, measure((path, task, test))


def main():
    from tasks import kinds_of, make_tasks
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--out', required=True)
    parser.add_argument('--data', required=True)
    parser.add_argument('--scale', type=float, default=1)
    parser.add_argument('--only', type=lambda text: text.split(','), help='tasks, see tasks.py')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sim = simulator.Simulator(simulator.build(folder))
    test = data.open_sets(args.data, args.scale, sim, kinds_of(sim, args.only))['test']
    for task in make_tasks(sim, args.only):
        for name in task.networks():
            path = os.path.join(args.out, name + '.onnx')
            if os.path.exists(path):
                tasks.append((name, path, task, test))
    with multiprocessing.get_context('fork').Pool() as pool:
        results = dict(pool.imap_unordered(measure_at, range(len(tasks)), chunksize=1))
    with open(os.path.join(args.out, 'measured.json'), 'w', encoding='utf-8') as f:
        json.dump(results, f, indent=1, default=float)
    for name, *_ in tasks:
        for which, values in results[name].items():
            print(f'{name:28}{which:10}', *(f'{k} {v:.4f}' for k, v in values.items()))


if __name__ == '__main__':
    sys.exit(main())
