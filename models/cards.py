#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes NAME.md beside each network of models/: what it is, how it was trained, how it fails; and
README.md, the list of them.

    python3 models/cards.py [--evaluations build/failure-modes] [NAME...]

Figures are those of `make failure-modes`, which evaluates all networks on fresh procedures. Needs
onnx.
"""
import argparse
import glob
import json
import math
import os
import sys

import onnx

HERE = os.path.dirname(os.path.abspath(__file__))

# By network: what it does, what it is made of, what it learned from.
FRAMES = 'frames of any time of procedures, six in ten with one or two disturbances'
DEPTH = ('The distance of each pixel along the optical axis, mm, from one picture and the focal '
         'length.')
TEXTS = {
    'endoscopy_unet': (
        'Says of each pixel what it shows.',
        'A U-Net of five levels: convolutions, batch normalization, max pooling.',
        f'{FRAMES}; cross entropy plus soft Dice'),
    'endoscopy_unet_small': (
        'Says of each pixel what it shows, in less than half the time of endoscopy_unet.',
        'A U-Net of five levels, narrower.',
        'as endoscopy_unet, and from its scores (distillation in the same step, temperature 2)'),
    'endoscopy_swin': (
        'Says of each pixel what it shows.',
        'A U-Net whose three coarse levels are Swin stages: attention in windows of 9 x 8 tokens, '
        'plain and shifted by half, with a bias by relative place; convolutions at full and half '
        'size.',
        f'{FRAMES}; cross entropy plus soft Dice'),
    'endoscopy_detector': (
        'Finds instruments and tells their kinds.',
        'One stage without anchor boxes: a residual backbone, three grids of cells (8, 16 and 32 '
        'pixels) joined from coarse to fine, boxes decoded in the graph.',
        f'{FRAMES}; CIoU and cross entropy, cells assigned by score and overlap together'),
    'endoscopy_detector_small': (
        'Finds instruments and tells their kinds.',
        'endoscopy_detector at half the width.',
        'as endoscopy_detector, and from its boxes and scores'),
    'endoscopy_depth': (
        DEPTH,
        'A U-Net at half size with the mean over the picture at its bottom, then a learned '
        'enlargement; exp at the end, times the focal length.',
        f'{FRAMES}; difference of logarithms and of their slopes'),
    'endoscopy_depth_small': (
        DEPTH,
        'endoscopy_depth at half the width.',
        'as endoscopy_depth, and from its depths'),
    'endoscopy_landmarks': (
        'Finds the fundus and the neck of the gallbladder and both ends of the artery in sight.',
        'A U-Net at half size with the mean over the picture at its bottom; a heat map for each '
        'point.',
        f'{FRAMES}; cross entropy with Gaussian maps of 1.5 elements, empty ones for points out of '
        'sight'),
    'endoscopy_landmarks_small': (
        'Finds the fundus and the neck of the gallbladder and both ends of the artery in sight.',
        'endoscopy_landmarks at half the width.',
        'as endoscopy_landmarks, and from its maps'),
    'endoscopy_outside': (
        'Tells whether the endoscope is out of the body.',
        'Strided and residual convolutions, mean and maximum over the picture.',
        'as many frames from inside as from outside, black and dark ones inside among them'),
    'endoscopy_outside_small': (
        'Tells whether the endoscope is out of the body.',
        'endoscopy_outside, narrower.',
        'as endoscopy_outside, and from its scores'),
    'endoscopy_bleeding': (
        'Tells whether blood of an open wound is in the picture.',
        'Strided and residual convolutions, mean and maximum over the picture.',
        f'{FRAMES}; cross entropy'),
    'endoscopy_bleeding_small': (
        'Tells whether blood of an open wound is in the picture.',
        'endoscopy_bleeding, narrower.',
        'as endoscopy_bleeding, and from its scores'),
    'endoscopy_step': (
        'Tells which step the operation is at, from a picture a second.',
        'Convolutions at half size and a gated recurrent unit, whose state goes in and out.',
        'two minutes of each procedure, a frame a second, disturbances that come and go; cross '
        'entropy'),
    'endoscopy_step_small': (
        'Tells which step the operation is at, from a picture a second.',
        'endoscopy_step at half the width.',
        'as endoscopy_step, and from its scores'),
    'endoscopy_tracker': (
        'Follows the tips of the instruments: tip-1 comes from the left, tip-2 from the right.',
        'Convolutions and a convolutional LSTM at an eighth of the size, whose states go in and '
        'out; a heat map for each tip.',
        'clips of ten frames, 12.5 a second, disturbances that stay; cross entropy with Gaussian '
        'maps'),
}

# Figures of an evaluation: key, heading.
FIGURES = (('pooled-miou', 'mean IoU'), ('map50', 'mAP50'), ('map', 'mAP'),
           ('mean-abs-rel', 'abs-rel'), ('mean-delta1', 'delta1'),
           ('mean-point-error', 'error, px'), ('mean-point-recall', 'recall'),
           ('flag-accuracy', 'accuracy'), ('mean-step-accuracy', 'accuracy'))
# Of single things, by the metric's name.
OF_THINGS = {'iou': 'IoU', 'point-error': 'error, px', 'point-recall': 'recall',
             'box-recall': 'recall', 'box-precision': 'precision'}
OPTICS = {'focal_length': "the camera's focal length in widths of its picture"}
PRINCIPAL = ('mean-iou', 'abs-rel', 'point-error', 'box-recall')

USE = """For trying out and testing this project's tools. The network learned from synthetic
pictures alone, of one kind of operation; it knows nothing of patients and must not be used on
them. On real pictures its figures mean nothing. Frames of another size are resized to
256x144."""
LICENCE = """Licence: Apache-2.0, as the whole project; the pictures it learned from are made by
`src/sim` of the same licence."""


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '| ' + ' | '.join(['---'] * len(head)) + ' |']
    return '\n'.join(lines + ['| ' + ' | '.join(map(str, row)) + ' |' for row in rows])


def number(value):
    return '-' if value is None else f'{value:.4g}' if value >= 10 else f'{value:.3f}'


def wrap(text, width=110):
    lines, line = [], ''
    for word in text.split():
        if len(line) + len(word) + 1 > width:
            lines.append(line)
            line = word
        else:
            line = f'{line} {word}'.strip()
    return '\n'.join(lines + [line])


# ---- the file ----------------------------------------------------------------------------------

def shape_of(value):
    return 'x'.join(str(d.dim_value) for d in value.type.tensor_type.shape.dim)


def describe_file(path, record):
    model = onnx.load(path)
    graph, image = model.graph, record['inputs']['image']
    rows = [(f'input `{v.name}`', f'float32, {shape_of(v)}') for v in graph.input]
    rows[0] = (rows[0][0], rows[0][1] + ', RGB, `(pixel * scale - mean) / std`: mean '
               f'{image["mean"]}, std {image["std"]}')
    for value in graph.output:
        output = record['outputs'].get(value.name, {})
        names = ': ' + ', '.join(output['names']) if 'names' in output else ''
        decoded = f'; the record decodes it as {output["decode"]}{names}' if output else ''
        rows.append((f'output `{value.name}`', f'float32, {shape_of(value)}{decoded}'))
    for state, after in record.get('states', {}).items():
        rows.append((f'state `{state}`', f'takes `{after}` of the frame before, zeros at first'))
    for name, fact in record.get('optics', {}).items():
        rows.append((f'optics `{name}`', f'takes {OPTICS[fact]}'))
    n_parameters = sum(math.prod(w.dims) for w in graph.initializer if w.data_type == 1)
    kinds = sorted({n.op_type for n in graph.node} - {'Constant', 'Identity'})
    rows.append(('size', f'{n_parameters:,} numbers, {os.path.getsize(path):,} bytes'))
    rows.append(('graph', f'opset {model.opset_import[0].version}, {len(graph.node)} nodes: '
                 + ', '.join(kinds)))
    return table(['', ''], rows)


# ---- training ----------------------------------------------------------------------------------

# Of the runs after the first one that train_log.tsv has: what they learned from.
LATER_RUNS = ('59,000 frames of 4,200 other procedures',
              '66,560 frames of 4,160 more, depths for one focal length',
              '52,736 frames of 3,296 more')


def describe_training(name, source):
    with open(os.path.join(HERE, 'train_log.tsv'), encoding='utf-8') as f:
        rows = [line.rstrip('\n').split('\t') for line in f]
    runs = [i for i, row in enumerate(rows) if row[0] in ('seconds', '0')] + [len(rows)]
    own = [[row for row in rows[a:b] if row[1] == name] for a, b in zip(runs, runs[1:])]
    seconds, _, steps, loss = own[0][-1][:4]
    again = ''
    for more_rows, frames in zip(own[1:], LATER_RUNS):
        if more_rows:
            more_seconds, _, more, loss = more_rows[-1][:4]
            again += f', then {int(more):,} in {more_seconds} s on {frames}'
    return wrap(f"""
        `python3 models/train.py` on one NVIDIA H200 with 16 processor cores, PyTorch 2.11, beside
        all other networks of models/: {int(steps):,} steps in {seconds} s{again}; AdamW, cosine
        schedule, bfloat16; loss {loss} at the end (`train_log.tsv`). It learned from {source}.
        Procedures for training have seeds from 1,000,000, 82,800 frames of 3,470 of them for all
        networks; for validation from 2,000,000, for tests from 3,000,000. Pictures are 256x144;
        one in eight of single frames was drawn at 640x360 and scaled down. Augmentation: mirror
        image, sharpness, gamma, brightness, white balance, saturation, noise.""")


# ---- evaluation --------------------------------------------------------------------------------

def find_groups(folder, name):
    """Groups of the evaluation that the network's plan is in."""
    plan = name + '.plan'
    for path in sorted(glob.glob(os.path.join(folder, '*.json'))):
        with open(path, encoding='utf-8') as f:
            result = json.load(f)
        groups = [g for g in result.get('groups', []) if os.path.basename(g['engine']) == plan]
        if groups:
            return result, groups
    raise SystemExit(f'{name}: expected an evaluation of {plan} in {folder}, found none: run make '
                     'failure-modes')


