#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar eval on other people's data sets: masks, boxes, points, depths."""
import json
import os

import numpy
from PIL import Image

from _eval_kit import MODEL, RECORD, group, metric, near, run, write_model, write_record
from _kit import equal, holds, main, test, trocar


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
