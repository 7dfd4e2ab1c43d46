#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar eval: figures against NumPy, gates, shards, other people's data sets."""
import base64
import io
import json
import os
import re

import numpy
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from _kit import ROOT, Mismatch, emulator, equal, holds, main, need_ort, test, trocar

MODEL = os.path.join(ROOT, 'models', 'endoscopy_unet.onnx')
RECORD = os.path.join(ROOT, 'models', 'endoscopy_unet.json')
NAMES = ['outside', 'abdominal-wall', 'liver', 'gallbladder', 'fat', 'bowel', 'artery',
         'instrument-shaft', 'instrument-wrist', 'instrument-tip']
CLASSES = len(NAMES)
SIZE = (64, 48)


def sim(*options, size=SIZE):
    trocar('sim', 'dataset', '-o', 'set', '--size', '{}x{}'.format(*size), '--procedures', 2,
           '--frames', 1, '--seed', 4000003, '--format', 'ppm', *options)


def colour_model():
    """small.onnx: classes by the colour of each pixel, after the simulator's palette of tissue."""
    with open(RECORD, encoding='utf-8') as f:
        record = json.load(f)
    record['inputs']['image'] = {'format': 'rgb8', 'scale': 1 / 255}
    record['outputs']['logits']['names'] = NAMES
    with open('small.json', 'w', encoding='utf-8') as f:
        json.dump(record, f)
    colours = numpy.array([[0, 0, 0], [.7, .4, .4], [.5, .2, .2], [.7, .7, .5], [.8, .6, .2],
                           [.85, .6, .55], [.6, .2, .15], [.3, .3, .3], [.55, .5, .5],
                           [.8, .75, .75]], numpy.float32)
    weights = (2 * colours).reshape(CLASSES, 3, 1, 1)  # -|x - c|^2 but for |x|^2
    graph = helper.make_graph(
        [helper.make_node('Conv', ['image', 'w', 'b'], ['logits'])], 'small',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 3, SIZE[1], SIZE[0]])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT,
                                       [1, CLASSES, SIZE[1], SIZE[0]])],
        [numpy_helper.from_array(weights, 'w'),
         numpy_helper.from_array(-(colours ** 2).sum(1), 'b')])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    with open('small.onnx', 'wb') as f:
        f.write(model.SerializeToString())


SMALL = ('set', 'small.onnx', '--record', 'small.json')


def evaluate(*options, code=0, says=()):
    holds(trocar('eval', *SMALL, '--json', 'eval.json', *options, code=code).out, *says)
    with open('eval.json', encoding='utf-8') as f:
        return json.load(f)


def group(result, kind, name=''):
    return next(g for g in result['groups'] if (g['kind'], g['group']) == (kind, name))


def metric(found, name, of=''):
    return next(m for m in found['metrics'] if (m['metric'], m['of']) == (name, of))


def near(found, want, what, tolerance=1e-9):
    if not abs(found - want) <= tolerance:
        raise Mismatch(f'{what}: expected {want}, found {found}')


def pixels(path):
    with Image.open(path) as picture:
        return numpy.array(picture)


def lines():
    with open('set/frames.jsonl', encoding='utf-8') as f:
        return [json.loads(line) for line in f]


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


# ---- data sets of others -------------------------------------------------------------------


def write_model(name, outputs, height=8, width=10):
    """A model that gives the same outputs whatever it sees; 0 * the picture keeps it an input."""
    nodes = [helper.make_node('ReduceSum', ['x'], ['s'], keepdims=0),
             helper.make_node('Mul', ['s', 'zero'], ['z'])]
    constants = [numpy_helper.from_array(numpy.float32(0), 'zero')]
    for key, value in outputs.items():
        constants.append(numpy_helper.from_array(value.astype(numpy.float32), f'{key}_c'))
        nodes.append(helper.make_node('Add', [f'{key}_c', 'z'], [key]))
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in outputs.items()],
        constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    with open(f'{name}.onnx', 'wb') as f:
        f.write(model.SerializeToString())