def figures_table(groups):
    by_slice = {g['group']: g for g in groups if g['kind'] == 'slice'}
    keys = [(key, text) for key, text in FIGURES if any(key in g for g in by_slice.values())]
    chosen = [name for name in ('clean', *sorted(by_slice))
              if name == 'clean' or name.endswith(('-0.5', '-1')) or name.startswith('camera-')]
    chosen = list(dict.fromkeys(chosen))
    everything = next(g for g in groups if g['kind'] == 'all')
    rows = [('**all**', *(number(everything.get(key)) for key, _ in keys))]
    rows += [(name, *(number(by_slice[name].get(key)) for key, _ in keys)) for name in chosen]
    return table(['slice', *(text for _, text in keys)], rows)


def things_table(clean):
    found = {}
    for m in clean['metrics']:
        if m['metric'] in OF_THINGS and m['of']:
            found.setdefault(m['of'], {})[m['metric']] = m['mean']
    if not found:
        return ''
    kinds = [k for k in OF_THINGS if any(k in v for v in found.values())]
    rows = [(of, *(number(values.get(k)) for k in kinds)) for of, values in found.items()]
    return ('\nOf clean frames, the mean over those that show it:\n\n'
            + table(['', *(OF_THINGS[k] for k in kinds)], rows) + '\n')


