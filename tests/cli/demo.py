#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration, "make demo": its figures against ones computed here, and its pictures."""
import os
import re
import shutil
import subprocess

import numpy
import onnx
from PIL import Image

from _kit import ROOT, Mismatch, equal, holds, main, need_ort, test, trocar, write

DEMO = os.path.join(os.environ.get('TROCAR_BUILD', os.path.join(ROOT, 'build')), 'trocar-demo')
MODEL = os.path.join(ROOT, 'models', 'endoscopy_unet.onnx')
CLASSES = ['outside', 'abdominal-wall', 'liver', 'gallbladder', 'fat', 'instrument-shaft',
           'instrument-tip']
SEED, WIDTH, HEIGHT = 4000003, 640, 480
NO_ORT = {'TROCAR_ORT_LIBRARY': '/nowhere/libonnxruntime.so'}
TIMEOUT = 300


def run(*command, code=0, env=None):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=TIMEOUT,
                          errors='replace', stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})
    if done.returncode != code:
        raise Mismatch(f'{" ".join(map(str, command))}: exit {done.returncode}, expected {code}: '
                       f'{(done.stderr + done.stdout).strip()[-500:]}')
    return done


def demo(*arguments, code=0, env=None):
    return run(DEMO, '--model', MODEL, '-o', 'out', *arguments, code=code, env=env)


def refused(*arguments, says):
    """Exit 2, and one line that tells why."""
    err = demo(*arguments, code=2, env=NO_ORT).stderr
    equal(err.count('\n'), 1, 'lines on standard error')
    holds(err, 'trocar-demo: ', says)


def rows(text):
    """{class: [figures]} of the table of classes."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(' ')
        if name in (*CLASSES, 'mean'):
            found[name] = [float(v) for v in re.findall(r'[\d.]+', rest)]
    equal([name for name in CLASSES if name not in found], [], 'classes without a row')
    return found


def pixels(path):
    with Image.open(path) as picture:
        return numpy.array(picture)


def panels(path, width, height):
    """The two views of an overlay; above them is a title, between them a gap, below a legend."""
    a = pixels(path)
    title = numpy.nonzero((a != a[0, 0]).any(2).sum(1) > a.shape[1] // 2)[0][0]
    if a.shape[0] < height + title or a.shape[1] < 2 * width:
        raise Mismatch(f'{path}: {a.shape[1]}x{a.shape[0]} cannot hold two of {width}x{height}')
    right = a.shape[1] - width
    return a[title:title + height, :width], a[title:title + height, right:]


def axis(n_out, n_in):
    """Neighbours and weight of the second, pixel middles at halves."""
    at = (numpy.arange(n_out) + 0.5) * n_in / n_out - 0.5
    low = numpy.floor(at)
    return (numpy.clip(low, 0, n_in - 1).astype(int),
            numpy.clip(low + 1, 0, n_in - 1).astype(int), at - low)


def labels_of(logits):
    """The class of each pixel of a frame, from trocar's output for it."""
    ya, yb, ty = axis(HEIGHT, logits.shape[1])
    xa, xb, tx = axis(WIDTH, logits.shape[2])
    tall = logits[:, ya] * (1 - ty)[:, None] + logits[:, yb] * ty[:, None]
    return (tall[:, :, xa] * (1 - tx) + tall[:, :, xb] * tx).argmax(0)


def sim(i):
    """Picture i of the same procedure as trocar draws it: frame and labels."""
    trocar('sim', 'endoscopy', '-o', 'sim', '--seed', SEED, '--size', f'{WIDTH}x{HEIGHT}',
           '--frames', 1, '--fps', 25, '--first', 75 * i)
    return pixels('sim/frame_0000.png'), pixels('sim/label_0000.png')