def write_record(name, outputs):
    with open(f'{name}.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'x': {'format': 'rgb8'}}, 'outputs': outputs}, f)


def run(data, name):
    trocar('eval', data, f'{name}.onnx', '--record', f'{name}.json', '--json', 'eval.json')
    with open('eval.json', encoding='utf-8') as f:
        return json.load(f)


@test
def masks_of_a_folder():
    os.makedirs('polyps/images')
    os.makedirs('polyps/masks')
    truth = numpy.zeros((8, 10), numpy.uint8)
    truth[2:6, 3:8] = 255
    for i in range(2):
        Image.fromarray(numpy.zeros((8, 10, 3), numpy.uint8)).save(f'polyps/images/{i}.jpg')
        Image.fromarray(truth).save(f'polyps/masks/{i}.png')
    logits = numpy.zeros((1, 2, 8, 10))
    logits[0, 1, 2:6, 3:7] = 1
    write_model('net', {'y': logits})
    write_record('net', {'y': {'decode': 'classes', 'names': ['background', 'foreground']}})
    everything = group(run('polyps', 'net'), 'all')
    near(metric(everything, 'iou', 'foreground')['mean'], 16 / 20, 'IoU')
    near(metric(everything, 'dice', 'foreground')['mean'], 32 / 36, 'Dice')
    os.remove('polyps/masks/1.png')
    holds(trocar('eval', 'polyps', 'net.onnx', '--record', 'net.json', code=2).err,
          'expected masks/1.png')


@test
def masks_of_a_video():
    """Frames 9 and 10 follow each other, whatever the order of their names."""
    os.makedirs('videos/video01/video01_00009')
    truth = numpy.zeros((8, 10), numpy.uint8)
    for i in (9, 10, 12):
        path = f'videos/video01/video01_00009/frame_{i}_endo'
        truth[2, i - 9] = 7
        Image.fromarray(numpy.zeros((8, 10, 3), numpy.uint8)).save(path + '.png')
        Image.fromarray(truth).save(path + '_watershed_mask.png')
    logits = numpy.zeros((1, 2, 8, 10))
    logits[0, 1, 2] = 1
    write_model('net', {'y': logits})
    write_record('net', {'y': {'decode': 'classes', 'names': ['background', 'foreground']}})
    everything = group(run('videos', 'net'), 'all')
    found = metric(everything, 'true-temporal-iou')
    equal((found['frames'], metric(everything, 'iou', 'foreground')['frames']), (1, 3), 'frames')
    near(found['mean'], (78 / 79 + 1 / 2) / 2, 'likeness of the truth')
    near(metric(everything, 'temporal-iou')['mean'], 1, 'likeness of what was found')


@test
def boxes_of_coco():
    os.makedirs('coco')
    for i in (1, 2):
        Image.fromarray(numpy.zeros((8, 10, 3), numpy.uint8)).save(f'coco/{i}.png')
    images = [{'id': i, 'file_name': f'{i}.png', 'width': 10, 'height': 8} for i in (1, 2)]
    data = {'images': images,
            'categories': [{'id': 7, 'name': 'clip'}, {'id': 9, 'name': 'hook'}],
            'annotations': [{'image_id': 1, 'category_id': 7, 'bbox': [1, 1, 4, 4]},
                            {'image_id': 2, 'category_id': 7, 'bbox': [1, 1, 4, 4]},
                            {'image_id': 2, 'category_id': 9, 'bbox': [5, 2, 4, 4]},
                            {'image_id': 2, 'category_id': 9, 'bbox': [0, 0, 9, 8], 'iscrowd': 1}]}
    with open('coco/truth.json', 'w', encoding='utf-8') as f:
        json.dump(data, f)
    # One detection, a clip that is right in both pictures: AP of clip 1, of hook 0.
    write_model('net', {'y': numpy.array([[3, 3, 4, 4, 0.9, 0.1]]).reshape(1, 6, 1)})
    write_record('net', {'y': {'decode': 'boxes', 'names': ['clip', 'hook']}})
    everything = group(run('coco/truth.json', 'net'), 'all')
    near(everything['map50'], 0.5, 'mAP50')
    near(everything['map'], 0.5, 'mAP')
    near(metric(everything, 'box-recall')['mean'], 0.75, 'recall')
    near(metric(everything, 'box-precision')['mean'], 1, 'precision')


def write_coco(annotations, categories=('clip', 'hook'), width=10, height=8):
    os.makedirs('coco', exist_ok=True)
    Image.fromarray(numpy.zeros((8, 10, 3), numpy.uint8)).save('coco/1.png')
    data = {'images': [{'id': 1, 'file_name': '1.png', 'width': width, 'height': height}],
            'categories': [{'id': 7 + i, 'name': name} for i, name in enumerate(categories)],
            'annotations': [{'image_id': 1, **a} for a in annotations]}
    with open('coco/truth.json', 'w', encoding='utf-8') as f:
        json.dump(data, f)


@test
def segmentations_of_coco():
    """A polygon, one of two parts, and runs on top of them; the boxes come from the corners."""
    runs = {'size': [8, 10], 'counts': [16, 3, 5, 3, 53]}  # columns 2 and 3, rows 0 to 2
    write_coco([{'category_id': 7, 'segmentation': [[1, 1, 6, 1, 6, 5, 1, 5]]},
                {'category_id': 8, 'segmentation': [[7, 0, 9, 0, 9, 3, 7, 3],
                                                    [7, 5, 9, 5, 9, 8, 7, 8]]},
                {'category_id': 8, 'iscrowd': 1, 'segmentation': runs}])
    truth = numpy.zeros((8, 10), int)
    truth[1:5, 1:6] = 1
    truth[0:3, 7:9] = truth[5:8, 7:9] = truth[0:3, 2:4] = 2
    found = numpy.zeros((8, 10), int)
    found[0:4, 1:8] = 1
    found[0:3, 2:4] = 2
    boxes = numpy.array([[3.5, 3, 5, 4, .9, .1], [8, 4, 2, 8, .1, .8]]).T.reshape(1, 6, 2)
    write_model('net', {'y': numpy.eye(3)[found].transpose(2, 0, 1)[None], 'b': boxes})
    write_record('net', {'y': {'decode': 'classes', 'names': ['background', 'clip', 'hook']},
                         'b': {'decode': 'boxes', 'names': ['clip', 'hook']}})
    everything = group(run('coco/truth.json', 'net'), 'all')
    for k, name in enumerate(('background', 'clip', 'hook')):
        both = ((truth == k) & (found == k)).sum()
        near(metric(everything, 'iou', name)['mean'],
             both / ((truth == k) | (found == k)).sum(), name)
    near(everything['map50'], 1, 'mAP50 of boxes from corners')


@test
def bad_segmentations():
    write_model('net', {'y': numpy.zeros((1, 3, 8, 10))})
    write_record('net', {'y': {'decode': 'classes', 'names': ['background', 'clip', 'hook']}})

    def refused(segmentation, says, **size):
        write_coco([{'category_id': 7, 'bbox': [0, 0, 1, 1], 'segmentation': segmentation}], **size)
        holds(trocar('eval', 'coco/truth.json', 'net.onnx', '--record', 'net.json', code=2).err,
              says)

    refused([1, 1, 2, 2, 3, 3], 'segmentation[0]: expected a list of numbers, found an integer')
    refused([[[1, 1, 2, 2, 3, 3]]], 'expected a number, found a list')
    refused([[1, 1, 2, 2]], 'three corners and more, found 4 numbers')
    refused([[1, 1, 2, 2, 3, 3, 4]], 'three corners and more, found 7 numbers')
    refused([[1, 1, 2, 2, 3, 1e300]], 'coordinates of at most 1e+06')
    refused([[1, 1, 2, 2, 3, float('nan')]], 'expected JSON')
    refused([[1, 1, 2, 2, 3, None]], 'expected a number, found null')
    refused(3, 'expected a list of polygons, or an object of size and counts')
    refused({'size': [8, 10], 'counts': 'abc'}, 'counts: expected a list of numbers, found a text')
    refused({'size': [8, 10], 'counts': [79]}, 'expected 80 pixels together, found 79')
    refused({'size': [8, 10], 'counts': [-1, 81]}, 'expected numbers of pixels, found -1')
    refused({'size': [8, 10], 'counts': [0.5, 79.5]}, 'expected numbers of pixels, found 0.5')
    refused({'size': [10, 8], 'counts': [80]}, "expected runs of the picture's size")
    refused({'size': [99999, 8], 'counts': [80]}, 'expected 1 to 32767')
    refused({'counts': [80]}, 'expected the keys size and counts')
    refused([[1, 1, 2, 2, 3, 3]], 'expected 1 to 32767', width=10 ** 9)
    refused([[1, 1, 2, 2, 3, 3]], 'pixels, found 32767 x 32767', width=32767, height=32767)


@test
def points_and_depths():
    """A frame with one landmark at pixel 6, 3 (centre 6.5, 3.5) and a depth of 50 mm."""
    os.makedirs('one')
    Image.fromarray(numpy.zeros((8, 10, 3), numpy.uint8)).save('one/a.png')
    Image.fromarray(numpy.full((8, 10), 5000, numpy.uint16)).save('one/d.png')
    line = {'picture': 'a.png', 'depth': 'd.png', 'procedure': 'p', 'frame': 0,
            'truth': {'out_of_body': False, 'bleeding': False, 'instruments': [],
                      'landmarks': {'neck': {'visible': True, 'px': [6.5, 3.5]},
                                    'fundus': {'visible': True, 'px': [1, 1]}}}}
    with open('one/frames.jsonl', 'w', encoding='utf-8') as f:
        f.write(json.dumps(line) + '\n')
    heat = numpy.zeros((1, 2, 8, 10))
    heat[0, 0, 3, 9] = 1
    write_model('net', {'h': heat, 'd': numpy.full((1, 1, 8, 10), 4.0)})
    write_record('net', {'h': {'decode': 'peaks', 'names': ['neck', 'fundus'], 'refine': 'none',
                               'threshold': 0.5},
                         'd': {'decode': 'linear', 'scale': 10, 'offset': 5}})
    everything = group(run('one', 'net'), 'all')
    near(metric(everything, 'point-error', 'neck')['mean'], 3, 'error')
    near(metric(everything, 'point-recall', 'neck')['mean'], 1, 'recall')
    near(metric(everything, 'point-recall', 'fundus')['mean'], 0, 'recall of what is not found')
    near(metric(everything, 'abs-rel', 'd')['mean'], 0.1, 'depth')
    near(metric(everything, 'rms-depth', 'd')['mean'], 5, 'depth')


@test
def positions_in_larger_pictures():
    """Pictures of 20 x 24 before a network of 10 x 8: what it finds is judged in their pixels."""
    os.makedirs('large')
    for ending in ('png', 'ppm'):
        Image.fromarray(numpy.zeros((24, 20, 3), numpy.uint8)).save('large/a.' + ending)
    tool = {'instance': 1, 'kind': 'hook', 'box': [4, 6, 12, 18],
            'tip': {'visible': True, 'px': [13, 10.5]}}
    with open('large/frames.jsonl', 'w', encoding='utf-8') as f:
        for i, ending in enumerate(('png', 'ppm')):
            f.write(json.dumps({'picture': 'a.' + ending, 'procedure': 'p', 'frame': i,
                                'truth': {'instruments': [tool]}}) + '\n')
    heat = numpy.zeros((1, 1, 8, 10), numpy.float32)
    heat[0, 0, 3, 6] = 1  # its centre is 6.5, 3.5
    write_model('net', {'h': heat, 'b': numpy.array([4, 4, 4, 4, 1.0]).reshape(1, 5, 1)})
    outputs = {'h': {'decode': 'peaks', 'names': ['tip-1'], 'space': 'network', 'refine': 'none'},
               'b': {'decode': 'boxes', 'names': ['hook']}}
    write_record('net', outputs)
    trocar('build', 'net.onnx', '--record', 'net.json', '-o', 'net.plan', '--tune', 0)
    for kind, extra in (('rgb8', {}), ('nv12', {'matrix': 'bt709', 'range': 'full'})):
        with open('net.json', 'w', encoding='utf-8') as f:
            json.dump({'inputs': {'x': {'format': kind, **extra}}, 'outputs': outputs}, f)
        for engine in ('net.onnx', 'net.plan') if kind == 'rgb8' else ('net.onnx',):
            trocar('eval', 'large', engine, '--record', 'net.json', '--json', 'eval.json')
            with open('eval.json', encoding='utf-8') as f:
                everything = group(json.load(f), 'all')
            near(metric(everything, 'point-error', 'tip-1')['worst'], 0, f'{engine} {kind}', 1e-5)
            near(everything['map'], 1, f'{engine} {kind}: box')
    with open('net.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'x': {'format': 'rgb8', 'source': [24, 20], 'resize': 'letterbox'}},
                   'outputs': outputs}, f)
    holds(trocar('eval', 'large', 'net.onnx', '--record', 'net.json', code=2).err,
          'expected space frame')


