#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar build --precision int8: gates, layers that go back to floats, calibration files, what data
lack; gates of other precisions."""
import glob
import json
import os
import re

import numpy
import onnx

from _kit import (F32, ROOT, Mismatch, emulator, equal, holds, info, main, model, need_ort, node,
                  read, read_json, refused, test, trocar, weight, write)

CLASSES = ['outside', 'abdominal-wall', 'liver', 'gallbladder', 'fat', 'bowel', 'artery',
           'instrument-shaft', 'instrument-wrist', 'instrument-tip']
COLOURS = numpy.array([[0, 0, 0], [.7, .4, .4], [.5, .2, .2], [.7, .7, .5], [.8, .6, .2],
                       [.85, .6, .55], [.75, .1, .1], [.3, .3, .3], [.55, .5, .5], [.8, .75, .75]])
SIZE = (64, 48)
FAT = CLASSES.index('fat')
INT8 = ('--record', 'net.json', '--precision', 'int8')
RECORD = {'inputs': {'image': {'format': 'rgb8', 'scale': 1 / 255}},
          'outputs': {'logits': {'decode': 'classes', 'names': CLASSES}}}


def frames(path, *options, seed=4000003):
    trocar('sim', 'dataset', '-o', path, '--size', '{}x{}'.format(*SIZE), '--procedures', 2,
           '--frames', 2, '--seed', seed, '--format', 'ppm', *options)
    return path


def network(path='net.onnx', faint=1.0):
    """Classes by the colour of a pixel, by way of tanh(f logits) / f; the faint one, of fat, has
    another f. Among the others its tanh is below half a quantum: in integers fat scores the same
    everywhere, and what scores less is found no more."""
    factors = numpy.full(len(CLASSES), 0.05)
    factors[FAT] *= faint
    first = (2 * COLOURS * factors[:, None]).reshape(len(CLASSES), 3, 1, 1)
    second = numpy.diag(20 * 0.05 / factors).reshape(len(CLASSES), len(CLASSES), 1, 1)
    write('net.json', json.dumps(RECORD))
    model(path, [node('Conv', 'image w0 b0', 'h', name='first'), node('Tanh', 'h', 't'),
                 node('Conv', 't w1', 'logits', name='second')],
          [info('image', F32, [1, 3, SIZE[1], SIZE[0]])],
          [info('logits', F32, [1, len(CLASSES), SIZE[1], SIZE[0]])],
          [weight('w0', first), weight('b0', -(COLOURS ** 2).sum(1) * factors),
           weight('w1', second)])
    return path


def gates(*rows):
    return write('gates.json', json.dumps({'gates': rows}))


def build(plan, *options, code=0, m='net.onnx'):
    return trocar('build', m, *INT8, '--tune', 0, '-o', plan, *options, code=code)


def layers(path='b.json'):
    return {layer['name']: layer for layer in read_json(path)['quantization']['layers']}


EACH_CLASS = {'metric': 'pooled-iou', 'of': '*', 'max_loss': 0.02, 'each': True}


@test
def integers_keep_the_gates():
    network()
    frames('seen')
    frames('unseen', seed=4000013)
    out = build('net.plan', '--calib', 'seen', '--eval', 'unseen', '--gate',
                gates({'metric': 'pooled-miou', 'max_loss': 0.01}, EACH_CLASS), '--json', 'b.json',
                '--html', 'b.html').out
    holds(out, '100.0 % of multiply-accumulates in integers', 'trial 1')
    result = read_json('b.json')['quantization']
    equal([layer['precision'] for layer in result['layers']], ['int8', 'int8'])
    equal([gate['pass'] for gate in result['gates']], [True, True])
    equal(result['samples'], 4)
    page = read('b.html')
    holds(page, 'Layers', 'Gates', 'Worst frames', 'net.plan.fp32', 'net.plan.int8',
          result['data_hash'])
    shown = [(name, float(value)) for name, value in
             re.findall(r'<h3>(.*): mean IoU (.*)</h3>', page)]
    listed = [(worst['picture'], round(worst['engines'][1]['mean-iou'], 3))
              for worst in result['worst_frames']]
    equal(listed, shown, 'worst frames')
    equal(len({worst['slice'] for worst in result['worst_frames']}), len(shown), 'slices')
    whole = read_json('b.json')
    holds(page, f'trocar {whole["version"]}, {whole["machine"]}.', whole['engine_hash'])
    equal([e['engine'] for e in result['worst_frames'][0]['engines']],
          ['net.plan.fp32', 'net.plan.int8'], 'engines')
    everything, = (g for g in result['groups'] if g['kind'] == 'all')
    equal(everything['metric'], 'pooled-miou')
    equal((everything['fp32'], everything['int8']),
          tuple(result['gates'][0][key] for key in ('first', 'value')), 'all frames')
    equal(sorted(f for f in os.listdir() if f.startswith('net.plan')), ['net.plan'])
    trocar('verify', 'net.plan')


@test
def a_dead_class_is_named():
    network(faint=0.001)
    frames('seen')
    build('net.plan', '--calib', 'seen')
    trocar('build', 'net.onnx', '--record', 'net.json', '--tune', 0, '-o', 'floats.plan')
    out = trocar('eval', 'seen', 'floats.plan', 'net.plan', '--gate', gates(EACH_CLASS), '--json',
                 'e.json', code=1).out
    holds(out, 'gate: net.plan: pooled-iou of outside, all frames: expected a loss of at most 0.02',
          ', found 0, of the first engine 0.8')
    gate, = (g for g in read_json('e.json')['gates'] if g['engine'] == 'net.plan')
    equal((gate['of'], gate['value'], gate['pass']), ('outside', 0, False))


@test
def layers_go_back_to_floats_until_gates_hold():
    network(faint=0.001)
    frames('seen')
    out = build('net.plan', '--calib', 'seen', '--eval', 'seen', '--gate', gates(EACH_CLASS),
                '--json', 'b.json').out
    holds(out, 'pooled-iou of outside', 'trial 2')
    found = layers()
    equal((found['h']['precision'], found['logits']['precision']), ('int8', 'float'))
    holds(found['logits']['why'], 'gates')
    if not found['logits']['damage'] > 10 * found['h']['damage']:
        raise Mismatch(f'expected more damage of the second layer, found {found}')
    again = trocar('eval', 'seen', 'net.plan', '--gate', gates(
        {'metric': 'pooled-iou', 'of': 'fat', 'min': 0.1})).out
    holds(again, 'pooled mIoU')


@test
def an_error_is_a_gate_without_truth():
    """Of classes: the share of pixels that got another one."""
    network(faint=0.001)
    frames('seen')
    out = build('net.plan', '--calib', 'seen', '--max-error', 0.05, '--json', 'b.json').out
    holds(out, 'expected at most 0.05 of it off the floats', 'trial 2')
    found = layers()
    equal((found['h']['precision'], found['logits']['precision']), ('int8', 'float'))
    holds(found['logits']['why'], 'gates')
    refused('build', 'net.onnx', '--record', 'net.json', '-o', 'net.plan', '--max-error', 0.1,
            says='--max-error: expected --precision int8')


@test
def gates_that_floats_miss_leave_no_plan():
    network()
    frames('seen')
    result = build('net.plan', '--calib', 'seen', '--eval', 'seen', '--gate',
                   gates({'metric': 'pooled-miou', 'min': 0.999}), code=1)
    holds(result.out, 'gate: net.plan.int8: pooled-miou, all frames: expected 0.999 or more')
    holds(result.err, 'without a single layer in integers', 'no plan was written')
    equal([f for f in os.listdir() if f.startswith('net.plan')], [])


@test
def a_calibration_is_of_one_model_and_its_data():
    network()
    frames('seen')
    frames('unseen', seed=4000013)
    build('a.plan', '--calib', 'seen', '--calibration', 'c.json')
    build('b.plan', '--calibration', 'c.json')
    equal(open('a.plan', 'rb').read() == open('b.plan', 'rb').read(), True, 'equal plans')
    kept = read_json('c.json')
    equal((kept['samples'], len(kept['layers'])), (4, 2))
    refused('build', 'net.onnx', *INT8, '-o', 'c.plan', '--calib', 'unseen', '--calibration',
            'c.json', says=['c.json', 'other data', kept['data']])
    network('other.onnx', faint=0.5)
    refused('build', 'other.onnx', *INT8, '-o', 'c.plan',
            '--calibration', 'c.json', says=['c.json', 'of another', kept['model']])
    kept['groups'][0]['tensors'] = ['nobody']
    write('c.json', json.dumps(kept))
    refused('build', 'net.onnx', *INT8, '-o', 'c.plan',
            '--calibration', 'c.json', says=['groups[0]', "'nobody'"])
    kept['groups'] = kept['groups'][1:]
    write('c.json', json.dumps(kept))
    refused('build', 'net.onnx', *INT8, '-o', 'c.plan',
            '--calibration', 'c.json', says=['expected the tensor', 'in groups'])


@test
def exported_integers_run_elsewhere():
    """Without the record, in ONNX Runtime as in our engine but for one quantum of the hidden layer:
    1 / 127, which the second layer takes 20 times."""
    need_ort()
    network()
    frames('seen')
    build('net.plan', '--calib', 'seen', '--onnx', 'q.onnx')
    exported = onnx.load('q.onnx')
    equal([i.name for i in exported.graph.input], ['image'])
    equal([o.name for o in exported.graph.output], ['logits'])
    kinds = [n.op_type for n in exported.graph.node]
    equal((kinds.count('QuantizeLinear'), kinds.count('DequantizeLinear')), (3, 5))
    trocar('compare', 'q.onnx', 'ort:q.onnx', '--random', 3, '--rtol', 0, '--atol', 20 / 127 + 1e-5)


@test
def sixteen_bits_are_judged_on_the_gpu():
    env = emulator()
    network()
    frames('seen')
    base = ['build', 'net.onnx', '--record', 'net.json', '--tune', 0, '-o', 'net.plan', '--device',
            'cpu,cuda', '--precision', 'fp16', '--eval', 'seen']
    trocar(*base, '--gate', gates({'metric': 'pooled-miou', 'max_loss': 0.02}), '--json', 'b.json',
           '--html', 'b.html', env=env)
    gate, = read_json('b.json')['gates']
    equal((gate['pass'], gate['engine']), (True, 'net.plan.fp16'))
    worst, = read_json('b.json')['worst_frames']
    equal([e['engine'] for e in worst['engines']], ['net.plan.fp32', 'net.plan.fp16'])
    holds(read('b.html'), 'net.plan.fp32', 'net.plan.fp16')
    holds(trocar('inspect', 'net.plan', env=env).out, 'fp16')
    equal([f for f in os.listdir() if f.startswith('net.plan')], ['net.plan'])
    os.remove('net.plan')
    result = trocar(*base, '--gate', gates({'metric': 'pooled-miou', 'min': 0.999}), code=1,
                    env=env)
    holds(result.err, 'a gate was not passed; no plan was written')
    equal([f for f in os.listdir() if f.startswith('net.plan')], [])
    refused(*base[:8], '--precision', 'fp16', '--device', 'sm_90', '--eval', 'seen', '--gate',
            'gates.json', says='--eval: expected --precision int8, or --device cuda')


@test
def what_data_lack_is_said():
    network()
    frames('seen', '--strengths', '0.5', '--cameras')
    err = build('net.plan', '--calib', 'seen').err
    holds(err, 'at least 200 frames of each', '4 of smoke')
    if 'no frames of' in err:
        raise Mismatch(f'expected all kinds of disturbance, found {err}')
    kept = [line for line in read('seen/frames.jsonl').splitlines()
            if json.loads(line)['slice'] in ('clean', 'glare-0.5', 'defocus-0.5')]
    write('seen/frames.jsonl', '\n'.join(kept) + '\n')
    err = build('net.plan', '--calib', 'seen').err
    holds(err, 'at least 5 kinds of disturbance', 'found 2', 'no frames of bleeding, smoke',
          'several makes of camera')


def uneven(path='uneven.onnx'):
    """Two convolutions; channels between them reach from 1 to 1000 times as far as each other."""
    rng = numpy.random.default_rng(1)
    reach = 10.0 ** (numpy.arange(16) * 7 % 16 / 5)
    model(path, [node('Conv', 'x w0 b0', 'h'), node('Relu', 'h', 'r'), node('Conv', 'r w1', 'y')],
          [info('x', F32, [1, 8, 12, 12])], [info('y', F32, [1, 4, 12, 12])],
          [weight('w0', rng.standard_normal((16, 8, 1, 1)) * reach[:, None, None, None]),
           weight('b0', rng.standard_normal(16) * reach),
           weight('w1', rng.standard_normal((4, 16, 1, 1)) / reach[:, None, None])])
    return path


def tensors(folder, n, shape=(1, 8, 12, 12), seed=0):
    os.makedirs(folder, exist_ok=True)
    for i in range(n):
        values = numpy.random.default_rng(seed + i).standard_normal(shape)
        numpy.save(f'{folder}/{i}.npy', values.astype('float32'))
    return folder


@test
def channels_are_scaled():
    m = uneven()
    tensors('seen', 8)
    tensors('unseen', 4, seed=100)
    options = ('--precision', 'int8', '--calib', 'seen', '--tune', 0)
    out = trocar('build', m, *options, '-o', 'a.plan', '--calibration', 'c.json', '--json',
                 'b.json', '--html', 'b.html').out
    holds(out, 'channels of', 'off before')
    holds(read('b.html'), 'Scaled channels')
    equal(read_json('b.json')['quantization']['repairs'][0]['from'], 'h')
    repair = read_json('c.json')['repairs'][0]
    equal(repair['from'], 'h')
    if not repair['after'] < repair['before'] / 10:
        raise Mismatch(f'expected a tenth of the error, found {repair}')
    trocar('verify', 'a.plan')
    write('gates', 'max_rel <= 0.05\nrmse <= 0.1\n')
    trocar('compare', m, 'a.plan', '--data', 'unseen', '--gate', 'gates')
    trocar('build', m, '--precision', 'int8', '--tune', 0, '-o', 'b.plan', '--calibration',
           'c.json')
    equal(open('a.plan', 'rb').read() == open('b.plan', 'rb').read(), True, 'equal plans')


@test
def bad_samples_are_refused():
    m = uneven()
    options = ('--precision', 'int8', '-o', 'net.plan', '--calib')
    refused('build', m, *options, tensors('narrow', 1, (1, 7, 12, 12)),
            says=["'x'", 'f32[1,8,12,12]', 'f32[1,7,12,12]'])
    tensors('holes', 1)
    holed = numpy.load('holes/0.npy')
    holed[0, 3, 5, 5] = numpy.nan
    numpy.save('holes/0.npy', holed)
    refused('build', m, *options, 'holes', says=['finite', "'x'", 'NaN'])
    equal(os.path.exists('net.plan'), False, 'a plan')


@test
def no_data_no_integers():
    network()
    os.mkdir('empty')
    for options, says in (
            ((), 'found none: without data there are no integers'),
            (('--calib', 'empty'), 'empty: expected pictures'),
            (('--calib', 'nowhere'), 'nowhere'),
            (('--calib', 'empty', '--gate', 'g.json'), '--eval DATA and --gate FILE')):
        refused('build', 'net.onnx', *INT8, '-o', 'net.plan', *options, says=says)
    refused('build', 'net.onnx', '-o', 'net.plan', '--eval', 'empty', '--gate', 'g.json',
            says='--eval: expected --precision int8')
    equal(os.path.exists('net.plan'), False, 'a plan')


def outputs(plan, device, env):
    """Of a picture of the data "seen"."""
    picture = next(iter(sorted(glob.glob('seen/**/*.ppm', recursive=True))))
    trocar('run', plan, '-i', picture, '--device', device, '-o', device, env=env)
    return [numpy.load(f'{device}/{f}') for f in sorted(os.listdir(device)) if f.endswith('.npy')]


@test
def networks_decide_on_a_gpu_as_on_the_cpu():
    """Convolutions, resizing and tables are the same integers there: labels of pixels and
    detections are the same bytes."""
    env = emulator()
    frames('seen')
    for name in ('unet_small', 'detector_small'):
        path = os.path.join(ROOT, 'models', 'endoscopy_' + name)
        trocar('build', path + '.onnx', '--record', path + '.json', '--precision', 'int8',
               '--calib', 'seen', '--device', 'cpu,cuda', '--tune', 0, '--golden', 0, '-o',
               name + '.plan', env=env)
        cpu, gpu = (outputs(name + '.plan', device, env) for device in ('cpu', 'cuda'))
        equal(len(cpu) > 0, True, f'{name}: outputs')
        for a, b in zip(cpu, gpu):
            if numpy.issubdtype(a.dtype, numpy.floating):  # of functions behind the integers
                equal(numpy.allclose(a, b, rtol=1e-5), True, f'{name}: nearly the same on both')
            else:
                equal(a.tobytes() == b.tobytes() and a.any(), True, f'{name}: the same on both')


if __name__ == '__main__':
    main()