def flags_table(everything):
    keys = ('yes', 'no', 'sensitivity', 'specificity', 'ppv', 'auc')
    rows = [(flag['of'], *(number(flag[k]) if isinstance(flag[k], float) else flag[k]
                           for k in keys)) for flag in everything.get('flags', [])]
    return '\nAll frames together:\n\n' + table(['', *keys], rows) + '\n' if rows else ''


def worst_frame(everything):
    for m in everything['metrics']:
        if m['metric'] in PRINCIPAL and m.get('worst') is not None:
            of = f' of {m["of"]}' if m['of'] else ''
            return (f'\nWorst frame by {m["metric"]}{of}: `{m["worst_frame"]}` with '
                    f'{number(m["worst"])}.\n')
    return ''


def describe_accuracy(folder, name):
    result, groups = find_groups(folder, name)
    everything = next(g for g in groups if g['kind'] == 'all')
    clean = next(g for g in groups if (g['kind'], g['group']) == ('slice', 'clean'))
    return (f'`make failure-modes`: {result["procedures"]} procedures with seeds from 5,000,003, '
            f'{result["frames"]} pictures of 256x144\n(metrics: [docs/metrics.md]'
            '(../docs/metrics.md)). A number behind a disturbance is its strength.\n\n'
            + figures_table(groups) + '\n' + things_table(clean) + flags_table(everything)
            + worst_frame(everything))