# ---- states --------------------------------------------------------------------------------

TAKES = {('a', 'p'): [10, 60, 200], ('a', 'q'): [90], ('b', 'p'): [30, 30, 0, 250]}
DEPTH = 50


def write_takes():
    """Grey frames of two slices, out of order, all with the same depth."""
    os.makedirs('takes')
    Image.fromarray(numpy.full((8, 10), DEPTH * 100, numpy.uint16)).save('takes/d.png')
    texts = []
    for (slice_, procedure), greys in TAKES.items():
        for i, grey in enumerate(greys):
            name = f'{slice_}{procedure}{i}.png'
            Image.fromarray(numpy.full((8, 10, 3), grey, numpy.uint8)).save('takes/' + name)
            texts.append(json.dumps({'picture': name, 'depth': 'd.png', 'procedure': procedure,
                                     'slice': slice_, 'frame': 10 * i, 'truth': {
                                         'out_of_body': False, 'landmarks': {}}}))
    with open('takes/frames.jsonl', 'w', encoding='utf-8') as f:
        f.write('\n'.join(texts[1::2] + texts[::2]))


def write_recurrent(**record):
    """h' = h / 2 + the mean of the picture, and each depth is h'; h'' counts frames beside it."""
    values = {'half': numpy.float32(0.5), 'one': numpy.float32(1),
              'zeros': numpy.zeros((1, 1, 8, 10), numpy.float32)}
    nodes = [helper.make_node('ReduceMean', ['x'], ['m'], axes=[1, 2, 3], keepdims=1),
             helper.make_node('Mul', ['h', 'half'], ['r']),
             helper.make_node('Add', ['r', 'm'], ['h2']),
             helper.make_node('Add', ['zeros', 'h2'], ['d']),
             helper.make_node('Add', ['n', 'one'], ['n2'])]
    info = helper.make_tensor_value_info
    state, count = [1, 1, 1, 1], [1, 3]
    graph = helper.make_graph(
        nodes, 'net', [info('h', TensorProto.FLOAT, state),
                       info('x', TensorProto.FLOAT, [1, 3, 8, 10]),
                       info('n', TensorProto.FLOAT, count)],
        [info('n2', TensorProto.FLOAT, count), info('d', TensorProto.FLOAT, [1, 1, 8, 10]),
         info('h2', TensorProto.FLOAT, state)],
        [numpy_helper.from_array(v, k) for k, v in values.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    with open('net.onnx', 'wb') as f:
        f.write(model.SerializeToString())
    with open('net.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'x': {'format': 'rgb8'}}, 'outputs': {'d': {'decode': 'linear'}},
                   'states': {'h': 'h2', 'n': 'n2'}, **record}, f)


def depths_of_takes():
    found = {}
    for (slice_, procedure), greys in TAKES.items():
        h = 0
        for i, grey in enumerate(greys):
            h = h / 2 + grey
            found[slice_, procedure, i] = abs(h - DEPTH) / DEPTH
    return found


def judge_takes(result, engine):
    want = depths_of_takes()
    everything = group(result, 'all')
    near(metric(everything, 'abs-rel', 'd')['mean'], numpy.mean(list(want.values())), engine, 1e-6)
    for slice_ in 'ab':
        of_slice = [v for k, v in want.items() if k[0] == slice_]
        found = metric(group(result, 'slice', slice_), 'abs-rel', 'd')
        near(found['mean'], numpy.mean(of_slice), f'{engine}, slice {slice_}', 1e-6)
        near(found['worst'], max(of_slice), f'{engine}, worst of slice {slice_}', 1e-6)


def states_on(engine, *options):
    trocar('eval', 'takes', engine, '--record', 'net.json', '--json', 'eval.json', *options)
    with open('eval.json', encoding='utf-8') as f:
        judge_takes(json.load(f), engine)


@test
def states_from_frame_to_frame():
    write_takes()
    write_recurrent()
    trocar('build', 'net.onnx', '--record', 'net.json', '-o', 'net.plan', '--tune', 0)
    for engine in ('net.onnx', 'ref:net.onnx'):
        states_on(engine)
    trocar('eval', 'takes', 'net.plan', '--json', 'eval.json')
    with open('eval.json', encoding='utf-8') as f:
        judge_takes(json.load(f), 'a plan that brings its record')
    parts = []
    for i in range(2):
        trocar('eval', 'takes', 'net.onnx', '--record', 'net.json', '--shard', f'{i}/2', '--rows',
               f'rows{i}')
        parts += ['--merge', f'rows{i}']
    states_on('net.onnx', *parts)


@test
def pages_run_worst_frames_again():
    """The worst frame is the third of its take: what the page shows it found needs the states that
    the two before it leave. Pixels are of class 1 where 12.5 * x < h."""
    os.makedirs('take')
    greys, h = [100, 20, 40], 0
    with open('take/frames.jsonl', 'w', encoding='utf-8') as f:
        for i, grey in enumerate(greys):
            h = h / 2 + grey
            found = numpy.tile(12.5 * numpy.arange(10) < h, (8, 1)).astype(numpy.uint8)
            Image.fromarray(numpy.full((8, 10, 3), grey, numpy.uint8)).save(f'take/{i}.png')
            Image.fromarray(found if i < 2 else 1 - found).save(f'take/l{i}.png')
            f.write(json.dumps({'picture': f'{i}.png', 'label': f'l{i}.png', 'procedure': 'p',
                                'frame': i, 'slice': 'a'}) + '\n')
    with open('take/labels.tsv', 'w', encoding='utf-8') as f:
        f.write('id\tname\tcolour\n0\tno\t#000000\n1\tyes\t#ffffff\n')
    ramp = numpy.zeros((1, 2, 8, 10), numpy.float32)
    ramp[0, 0] = 12.5 * numpy.arange(10)
    ones = numpy.zeros((1, 2, 1, 1), numpy.float32)
    ones[0, 1] = 1
    nodes = [helper.make_node('ReduceMean', ['x'], ['m'], axes=[1, 2, 3], keepdims=1),
             helper.make_node('Mul', ['h', 'half'], ['r']),
             helper.make_node('Add', ['r', 'm'], ['h2']),
             helper.make_node('Mul', ['h2', 'ones'], ['s']),
             helper.make_node('Add', ['s', 'ramp'], ['y'])]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, 'net', [info('x', TensorProto.FLOAT, [1, 3, 8, 10]),
                       info('h', TensorProto.FLOAT, [1, 1, 1, 1])],
        [info('y', TensorProto.FLOAT, [1, 2, 8, 10]), info('h2', TensorProto.FLOAT, [1, 1, 1, 1])],
        [numpy_helper.from_array(numpy.float32(0.5), 'half'),
         numpy_helper.from_array(ones, 'ones'), numpy_helper.from_array(ramp, 'ramp')])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    with open('net.onnx', 'wb') as f:
        f.write(model.SerializeToString())
    with open('net.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'x': {'format': 'rgb8'}}, 'states': {'h': 'h2'},
                   'outputs': {'y': {'decode': 'classes', 'names': ['no', 'yes']}}}, f)
    trocar('eval', 'take', 'net.onnx', '--record', 'net.json', '--html', 'page.html', '--json',
           'eval.json')
    with open('eval.json', encoding='utf-8') as f:
        everything = group(json.load(f), 'all')
    near(metric(everything, 'pixel-accuracy')['mean'], 2 / 3, 'right but for the last frame')
    equal(metric(everything, 'mean-iou')['worst_frame'], '2.png', 'worst frame')
    with open('page.html', encoding='utf-8') as f:
        png = re.search(r'alt="net.onnx" src="data:image/png;base64,([^"]+)"', f.read()).group(1)
    shown = numpy.array(Image.open(io.BytesIO(base64.b64decode(png))))
    equal((shown[:, :, 0] > 127).astype(int).tolist(), found.astype(int).tolist(), 'what it found')