def same_figures(table, confusion):
    """The table against counts [exact, found]."""
    both, exact, found = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    iou = both / (exact + found - both)
    for i, name in enumerate(CLASSES):
        want = [100 * found[i] / found.sum(), 100 * exact[i] / exact.sum(), iou[i]]
        if not numpy.allclose(table[name], want, rtol=0, atol=[0.01, 0.006, 0.0005]):
            raise Mismatch(f'{name}: expected {want}, found {table[name]}')
    if abs(table['mean'][0] - iou.mean()) > 0.0005:
        raise Mismatch(f'mean IoU: expected {iou.mean()}, found {table["mean"][0]}')


@test
def a_procedure():
    """Frames as the simulator draws them, figures as NumPy computes them from trocar's outputs,
    overlays that differ from the frames where something is marked."""
    out = demo('--frames', 2, '--min-iou', 0.95, env=NO_ORT).stdout
    table = rows(out)
    confusion = numpy.zeros((len(CLASSES), len(CLASSES)), int)
    for i in range(2):
        frame, exact = sim(i)
        path = f'out/frame_{i:03d}.png'
        equal(numpy.abs(pixels(path).astype(int) - frame).max(), 0, f'{path}: difference')
        trocar('run', MODEL, '-i', path, '-o', 'logits')
        found = labels_of(numpy.load('logits/output_0.npy')[0])
        numpy.add.at(confusion, (exact, found), 1)
        network, truth = panels(f'out/overlay_{i:03d}.png', WIDTH, HEIGHT)
        for view, label in ((network, found), (truth, exact)):
            changed = (view != frame).any(2)
            if changed[label > 0].mean() < 0.95 or changed[label == 0].mean() > 0.05:
                raise Mismatch(f'overlay {i}: changed: {changed[label > 0].mean():.3f} of what is '
                               f'marked, {changed[label == 0].mean():.3f} of the rest')
        if (network == truth).all():
            raise Mismatch(f'overlay {i}: what was found and what is exact look the same')
    same_figures(table, confusion)
    for name in CLASSES:
        if table[name][2] < 0.9:
            raise Mismatch(f'{name}: expected an IoU of 0.9 or more, found {table[name][2]}')


@test
def an_instrument_is_outlined_in_its_colour():
    demo('--frames', 1, env=NO_ORT)
    network = panels('out/overlay_000.png', WIDTH, HEIGHT)[0]
    for name, colour in (('shaft', (48, 128, 240)), ('tip', (64, 232, 240))):
        n = (network == numpy.array(colour)).all(2).sum()
        if n < 200:
            raise Mismatch(f'instrument-{name}: expected an outline, found {n} pixels of it')


@test
def another_engine_agrees():
    need_ort()
    out = demo('--frames', 1).stdout
    greatest = float(re.search(r'values up to (\S+)$', out, re.M)[1])
    for engine in ('Trocar', 'ONNX Runtime'):
        found = re.search(rf'^{engine} [\d.]+ +([\d.]+) +([\d.]+) +([\d.]+)x +(\S+)$', out, re.M)
        if not found:
            raise Mismatch(f'no line of {engine} in {out!r}')
        ms, rate, _, error = map(float, found.groups())
        if not (ms > 0 and rate > 0 and 0 <= error <= 1e-5 * greatest):
            raise Mismatch(f'{engine}: {ms} ms, difference {error} in values up to {greatest}')


@test
def an_engine_is_built_and_profiled():
    out = demo('--frames', 1, env=NO_ORT).stdout
    holds(out, '\nTrocar ', 'out/profile.html')
    trocar('verify', 'out/engine.plan')
    with open('out/profile.html', encoding='utf-8') as f:
        holds(f.read(), '<svg', 'Slowest steps', 'out/engine.plan')


@test
def no_other_engine_is_said():
    out = demo('--frames', 1, env=NO_ORT).stdout
    holds(out, '\nreference ', 'no other engine', NO_ORT['TROCAR_ORT_LIBRARY'])


@test
def a_gate_that_fails():
    done = demo('--frames', 1, '--min-iou', 1, code=1, env=NO_ORT)
    holds(done.stderr, 'trocar-demo: expected a mean IoU of 1 or more, found 0.9')


