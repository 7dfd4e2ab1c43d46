# SPDX-License-Identifier: Apache-2.0
"""Pictures and truth of the simulator as findings, the way the daemon sends them:

    scene.py DATASET     writes DATASET/scene.json
"""
import base64
import json
import os
import sys

import numpy as np
from PIL import Image

MAP = (128, 72)
GRID = (32, 18)
LABELS = [('outside', '#000000'), ('abdominal-wall', '#b270d6'), ('liver', '#d64040'),
          ('gallbladder', '#40c860'), ('fat', '#f0cc30'), ('bowel', '#ff8cb4'),
          ('artery', '#ff40a0'), ('instrument-shaft', '#3080f0'), ('instrument-wrist', '#7878fa'),
          ('instrument-tip', '#40e8f0')]
SENTENCE = {
    'en': 'View is off axis: rotate the scope 15 degrees clockwise and advance along the yellow '
          'path; probable right hepatic artery 3 mm to the lower left.',
    'zh': '视野偏离轴线：请将镜头顺时针旋转 15 度，并沿黄色路径推进；左下方 3 mm 处可能为肝右动脉。'}


def read(folder, name):
    with Image.open(os.path.join(folder, name)) as picture:
        return np.asarray(picture)


class RangeCoder:
    """As in src/console/core/finding_code.c, with whole numbers that carry by themselves."""
    def __init__(self):
        self.low, self.range, self.n_shifts = 0, 2 ** 32 - 1, 0
        self.models = {}

    def bit(self, model, bit):
        share = self.models.get(model, 1024)
        zeros = (self.range >> 11) * share
        if bit:
            self.low += zeros
            self.range -= zeros
        else:
            self.range = zeros
        self.models[model] = share - (share >> 4) if bit else share + ((2048 - share) >> 4)
        while self.range < 2 ** 24:
            self.low <<= 8
            self.range <<= 8
            self.n_shifts += 1

    def bits(self, model, value, n):
        node = 1
        for i in reversed(range(n)):
            self.bit((model, node), value >> i & 1)
            node = 2 * node + (value >> i & 1)

    def text(self):
        return base64.b64encode(self.low.to_bytes(5 + self.n_shifts, 'big')).decode()


def around(plane, x, y, first):
    """Left, above, above at either side; those that are not there are like those that are."""
    left = plane[y][x - 1] if x else plane[y - 1][x] if y else first
    above = plane[y - 1][x] if y else left
    before = plane[y - 1][x - 1] if x and y else above
    after = plane[y - 1][x + 1] if y and x + 1 < len(plane[0]) else above
    return left, above, before, after


def code_labels(plane):
    coder = RangeCoder()
    for y, row in enumerate(plane):
        for x, label in enumerate(row):
            left, above, before, after = around(plane, x, y, 0)
            coder.bit((left == above, before == above, after == above), label != above)
            if label == above:
                continue
            if left != above:
                coder.bit('left', label != left)
            if left == above or label != left:
                coder.bits('label', label, 8)
    return coder.text()


def code_steps(plane):
    coder = RangeCoder()
    for y, row in enumerate(plane):
        for x, step in enumerate(row):
            left, above, before, _ = around(plane, x, y, 128)
            plain = min(max(left + above - before, min(left, above)), max(left, above))
            folded = 2 * (step - plain) + 1 if step >= plain else 2 * (plain - step)
            n = folded.bit_length() - 1
            for i in range(min(n + 1, 8)):
                coder.bit(('longer', i), i < n)
            coder.bits(n, folded - (1 << n), n)
    return coder.text()


def shrink(array, size):
    height, width = array.shape
    x = (np.arange(size[0]) + 0.5) * width / size[0]
    y = (np.arange(size[1]) + 0.5) * height / size[1]
    return array[np.ix_(y.astype(int), x.astype(int))]


def findings(folder, line):
    truth = line['truth']
    labels = read(folder, line['label'])
    depth = shrink(read(folder, line['depth']).astype(np.uint16), GRID)
    boxes = [{'kind': 'box', 'name': i['kind'], 'score': 0.93, 'track': i['instance'],
              'box': i['box'], 'x': (i['box'][0] + i['box'][2]) / 2,
              'y': (i['box'][1] + i['box'][3]) / 2}
             for i in truth['instruments'] if i['pixels'] > 0]
    points = [{'kind': 'landmark', 'name': name, 'score': 0.8, 'track': 9 + i,
               'x': p['px'][0], 'y': p['px'][1]}
              for i, (name, p) in enumerate(truth['landmarks'].items()) if p['visible']]
    return [
        {'network': 'tissue', 'items': [],
         'map': {'width': MAP[0], 'height': MAP[1],
                 'labels': code_labels(shrink(labels, MAP).tolist())}},
        {'network': 'instruments', 'items': boxes},
        {'network': 'landmarks', 'items': points},
        {'network': 'depth', 'items': [], 'grid': {
            'width': GRID[0], 'height': GRID[1],
            'near': 0, 'far': 254, 'steps': code_steps(np.where(
                depth > 0, np.clip(depth // 100 + 1, 1, 255), 0).tolist())}}]


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, 'frames.jsonl'), encoding='utf-8') as f:
        lines = [json.loads(line) for line in f]
    height, width = read(folder, lines[0]['label']).shape
    source = {'frame': 1, 'engine': '5be0c6aa01234567', 'tier': 0}
    scene = {
        'width': width, 'height': height,
        'status': {'name': 'Theatre 3', 'max_age_ms': 100, 'fade_ms': 200, 'networks': [
            {'name': 'tissue', 'labels': [{'name': n, 'colour': c, 'shown': n != 'outside'}
                                          for n, c in LABELS]}]},
        'sentence': {
            'id': 7, 'text': SENTENCE, 'rule': 'off-axis', 'age_ms': 40, 'state': 'new',
            'why': [{'fact': 'view-roll', 'value': 15.2, 'unit': 'deg',
                     'from': [{'network': 'landmarks', **source}]},
                    {'fact': 'artery-distance', 'value': 3.1, 'unit': 'mm',
                     'from': [{'network': 'landmarks', **source},
                              {'network': 'depth', **source}]}],
            'draw': [{'kind': 'path', 'colour': '#ffd23c', 'points': [
                [width * x, height * y] for x, y in ((0.5, 0.86), (0.47, 0.7), (0.5, 0.58),
                                                     (0.57, 0.47))]}]},
        'frames': [{'picture': line['picture'], 'findings': findings(folder, line)}
                   for line in lines]}
    with open(os.path.join(folder, 'scene.json'), 'w', encoding='utf-8') as f:
        json.dump(scene, f)


main()