@test
def states_in_onnx_runtime():
    need_ort()
    write_takes()
    write_recurrent()
    states_on('ort:net.onnx')


@test
def states_that_do_not_fit():
    write_takes()

    def refused(says, **record):
        write_recurrent(**record)
        holds(trocar('eval', 'takes', 'net.onnx', '--record', 'net.json', code=2).err, says)

    refused("states.z: expected the name of an input, found 'z'", states={'z': 'h2'})
    refused("states.h: expected the name of an output, found 'z'", states={'h': 'z'})
    refused("states.h: expected an output of the input's type, f32[1,1,1,1], found 'n2', f32[1,3]",
            states={'h': 'n2'})
    refused('states.x: expected an input that takes no frames', states={'x': 'h2'})
    refused("states.h: expected an output that is not decoded, found 'd'", states={'h': 'd'})
    refused('states.h: expected a text, found an integer', states={'h': 3})
    refused('states: expected an object, found a list', states=['h'])
    refused("expected one input besides the record's 1 states and 0 optics, found 3 inputs",
            states={'h': 'h2'})


# ---- optics --------------------------------------------------------------------------------

SEEN = [('p', 40, 0.5), ('p', 90, 0.75), ('q', 200, 2)]  # procedure, grey, focal length


def write_seen(focal_length=lambda value: {'focal_length': value}):
    """Grey frames, all with the same depth."""
    os.makedirs('seen', exist_ok=True)
    Image.fromarray(numpy.full((8, 10), DEPTH * 100, numpy.uint16)).save('seen/d.png')
    with open('seen/frames.jsonl', 'w', encoding='utf-8') as f:
        for i, (procedure, grey, focal) in enumerate(SEEN):
            Image.fromarray(numpy.full((8, 10, 3), grey, numpy.uint8)).save(f'seen/{i}.png')
            f.write(json.dumps({'picture': f'{i}.png', 'depth': 'd.png', 'procedure': procedure,
                                'frame': i, **focal_length(focal)}) + '\n')