def write_card(folder, name):
    what, form, source = TEXTS[name]
    path = os.path.join(HERE, name)
    with open(path + '.json', encoding='utf-8') as f:
        record = json.load(f)
    text = (f'# {name}.onnx\n\n{wrap(what + " " + form)}\n\n'
            f'{describe_file(path + ".onnx", record)}\n\n'
            f'## How it was trained\n\n{describe_training(name, source)}\n\n'
            f'## How good it is\n\n{describe_accuracy(folder, name)}\n'
            f'## Intended use and limits\n\n{wrap(USE)}\n\n{wrap(LICENCE)}\n')
    with open(path + '.md', 'w', encoding='utf-8') as f:
        f.write(text)


# ---- the list ----------------------------------------------------------------------------------

INTRODUCTION = """Small networks that learned from `src/sim` alone. They are there so that every
tool of this project has something real to run; they know nothing of patients and must not be
used on them. Each has a [record](../docs/record.md) beside it, and a card that says what it is,
how it was trained and how it fails. All take RGB pictures of 256x144; those of depth the camera's
focal length as well, without which a picture does not tell how far things are. Those named small
learned from the larger ones."""
FIGURES_TEXT = """Figures are of `make failure-modes`: of undisturbed frames, and the mean over
disturbances at half strength, those included that show another moment or nothing at all (frozen,
dropped and black frames)."""
TRAINING = """`python3 models/train.py --out DIR --data DIR` trains them on one GPU,
`models/measure.py` measures what it wrote on procedures for testing, `models/cards.py` writes
the cards. Procedures to train and test on are apart from those that `make failure-modes` and
`make demo` show. The simulator gives the same bytes on x86-64 and aarch64, with gcc and clang,
so the pictures can be made again anywhere."""


def principal_figure(groups):
    """Heading, of clean frames, mean over disturbances at half strength."""
    slices = {g['group']: g for g in groups if g['kind'] == 'slice'}
    key, text = next((k, t) for k, t in FIGURES if slices['clean'].get(k) is not None)
    half = [g[key] for name, g in slices.items()
            if name.endswith('-0.5') and g.get(key) is not None]
    return text, number(slices['clean'][key]), number(sum(half) / len(half))


def write_list(folder):
    rows = []
    for name, (what, *_) in TEXTS.items():
        size = os.path.getsize(os.path.join(HERE, name + '.onnx'))
        figure = principal_figure(find_groups(folder, name)[1])
        rows.append((f'[{name}]({name}.md)', what.rstrip('.'), f'{size / 1e6:.2f} MB', *figure))
    head = ('network', '', 'file', 'figure', 'clean', 'half strength')
    with open(os.path.join(HERE, 'README.md'), 'w', encoding='utf-8') as f:
        f.write(f'# Networks\n\n{wrap(INTRODUCTION)}\n\n{table(head, rows)}\n\n'
                f'{wrap(FIGURES_TEXT)}\n\n{wrap(TRAINING)}\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--evaluations', default=os.path.join(HERE, '../build/failure-modes'))
    parser.add_argument('names', nargs='*', default=list(TEXTS))
    args = parser.parse_args()
    for name in args.names:
        write_card(args.evaluations, name)
    if len(args.names) == len(TEXTS):
        write_list(args.evaluations)


if __name__ == '__main__':
    sys.exit(main())
