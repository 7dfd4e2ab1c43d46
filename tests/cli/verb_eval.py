#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar eval: figures against NumPy, gates, shards, outputs of others."""
import json
import os

import numpy
from PIL import Image

from _eval_kit import (CLASSES, MODEL, RECORD, SIZE, SMALL, colour_model, evaluate, group, lines,
                       metric, near, pixels, sim, write_model, write_record)
from _kit import equal, holds, main, need_ort, test, trocar


@test
def figures_of_masks():
    """The engine's own classes, run frame by frame, judged here."""
    colour_model()
    sim('--cameras')
    result = evaluate()
    sums = numpy.zeros((CLASSES, 3))
    means = []
    for frame in lines():
        trocar('run', 'small.onnx', '--record', 'small.json', '-i',
               os.path.join('set', frame['picture']), '-o', 'out')
        found = numpy.load('out/output_0.npy').reshape(SIZE[1], SIZE[0])
        truth = pixels(os.path.join('set', frame['label']))
        areas = numpy.array([[(both := (truth == k) & (found == k)).sum(),
                              (found == k).sum() - both.sum(), (truth == k).sum() - both.sum()]
                             for k in range(CLASSES)])
        sums += areas
        there = areas.sum(1) > 0
        means.append((areas[there, 0] / areas[there].sum(1)).mean())
    everything = group(result, 'all')
    near(everything['pooled-miou'], (sums[:, 0] / sums.sum(1)).mean(), 'pooled mIoU')
    near(metric(everything, 'mean-iou')['mean'], numpy.mean(means), 'mean of mean IoU')
    near(metric(everything, 'mean-iou')['worst'], min(means), 'worst mean IoU')
    equal(metric(everything, 'mean-iou')['worst_frame'],
          lines()[int(numpy.argmin(means))]['picture'], 'worst frame')
    equal(result['pass'], True, 'pass without gates')


@test
def slices_and_gates():
    colour_model()
    sim('--strengths', '0.5')
    gates = [{'metric': 'pooled-miou', 'slice': 'clean', 'min': 0.1},
             {'metric': 'iou', 'of': 'liver', 'slice': 'clean', 'statistic': 'median', 'max': 1}]
    with open('gates.json', 'w', encoding='utf-8') as f:
        json.dump({'gates': gates}, f)
    result = evaluate('--gate', 'gates.json', '--html', 'page.html')
    with open('page.html', encoding='utf-8') as f:
        page = f.read()
    holds(page, 'Over the strength', 'Worst frames', 'smoke-0.5', 'data:image/png;base64,')
    equal([g['pass'] for g in result['gates']], [True, True], 'gates')
    equal(len([g for g in result['groups'] if g['kind'] == 'slice']), 16, 'slices')
    gates.append({'metric': 'hd95', 'of': 'liver', 'slice': 'smoke-0.5', 'max': 0.1})
    with open('gates.json', 'w', encoding='utf-8') as f:
        json.dump({'gates': gates}, f)
    equal([g['pass'] for g in evaluate('--gate', 'gates.json', code=1)['gates']],
          [True, True, False], 'gates')


@test
def a_gate_of_many_slices():
    """The mean over slices of half strength, each by itself; frames out of the body have no masks,
    so that slice has fewer of them and may have none."""
    colour_model()
    sim('--strengths', '0.5,1')
    gates = [{'metric': 'pooled-miou', 'slice': '*-0.5', 'min': 0},
             {'metric': 'iou', 'of': 'liver', 'slice': '*-1', 'min': 0},
             {'metric': 'iou', 'of': 'liver', 'procedure': '*', 'min': 0},
             {'metric': 'iou', 'of': 'liver', 'slice': '*-2', 'min': 0},
             {'metric': 'pooled-miou', 'engine': 'small.onnx', 'max': 0.1},
             {'metric': 'pooled-miou', 'engine': 'other.onnx', 'max': 0.1}]
    with open('gates.json', 'w', encoding='utf-8') as f:
        json.dump({'gates': gates}, f)
    result = evaluate('--gate', 'gates.json', code=1, says=[
        'gate: small.onnx: iou of liver, slice *-2: expected 0 or more, found no value\n',
        'gate: small.onnx: pooled-miou, all frames: expected 0.1 or less, found 0.'])
    slices = [g for g in result['groups'] if g['kind'] == 'slice']
    half = [g['pooled-miou'] for g in slices if g['group'].endswith('-0.5')]
    full = [metric(g, 'iou', 'liver')['mean'] for g in slices if g['group'].endswith('-1')]
    equal((len(half), len(full)), (15, 15), 'slices')
    found = [g['value'] for g in result['gates']]
    near(found[0], numpy.mean([v for v in half if v is not None]), 'pooled mIoU at half strength')
    near(found[1], numpy.mean([v for v in full if v is not None]), 'IoU at full strength')
    procedures = [metric(g, 'iou', 'liver')['mean'] for g in result['groups']
                  if g['kind'] == 'procedure']
    near(found[2], numpy.mean(procedures), 'IoU of procedures')
    equal([g['pass'] for g in result['gates']], [True, True, True, False, False], 'gates')