def write_optical(dtype=TensorProto.FLOAT, shape=(1,), **record):
    """Each depth is the mean of the picture times the focal length, plus how often h came round;
    the picture is neither the first input nor the last one."""
    nodes = [helper.make_node('ReduceMean', ['x'], ['m'], axes=[1, 2, 3], keepdims=1),
             helper.make_node('Cast', ['focal'], ['f'], to=TensorProto.FLOAT),
             helper.make_node('ReduceMax', ['f'], ['f1'], keepdims=0),
             helper.make_node('Mul', ['m', 'f1'], ['mm']),
             helper.make_node('Add', ['mm', 'h'], ['n']),
             helper.make_node('Add', ['zeros', 'n'], ['d']),
             helper.make_node('Add', ['h', 'one'], ['h2'])]
    info, state = helper.make_tensor_value_info, [1, 1, 1, 1]
    graph = helper.make_graph(
        nodes, 'net', [info('focal', dtype, shape), info('x', TensorProto.FLOAT, [1, 3, 8, 10]),
                       info('h', TensorProto.FLOAT, state)],
        [info('d', TensorProto.FLOAT, [1, 1, 8, 10]), info('h2', TensorProto.FLOAT, state)],
        [numpy_helper.from_array(numpy.float32(1), 'one'),
         numpy_helper.from_array(numpy.zeros((1, 1, 8, 10), numpy.float32), 'zeros')])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    with open('net.onnx', 'wb') as f:
        f.write(model.SerializeToString())
    with open('net.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'x': {'format': 'rgb8'}}, 'outputs': {'d': {'decode': 'linear'}},
                   'states': {'h': 'h2'}, 'optics': {'focal': 'focal_length'}, **record}, f)


