#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar eval of answers about whole pictures: flags, steps of an operation."""
import json
import os

import numpy
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from _eval_kit import group, metric, near, run, write_model, write_record
from _kit import equal, holds, main, test, trocar


@test
def flags_of_pictures():
    """Four frames, two of them bleeding, and a network that always says 0.7 and 0.2."""
    os.makedirs('four')
    Image.fromarray(numpy.zeros((8, 10, 3), numpy.uint8)).save('four/a.png')
    with open('four/frames.jsonl', 'w', encoding='utf-8') as f:
        for i in range(4):
            f.write(json.dumps({'picture': 'a.png', 'procedure': i, 'frame': 0, 'truth': {
                'out_of_body': i == 3, 'bleeding': i < 2}}) + '\n')
    write_model('net', {'y': numpy.array([[0.7, 0.2]])})
    write_record('net', {'y': {'decode': 'scores', 'names': ['bleeding', 'out-of-body']}})
    with open('gates.json', 'w', encoding='utf-8') as f:
        json.dump({'gates': [{'metric': 'sensitivity', 'of': 'bleeding', 'min': 1},
                             {'metric': 'specificity', 'of': 'bleeding', 'min': 0.1}]}, f)
    trocar('eval', 'four', 'net.onnx', '--record', 'net.json', '--json', 'eval.json', '--gate',
           'gates.json', '--html', 'page.html', code=1)
    with open('eval.json', encoding='utf-8') as f:
        result = json.load(f)
    bleeding, out = group(result, 'all')['flags']
    equal([bleeding[k] for k in ('of', 'yes', 'no', 'sensitivity', 'specificity', 'ppv', 'auc')],
          ['bleeding', 2, 2, 1, 0, 0.5, 0.5], 'bleeding')
    equal([out[k] for k in ('of', 'yes', 'no', 'sensitivity', 'specificity', 'ppv')],
          ['out-of-body', 1, 3, 0, 1, None], 'out of the body')
    equal([g['pass'] for g in result['gates']], [True, False], 'gates')


@test
def flags_are_what_is_true_or_false():
    os.makedirs('two')
    Image.fromarray(numpy.zeros((8, 10, 3), numpy.uint8)).save('two/a.png')
    with open('two/frames.jsonl', 'w', encoding='utf-8') as f:
        for i in range(2):
            f.write(json.dumps({'picture': 'a.png', 'procedure': i, 'frame': 0, 'truth': {
                'cautery': i == 0, 'lens_is_dirty': True, 'step': 'cutting'}}) + '\n')
    write_model('net', {'y': numpy.array([[0.7, 0.2, 0.9]])})
    write_record('net', {'y': {'decode': 'scores',
                               'names': ['cautery', 'lens-is-dirty', 'nobody-knows']}})
    flags = group(run('two', 'net'), 'all')['flags']
    equal([[f[k] for k in ('of', 'yes', 'no', 'sensitivity')] for f in flags],
          [['cautery', 1, 1, 1], ['lens-is-dirty', 2, 0, 0], ['nobody-knows', 0, 0, None]], 'flags')


# ---- steps ---------------------------------------------------------------------------------

STEPS = ['exploration', 'dissection', 'cutting', 'never']
# Procedure, grey of the picture, true step: what is found is the grey by tens.
STEPPED = [('p', 0, 'exploration'), ('p', 3, 'exploration'), ('p', 12, 'exploration'),
           ('p', 14, 'dissection'), ('p', 22, 'cutting'), ('q', 21, 'dissection'),
           ('q', 11, 'dissection'), ('q', 2, 'cutting'), ('q', 0, 'unheard-of'), ('q', 5, None)]


def write_steps():
    os.makedirs('steps')
    with open('steps/frames.jsonl', 'w', encoding='utf-8') as f:
        for i, (procedure, grey, step) in enumerate(STEPPED):
            Image.fromarray(numpy.full((8, 10, 3), grey, numpy.uint8)).save(f'steps/{i}.png')
            truth = {'bleeding': False, **({'step': step} if step else {})}
            f.write(json.dumps({'picture': f'{i}.png', 'procedure': procedure, 'frame': i,
                                'slice': 'clean', 'truth': truth}) + '\n')