@test
def shards_join_exactly():
    colour_model()
    sim('--cameras')
    whole = evaluate('--rows', 'rows')
    parts = []
    for i in range(2):
        parts += ['--merge', f'rows{i}']
        trocar('eval', *SMALL, '--shard', f'{i}/2', '--rows', f'rows{i}')
    merged = evaluate(*parts)
    for side in (whole, merged):  # times are of their own runs
        for g in side['groups']:
            g.pop('latency_p50_ms'), g.pop('latency_p99_ms'), g.pop('fps')
        side.pop('engines')
    equal(merged, whole, 'report of two shards')
    err = trocar('eval', *SMALL, '--merge', 'rows0', code=2).err
    holds(err, 'rows of all shards')
    err = trocar('eval', *SMALL, '--merge', 'rows0', '--merge', 'rows0', code=2).err
    holds(err, 'each frame once')
    err = trocar('eval', *SMALL, '--merge', 'rows0', '--limit', 3, code=2).err
    holds(err, 'the same data set and engines')
    with open('rows0', 'rb') as f:
        rows = f.read()
    with open('cut', 'wb') as f:
        f.write(rows[:-3])
    err = trocar('eval', *SMALL, '--merge', 'cut', code=2).err
    holds(err, 'ends too early')


def pooled(*engine):
    trocar('eval', 'set', *engine, '--json', 'eval.json')
    with open('eval.json', encoding='utf-8') as f:
        return group(json.load(f), 'all')['pooled-miou']


@test
def plan_brings_its_record():
    sim(size=(256, 144))
    trocar('build', MODEL, '--record', RECORD, '-o', 'net.plan', '--tune', 0)
    want, found = pooled(MODEL, '--record', RECORD), pooled('net.plan')
    near(found, want, 'pooled mIoU', 1e-3)
    equal(want > 0.9, True, 'a network that learned from such pictures')
    holds(trocar('eval', 'set', MODEL, code=2).err, 'expected a record')


@test
def onnx_runtime_beside_it():
    """The record around an engine that does not know it: the same figures, masks may differ in
    pixels where two classes score alike."""
    need_ort()
    colour_model()
    sim()
    near(pooled('ort:small.onnx', '--record', 'small.json'),
         pooled('ref:small.onnx', '--record', 'small.json'), 'pooled mIoU of ONNX Runtime', 1e-3)