def optics_on(engine, *options):
    trocar('eval', 'seen', engine, '--json', 'eval.json', '--html', 'page.html', *options)
    with open('eval.json', encoding='utf-8') as f:
        result = json.load(f)
    for procedure in 'pq':
        found = metric(group(result, 'procedure', procedure), 'abs-rel', 'd')
        want = [abs(grey * focal + i - DEPTH) / DEPTH for i, (grey, focal) in enumerate(
            (grey, focal) for p, grey, focal in SEEN if p == procedure)]
        near(found['mean'], numpy.mean(want), f'{engine}, procedure {procedure}', 1e-6)


@test
def optics_are_those_of_each_frame():
    write_seen()
    for shape in ((1,), (), (1, 1)):
        write_optical(shape=shape)
        for engine in ('net.onnx', 'ref:net.onnx'):
            optics_on(engine, '--record', 'net.json')
    trocar('build', 'net.onnx', '--record', 'net.json', '-o', 'net.plan', '--tune', 0)
    trocar('verify', 'net.plan')
    optics_on('net.plan')


@test
def optics_in_onnx_runtime():
    need_ort()
    write_seen()
    write_optical()
    optics_on('ort:net.onnx', '--record', 'net.json')


@test
def optics_that_do_not_fit():
    def refused(says, **network):
        write_optical(**network)
        holds(trocar('eval', 'seen', 'net.onnx', '--record', 'net.json', code=2).err, says)

    write_seen()
    refused('optics.focal: expected an input of one number, f32[1], found f32[2]', shape=[2])
    refused('optics.focal: expected an input of one number, f32[1], found f64[1]',
            dtype=TensorProto.DOUBLE)
    refused("expected one input besides the record's 1 states and 0 optics, found 3 inputs",
            optics={})
    refused('optics.focal: expected one of focal_length, found \'f\'', optics={'focal': 'f'})
    write_optical(shape=[2])
    trocar('build', 'net.onnx', '-o', 'two.plan', '--tune', 0)
    holds(trocar('eval', 'seen', 'two.plan', '--record', 'net.json', code=2).err,
          'two.plan: expected an input focal of one number, f32[1], found 2 of type f32')
    write_optical(optics={'fokal': 'focal_length'})
    holds(trocar('eval', 'seen', 'two.plan', '--record', 'net.json', code=2).err,
          "two.plan: expected an input fokal, which the record's optics speak of, found none")
    write_seen(lambda focal: {})
    refused("0.png: expected the camera's focal length, which the input focal of net.onnx takes, "
            'found none: add the key focal_length, in widths of the picture, to the frame')
    for wrong, says in ((0, 'focal_length: expected widths of the picture, above 0, found 0'),
                        (-0.75, 'focal_length: expected widths of the picture, above 0, found -0'),
                        (1e300, 'focal_length: expected widths of the picture, above 0, found 1e'),
                        ('0.75', 'focal_length: expected a number')):
        write_seen(lambda focal, wrong=wrong: {'focal_length': wrong})
        refused('frames.jsonl, line 1: ' + says)


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