def write_stepper(name, shift):
    """Logits k * m - 10 * k * k / 2 are greatest where the mean m is nearest to 10 * k."""
    k = numpy.arange(4, dtype=numpy.float32)
    bias = -5 * k * k + shift * k
    nodes = [helper.make_node('ReduceMean', ['x'], ['m'], axes=[1, 2, 3], keepdims=0),
             helper.make_node('Reshape', ['m', 's'], ['c']),
             helper.make_node('Gemm', ['c', 'k', 'b'], ['y'])]
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 3, 8, 10])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(k.reshape(1, 4), 'k'), numpy_helper.from_array(bias, 'b'),
         numpy_helper.from_array(numpy.array([1, 1], numpy.int64), 's')])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    with open(f'{name}.onnx', 'wb') as f:
        f.write(model.SerializeToString())
    write_record(name, {'y': {'decode': 'scores', 'activation': 'softmax', 'names': STEPS}})


def steps_by_hand(shift, procedures='pq'):
    pairs = [(STEPS.index(s), int(numpy.argmin(abs(g + shift - 10 * numpy.arange(4)))))
             for p, g, s in STEPPED if s in STEPS and p in procedures]
    matrix = numpy.zeros((4, 4), int)
    for is_, as_ in pairs:
        matrix[is_, as_] += 1
    both, there, found = numpy.diag(matrix), matrix.sum(1), matrix.sum(0)
    seen = there + found > 0
    return matrix, both.sum() / len(pairs), (2 * both[seen] / (there + found)[seen]).mean()


@test
def steps_of_an_operation():
    write_steps()
    write_stepper('net', 0)
    write_stepper('late', -6)
    with open('gates.json', 'w', encoding='utf-8') as f:
        json.dump({'gates': [{'metric': 'step-accuracy', 'min': 0.5},
                             {'metric': 'step-recall', 'of': 'dissection', 'min': 0.6},
                             {'metric': 'macro-f1', 'procedure': 'p', 'min': 0.99}]}, f)
    out = trocar('eval', 'steps', 'net.onnx', 'late.onnx', '--record', 'net.json', '--json',
                 'eval.json', '--gate', 'gates.json', '--html', 'page.html', code=1).out
    holds(out, 'right steps', 'delta F1', 'macro F1')
    with open('page.html', encoding='utf-8') as f:
        holds(f.read(), 'step, taken as', 'delta F1')
    with open('eval.json', encoding='utf-8') as f:
        result = json.load(f)
    accuracies = []
    for engine, shift in (('net.onnx', 0), ('late.onnx', -6)):
        for kind, name, procedures in (('all', '', 'pq'), ('procedure', 'p', 'p'),
                                       ('slice', 'clean', 'pq')):
            found = next(g for g in result['groups'] if (g['engine'], g['kind'], g['group']) ==
                         (engine, kind, name))
            matrix, accuracy, f1 = steps_by_hand(shift, procedures)
            what = f'{engine} {kind} {name}'
            near(metric(found, 'step-accuracy')['mean'], accuracy, f'{what}: accuracy')
            near(found['macro-f1'], f1, f'{what}: macro F1')
            equal([s['found_as'] for s in found['steps']], matrix.tolist(), f'{what}: confusions')
            equal([s['frames'] for s in found['steps']], matrix.sum(1).tolist(), what)
            for i, step in enumerate(STEPS):
                if matrix[i].sum():
                    near(metric(found, 'step-recall', step)['mean'], matrix[i, i] / matrix[i].sum(),
                         f'{what}: recall of {step}')
            if kind == 'all':
                accuracies.append(accuracy)
    late = result['groups'][len(result['groups']) // 2]
    near(metric(late, 'step-accuracy')['delta'], accuracies[1] - accuracies[0], 'delta')
    near(late['delta']['mean-step-accuracy'], accuracies[1] - accuracies[0], 'delta of the figure')
    equal([g['pass'] for g in result['gates'][:3]], [True, True, False], 'gates')


if __name__ == '__main__':
    main()
