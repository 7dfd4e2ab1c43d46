#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/failure_modes.py: its figures against those of the evaluations, gates, its page."""
import html.parser
import json
import os
import re
import subprocess
import sys

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

from _kit import ROOT, TROCAR, Mismatch, equal, holds, main, test

SCRIPT = os.path.join(ROOT, 'scripts', 'failure_modes.py')
SIZE = (32, 18)
TIMEOUT = 300


def failure_modes(*arguments, codes=(0,)):
    done = subprocess.run(
        [sys.executable, SCRIPT, '--trocar', TROCAR, '--models', 'nets', '-o', 'out', '--size',
         '{}x{}'.format(*SIZE), '--procedures', '1', '--frames', '1', *map(str, arguments)],
        capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode not in codes:
        raise Mismatch(f'exit {done.returncode}, expected {codes}: {done.stdout}{done.stderr}')
    return done


def network(name, node, weights, output, record):
    graph = helper.make_graph(
        [node], 'network',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 3, SIZE[1], SIZE[0]])],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, output)],
        [numpy_helper.from_array(numpy.asarray(v, numpy.float32), k) for k, v in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.save(model, f'nets/endoscopy_{name}.onnx')
    with open(f'nets/endoscopy_{name}.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'image': {'format': 'rgb8'}}, 'outputs': {'y': record}}, f)


def networks():
    """Two tiers that call dark pixels "outside" and all else "liver", and depths by brightness."""
    os.makedirs('nets', exist_ok=True)
    conv = helper.make_node('Conv', ['image', 'w', 'b'], ['y'])
    for name, threshold in (('net', 40), ('net_small', 90)):
        weights = {'w': numpy.reshape([[-1 / 3] * 3, [1 / 3] * 3], (2, 3, 1, 1)),
                   'b': [threshold, -threshold]}
        network(name, conv, weights, [1, 2, SIZE[1], SIZE[0]],
                {'decode': 'classes', 'names': ['outside', 'liver']})
    network('depth', conv, {'w': numpy.full((1, 3, 1, 1), -0.05), 'b': [90]},
            [1, 1, SIZE[1], SIZE[0]], {'decode': 'linear'})


def gates(**tasks):
    with open('nets/gates.json', 'w', encoding='utf-8') as f:
        json.dump({task: {'gates': found} for task, found in tasks.items()}, f)


def read(name):
    with open(name, encoding='utf-8') as f:
        return f.read()


class Page(html.parser.HTMLParser):
    """Tags that are open at the end, addresses, numbers of charts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.n_charts, self.n_points = [], [], 0, 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in ('meta', 'path', 'polyline', 'circle'):
            self.open.append(tag)
        self.links += [v for k, v in attrs if k in ('href', 'src')]
        self.n_charts += tag == 'svg'
        self.n_points += tag == 'circle'

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass


def slices(task, plan, key):
    with open(f'out/{task}.json', encoding='utf-8') as f:
        groups = json.load(f)['groups']
    return {g['group']: g.get(key) for g in groups
            if g['kind'] == 'slice' and os.path.basename(g['engine']) == f'endoscopy_{plan}.plan'}


@test
def all_networks():
    networks()
    gates(segmentation=[{'metric': 'pooled-miou', 'slice': 'clean', 'min': 0.01}])
    out = failure_modes().stdout
    holds(out, 'evaluating net, net_small', 'evaluating depth', 'index.html')
    page = read('out/index.html')
    found = Page(page)
    equal(found.open, [], 'open tags')
    equal(sorted(set(found.links)), ['depth.html', 'segmentation.html'], 'addresses')
    equal(found.n_charts, 2 * 15, 'charts')
    holds(page, 'All gates were passed', 'prefers-color-scheme: dark', '@media print')
    if '<script' in page:
        raise Mismatch('expected a page without scripts')
    for tier in ('net', 'net_small'):
        of = slices('segmentation', tier, 'pooled-miou')
        half = numpy.mean([v for k, v in of.items() if k.endswith('-0.5') and v is not None])
        row = re.search(rf'</span>{tier}</td><td>[\d.]+ MB</td><td>[\d.]+</td><td>([\d.]+)</td>'
                        r'<td>([\d.]+)</td>', page)
        equal([row[1], row[2]], [f'{of["clean"]:.3f}', f'{half:.3f}'], tier)
    for task in ('segmentation', 'depth'):
        holds(read(f'out/{task}.html'), '<svg')


@test
def where_it_fails():
    """Between two strengths, linearly."""
    networks()
    gates()
    failure_modes('--only', 'segmentation')
    of = slices('segmentation', 'net', 'pooled-miou')
    clean, dark = of['clean'], of['low-light-1']
    if not dark < clean - 0.1:
        raise Mismatch(f'expected darkness to be worse, found {clean} and {dark}')
    limit = (clean + dark) / 2
    gates(segmentation=[{'metric': 'pooled-miou', 'slice': '*-0.5', 'min': limit}])
    first = min(s for s in (0.25, 0.5, 0.75, 1) if of[f'low-light-{s:g}'] < limit)
    out = failure_modes('--only', 'segmentation', '--keep', codes=(0, 1)).stdout
    equal('rendering' in out, False, 'rendered again')
    strengths = [0, 0.25, 0.5, 0.75, 1]
    values = [of['clean']] + [of[f'low-light-{s:g}'] for s in strengths[1:]]
    at = strengths.index(first)
    want = strengths[at - 1] + 0.25 * (limit - values[at - 1]) / (values[at] - values[at - 1])
    page = read('out/index.html')
    heads = re.findall(r'<th>([a-z ]+)</th>', page.split('Where they fail')[1].split('</tr>')[0])
    cells = re.findall(r'class="cell"[^>]*>([^<]+)<', page)
    equal(cells[heads.index('low light')], f'{want:.2f}', 'strength')
    if 'holds' not in cells:
        raise Mismatch(f'expected disturbances that it stands, found {cells}')


@test
def gates_that_are_missed():
    networks()
    gates(depth=[{'metric': 'mean-abs-rel', 'slice': 'clean', 'max': 0.001}])
    done = failure_modes('--only', 'depth', codes=(1,))
    holds(done.stdout, 'gate: ', 'mean-abs-rel', 'gates missed: depth')
    holds(read('out/index.html'), 'Gates were missed: depth')


@test
def bad_use():
    networks()
    holds(failure_modes('--only', 'other', codes=(1,)).stderr,
          '--only: expected one of segmentation, depth, found other')
    holds(failure_modes('--frames', '0', codes=(2,)).stderr, 'expected 1 or more')


if __name__ == '__main__':
    main()