@test
def energy_of_a_frame():
    """A counter that stands still: the energy is measured, and is none."""
    write_takes()
    write_recurrent()
    os.makedirs('power/intel-rapl:0')
    for name, value in (('energy_uj', 5), ('max_energy_range_uj', 1000)):
        with open(f'power/intel-rapl:0/{name}', 'w', encoding='utf-8') as f:
            f.write(str(value))
    engines = []
    for folder in ('power', 'nothing'):
        trocar('eval', 'takes', 'net.onnx', '--record', 'net.json', '--json', 'eval.json',
               env={'TROCAR_POWERCAP': folder})
        with open('eval.json', encoding='utf-8') as f:
            engines += json.load(f)['engines']
    equal([e['energy_mj'] for e in engines], [0, None], 'energy')
    equal(engines[0]['energy_missing'], '', 'nothing is missing')
    holds(engines[1]['energy_missing'], 'are not there or may not be read')


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


@test
def energy_of_a_gpu():
    env = emulator()
    write_takes()
    write_recurrent()
    found = []
    for faults in ('', 'still'):
        trocar('eval', 'takes', 'net.onnx', '--record', 'net.json', '--json', 'eval.json',
               '--device', 'cuda', env={**env, 'TRO_FAKE_NVML': faults})
        with open('eval.json', encoding='utf-8') as f:
            result = json.load(f)
        judge_takes(result, 'on a GPU')
        found += result['engines']
    equal(found[0]['energy_mj'] > 0, True, 'energy of the GPU')
    equal(found[1]['energy_mj'], None, 'energy of a counter that stands still')
    holds(found[1]['energy_missing'], 'stood still')


@test
def bad_data_sets():
    def refused(text, says):
        os.makedirs('bad', exist_ok=True)
        with open('bad/frames.jsonl', 'w', encoding='utf-8') as f:
            f.write(text)
        holds(trocar('eval', 'bad', MODEL, '--record', RECORD, code=2).err, says)

    refused('', 'expected frames')
    refused('{', 'line 1')
    refused('[]', 'expected an object')
    refused('{}', 'expected the key picture')
    refused('{"picture": "../a.png"}', 'within the data set')
    refused('{"picture": "/etc/a.png"}', 'within the data set')
    refused('{"picture": 3}', 'expected a text')
    refused('{"picture": "a.png", "truth": {"instruments": 3}}', 'expected a list')
    refused('{"picture": "a.png", "truth": {"landmarks": {"a": {"px": [1]}}}}', 'x and y')
    refused('{"picture": "none.png"}', 'none.png')
    holds(trocar('eval', 'nowhere', MODEL, '--record', RECORD, code=2).err, 'nowhere')


if __name__ == '__main__':
    main()