@test
def pictures_of_the_user():
    rgb = sim(0)[0]
    Image.fromarray(rgb).save('a.png')
    Image.fromarray(rgb).resize((64, 48)).save('small one.jpg')
    out = demo('a.png', 'small one.jpg', env=NO_ORT).stdout
    holds(out, 'overlay_000_a.png', 'overlay_001_small_one.png')
    share = numpy.array([rows(out)[name] for name in CLASSES])
    equal(share.shape, (len(CLASSES), 3))  # together, and each picture
    if numpy.abs(share.sum(0) - 100).max() > 0.05 or share[2, 1] < 10:
        raise Mismatch(f'shares of the classes: {share}')
    left, right = panels('out/overlay_000_a.png', WIDTH, HEIGHT)
    equal((left == rgb).all(), True, 'the picture is as it was')
    if (right != rgb).any(2).mean() < 0.5:
        raise Mismatch('nothing is marked')


@test
def bad_pictures():
    Image.fromarray(numpy.zeros((20, 20, 3), 'uint8')).save('whole.png')
    with open('whole.png', 'rb') as f:
        write('cut.png', f.read()[:-30])
    write('text.png', 'not a picture')
    refused('nowhere.png', says='nowhere.png: ')
    refused('cut.png', says='cut.png: ')
    refused('text.png', says='text.png: ')
    equal([n for n in os.listdir('out') if n.endswith('.png')], [], 'overlays')


@test
def bad_use():
    refused('--frames', '0', says='--frames: expected 1 or more')
    refused('--frames', 'x', says="--frames: expected a whole number up to 1000, found 'x'")
    refused('--seed', '1.5', says='--seed: ')
    refused('--min-iou', '2', says='--min-iou: ')
    refused('--bogus', says="'--bogus'")
    refused('--seed', says="'--seed'")
    refused('--model', 'nowhere.onnx', says='nowhere.onnx: ')
    write('file', '')
    refused('-o', 'file/out', says='file')


@test
def bad_models():
    """What the demonstration needs to know of a network stands in its metadata."""
    def changed(**entries):
        m = onnx.load(MODEL)
        for p in m.metadata_props:
            p.value = entries.get(p.key.rpartition('.')[2], p.value)
        onnx.save(m, 'changed.onnx')
        return 'changed.onnx'
    few, black = ','.join(CLASSES[:-1]), ','.join(['#000000'] * len(CLASSES))
    cases = [({'classes': ''}, "'trocar.classes'"),
             ({'classes': few, 'palette': black}, '1x6xHEIGHTxWIDTH'),
             ({'classes': few + ',other'}, "'instrument-tip'"),
             ({'classes': 'a' * 40}, "'trocar.classes'"),
             ({'classes': ','.join(['a'] * 33), 'palette': ','.join(['#000000'] * 33)}, 'at most'),
             ({'palette': 'red'}, "'trocar.palette'"),
             ({'palette': '#12345g'}, "'trocar.palette'")]
    Image.fromarray(numpy.zeros((20, 20, 3), 'uint8')).save('p.png')
    for entries, says in cases:
        # a network without the simulator's classes is fine with pictures, not with a procedure
        pictures = [] if 'instrument-tip' in says else ['p.png']
        refused('--model', changed(**entries), *pictures, says=says)


@test
def the_script_finds_its_parts():
    """scripts/demo.sh works from any folder, with pictures named from there."""
    os.makedirs('tree/build')
    os.makedirs('tree/scripts')
    os.symlink(os.path.join(ROOT, 'models'), 'tree/models')
    shutil.copy(os.path.join(ROOT, 'scripts/demo.sh'), 'tree/scripts')
    holds(run('tree/scripts/demo.sh', code=2).stderr, 'trocar-demo is missing')
    os.symlink(DEMO, 'tree/build/trocar-demo')
    Image.fromarray(numpy.full((24, 32, 3), 90, 'uint8')).save('p.png')
    run('tree/scripts/demo.sh', 'p.png', env=NO_ORT)
    equal(sorted(os.listdir('tree/build/demo')),
          ['engine.plan', 'overlay_000_p.png', 'profile.html'])


if __name__ == '__main__':
    main()
