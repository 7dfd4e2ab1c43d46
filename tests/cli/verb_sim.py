#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar sim: rows of frames, data sets, their truth as docs/dataset.md has it."""
import json
import os

import numpy
from PIL import Image

from _kit import Mismatch, equal, holds, main, test, trocar

SIZE = ('--size', '96x72')
FIRST_OF_INSTRUMENT = 7  # of the classes


def pixels(path):
    with Image.open(path) as picture:
        return numpy.array(picture)


def lines(folder):
    with open(os.path.join(folder, 'frames.jsonl'), encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def files(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder)
                  for at, _, names in os.walk(folder) for name in names)


def refused(*arguments, says):
    err = trocar('sim', *arguments, code=2).err
    equal(err.count('\n'), 1, 'lines on standard error')
    holds(err, says)


def same_boxes(truth, instance):
    for tool in truth['instruments']:
        y, x = numpy.nonzero(instance == tool['instance'])
        box = [x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else [0, 0, 0, 0]
        equal(tool['box'], [int(v) for v in box], 'box')
        equal(tool['pixels'], len(x), 'pixels')


@test
def frames_with_truth():
    trocar('sim', 'endoscopy', '-o', 'a', *SIZE, '--frames', 3, '--truth', '--seed', 9)
    trocar('sim', 'endoscopy', '-o', 'b', *SIZE, '--frames', 3, '--seed', 9)
    for i in range(3):
        for name in ('frame', 'label'):
            equal((pixels(f'a/{name}_000{i}.png') == pixels(f'b/{name}_000{i}.png')).all(), True,
                  f'{name} {i} with and without --truth')
        label = pixels(f'a/frame_000{i}.label.png')
        instance = pixels(f'a/frame_000{i}.instance.png')
        depth = pixels(f'a/frame_000{i}.depth.png')
        is_instrument = label >= FIRST_OF_INSTRUMENT
        equal((is_instrument == (instance > 0)).all(), True, 'instances where instruments are')
        equal(((label > 0) == (depth > 0)).all(), True, 'depth where something is')
        line = lines('a')[i]
        same_boxes(line['truth'], instance)
        equal([line[key] for key in ('picture', 'label', 'instance', 'depth')],
              [f'frame_000{i}.{end}png' for end in ('', 'label.', 'instance.', 'depth.')], 'files')


def same_focal_length(frame, width, height):
    """Points in the picture lie where a lens of that focal length shows them, but for its barrel
    distortion: 1 + k r^2 with k 0.05 to 0.2, r in focal lengths from the middle."""
    truth, focal = frame['truth'], frame['focal_length'] * width
    distortions = []
    points = [t[part] for t in truth['instruments'] for part in ('tip', 'wrist')]
    for p in points + list(truth['landmarks'].values()):
        r = numpy.hypot(p['px'][0] - width / 2, p['px'][1] - height / 2)
        straight = focal * numpy.hypot(*p['mm'][:2]) / p['mm'][2]
        if p['visible'] and r > 0.15 * focal:
            distortions.append((straight / r - 1) / (r / focal) ** 2)
    if not (distortions and 0.049 < min(distortions) <= max(distortions) < 0.201
            and max(distortions) - min(distortions) < 1e-3):
        raise Mismatch(f'distortions of one lens, as its points have them: {distortions}')


@test
def focal_lengths_are_those_of_points():
    trocar('sim', 'endoscopy', '-o', 'a', *SIZE, '--frames', 1, '--first', 900, '--truth')
    trocar('sim', 'dataset', '-o', 'b', '--size', '64x36', '--procedures', 2, '--frames', 1,
           '--first', 900, '--cameras')
    same_focal_length(lines('a')[0], 96, 72)
    for line in lines('b'):
        same_focal_length(line, 64, 36)
    found = {(line['procedure'], line['focal_length']) for line in lines('b')}
    equal(len(found), 2, f'focal lengths of two procedures, in all slices: {found}')


@test
def data_set():
    command = ('sim', 'dataset', *SIZE, '--procedures', 2, '--frames', 2, '--strengths', '0.5',
               '--cameras', '--seed', 30, '--split', 'validation')
    trocar(*command, '-o', 'a')
    trocar(*command, '-o', 'b')
    equal(files('a'), files('b'), 'files of two runs')
    for name in files('a'):
        with open(f'a/{name}', 'rb') as one, open(f'b/{name}', 'rb') as other:
            equal(one.read() == other.read(), True, f'{name} of two runs')
    frames = lines('a')
    slices = {frame['slice'] for frame in frames}
    equal(len(slices), 1 + 15 + 4, 'slices')
    equal(len(frames), 4 * len(slices), 'frames')
    named = {'labels.tsv', 'frames.jsonl'}
    for frame in frames:
        equal(frame['split'], 'validation', 'split')
        named.update(frame[k] for k in ('picture', 'label', 'instance', 'depth') if k in frame)
        if frame['truth']['out_of_body']:
            equal('label' in frame, False, 'labels out of the body')
        else:
            same_boxes(frame['truth'], pixels(f'a/{frame["instance"]}'))
    missing = named - set(files('a'))
    if missing:
        raise Mismatch(f'files that frames.jsonl names and are not there: {missing}')


@test
def splits_are_of_whole_procedures():
    trocar('sim', 'dataset', '-o', 'a', '--size', '16x16', '--procedures', 4, '--frames', 2,
           '--split', 'train=2,validation=1,test=1')
    found = {}
    for frame in lines('a'):
        found.setdefault(frame['procedure'], set()).add(frame['split'])
    equal(found, {1: {'train'}, 2: {'train'}, 3: {'validation'}, 4: {'test'}}, 'splits')


@test
def bad_use():
    refused('endoscopy', says='expected -o DIR')
    refused('endoscopi', '-o', 'x', says="expected 'endoscopy' or 'dataset'")
    refused('endoscopy', '-o', 'x', '--disturb', 'smok=1', says='NAME=STRENGTH')
    refused('endoscopy', '-o', 'x', '--disturb', 'smoke=2', says='from 0 to 1')
    refused('endoscopy', '-o', 'x', '--camera', 'e', says='plain, a, b, c or d')
    refused('dataset', '-o', 'x', '--strengths', '0.5,0', says='above 0 up to 1')
    refused('dataset', '-o', 'x', '--procedures', '0', says='--procedures')
    refused('dataset', '-o', 'x', '--every', '0', says='--every')
    for split in ('', 'train=', 'train=0', 'train=1,', 'train=1,test', 'a b', 'train=1;test=2'):
        refused('dataset', '-o', 'x', '--split', split, says='--split: expected')


if __name__ == '__main__':
    main()