@test
def differences_are_of_the_same_frames():
    """Three procedures of one frame each: an interval of differences, not a difference of
    intervals."""
    os.makedirs('three')
    Image.fromarray(numpy.zeros((8, 10, 3), numpy.uint8)).save('three/a.png')
    with open('three/frames.jsonl', 'w', encoding='utf-8') as f:
        for i in range(3):
            depth = 10 * (i + 1)
            Image.fromarray(numpy.full((8, 10), 100 * depth, numpy.uint16)).save(f'three/{i}.png')
            f.write(json.dumps({'picture': 'a.png', 'depth': f'{i}.png', 'procedure': i,
                                'frame': 0}) + '\n')
    for name, depth in (('one', 10), ('two', 14)):
        write_model(name, {'d': numpy.full((1, 1, 8, 10), depth)})
    write_record('one', {'d': {'decode': 'linear'}})
    trocar('eval', 'three', 'one.onnx', 'two.onnx', '--record', 'one.json', '--json', 'eval.json')
    with open('eval.json', encoding='utf-8') as f:
        groups = json.load(f)['groups']
    found = metric(groups[len(groups) // 2], 'rms-depth', 'd')
    deltas = numpy.array([4, 6 - 10, 16 - 20])
    near(found['delta'], deltas.mean(), 'mean of the differences')
    near(found['delta_low'], deltas.min(), 'low: one procedure three times')
    near(found['delta_high'], deltas.max(), 'high')


# ---- outputs of others ---------------------------------------------------------------------


def record_outputs(name, runner='small.onnx', convert=lambda logits: logits):
    """What a run gives for each picture of the set, before it is decoded."""
    with open('small.json', encoding='utf-8') as f:
        inputs = {'inputs': json.load(f)['inputs']}
    with open('inputs.json', 'w', encoding='utf-8') as f:
        json.dump(inputs, f)
    for line in lines():
        trocar('run', runner, '--record', 'inputs.json', '-i', os.path.join('set', line['picture']),
               '-o', 'out')
        path = os.path.join(name, os.path.splitext(line['picture'])[0] + '.logits.npy')
        os.makedirs(os.path.dirname(path), exist_ok=True)
        numpy.save(path, convert(numpy.load('out/output_0.npy')))
    return path


@test
def recorded_outputs_beside_an_engine():
    colour_model()
    sim()
    record_outputs('logits')
    record_outputs('labels', convert=lambda logits: logits.argmax(1).astype(numpy.uint8))
    last = record_outputs('none', convert=numpy.zeros_like)
    trocar('eval', 'set', 'small.onnx', 'recorded:logits', 'recorded:labels', 'recorded:none',
           '--record', 'small.json', '--json', 'eval.json', '--html', 'page.html')
    with open('eval.json', encoding='utf-8') as f:
        result = json.load(f)
    alls = [g for g in result['groups'] if g['kind'] == 'all']
    equal([g['delta'].get('pooled-miou') for g in alls[:3]], [None, 0, 0], 'deltas')
    equal(alls[3]['delta']['pooled-miou'] < -0.1, True, 'zeros are worse')
    equal(alls[1]['metrics'], [{**m, 'delta': 0, 'delta_low': 0, 'delta_high': 0} if m['frames']
                               else {**m, 'delta': None, 'delta_low': None, 'delta_high': None}
                               for m in alls[0]['metrics']], 'metrics')
    equal((alls[1]['latency_p50_ms'], alls[1]['fps']), (None, None), 'times of recorded outputs')
    holds(result['engines'][1]['energy_missing'], 'recorded')
    # Alone: the record comes with the command, sizes with the frames.
    trocar('eval', 'set', 'recorded:logits', '--record', 'small.json', '--json', 'eval.json')
    with open('eval.json', encoding='utf-8') as f:
        near(group(json.load(f), 'all')['pooled-miou'], alls[0]['pooled-miou'], 'alone')
    holds(trocar('eval', 'set', 'recorded:logits', code=2).err, 'expected --record FILE')
    numpy.save(last, numpy.zeros((1, 2, 3), numpy.float32))
    holds(trocar('eval', *SMALL, 'recorded:none', code=2).err, last, 'as in the frame before')
    os.remove(last)
    holds(trocar('eval', *SMALL, 'recorded:none', code=2).err, last)


@test
def recorded_positions():
    """Points of heat maps in pixels of a frame that is three times as large as the network's
    input: by the size of the model's input, and of the plan's, which takes frames."""
    os.makedirs('one')
    Image.fromarray(numpy.zeros((24, 30, 3), numpy.uint8)).save('one/a.b.png')
    tip = {'visible': True, 'px': [13.5, 16.5]}
    with open('one/frames.jsonl', 'w', encoding='utf-8') as f:
        f.write(json.dumps({'picture': 'a.b.png', 'procedure': 'p', 'frame': 0, 'truth': {
            'instruments': [{'instance': 1, 'kind': 'hook', 'box': [0, 0, 9, 9], 'tip': tip,
                             'wrist': {**tip, 'visible': False}}]}}) + '\n')
    heat = numpy.zeros((1, 2, 4, 5), numpy.float32)
    heat[0, 0, 2, 2] = 1
    write_model('net', {'head/heat': heat})
    with open('net.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'x': {'format': 'rgb8', 'source': [24, 30], 'resize': 'stretch'}},
                   'outputs': {'head/heat': {'decode': 'peaks', 'names': ['tip-1', 'wrist-1'],
                                             'space': 'frame', 'refine': 'none',
                                             'threshold': 0.5}}}, f)
    trocar('build', 'net.onnx', '--record', 'net.json', '-o', 'net.plan', '--tune', 0)
    os.makedirs('heat')
    numpy.save('heat/a.b.head_heat.npy', heat)
    for engine in ('net.onnx', 'net.plan'):
        trocar('eval', 'one', 'recorded:heat', engine, '--record', 'net.json', '--json',
               'eval.json')
        with open('eval.json', encoding='utf-8') as f:
            groups = json.load(f)['groups']
        for found in (g for g in groups if g['kind'] == 'all'):
            # Element 2, 2 of 5 x 4 covers 12 to 18, 12 to 18: its centre is 15, 15.
            near(metric(found, 'point-error', 'tip-1')['mean'], 1.5 * 2 ** 0.5, 'error')
            near(metric(found, 'point-recall', 'tip-1')['mean'], 1, 'recall')
            equal(metric(found, 'point-recall', 'wrist-1')['frames'], 0, 'what is hidden')
    holds(trocar('eval', 'one', 'recorded:heat', '--record', 'net.json', code=2).err,
          'the record resizes frames')


if __name__ == '__main__':
    main()
