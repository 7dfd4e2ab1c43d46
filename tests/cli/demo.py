#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Networks on pictures, "make pictures": its figures against ones computed here."""
import json
import os
import re
import shutil
import subprocess

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from _kit import ROOT, Mismatch, equal, holds, main, need_ort, test, trocar, write

DEMO = os.path.join(os.environ.get('TROCAR_BUILD', os.path.join(ROOT, 'build')), 'trocar-demo')
MODEL = os.path.join(ROOT, 'models', 'endoscopy_unet.onnx')
RECORD = os.path.join(ROOT, 'models', 'endoscopy_unet.json')
SEED, WIDTH, HEIGHT = 4000003, 640, 360
NO_ORT = {'TROCAR_ORT_LIBRARY': '/nowhere/libonnxruntime.so'}
TIMEOUT = 300

with open(RECORD, encoding='utf-8') as file:
    CLASSES = json.load(file)['outputs']['logits']['names']


def run(*command, code=0, env=None):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=TIMEOUT,
                          errors='replace', stdin=subprocess.DEVNULL,
                          env={**os.environ, **(env or {})})
    if done.returncode != code:
        raise Mismatch(f'{" ".join(map(str, command))}: exit {done.returncode}, expected {code}: '
                       f'{(done.stderr + done.stdout).strip()[-500:]}')
    return done


def demo(*arguments, networks=(MODEL,), code=0, env=None):
    given = [text for path in networks for text in ('--network', path)]
    return run(DEMO, *given, '-o', 'out', *arguments, code=code, env=env)


def refused(*arguments, says, networks=(MODEL,)):
    """Exit 2, and one line that tells why."""
    err = demo(*arguments, networks=networks, code=2, env=NO_ORT).stderr
    equal(err.count('\n'), 1, 'lines on standard error')
    holds(err, 'trocar-demo: ', says)


# ---- networks that always say the same -------------------------------------------------------


INPUT = (18, 32)


def constant(name, output, values, **record):
    """NAME.onnx with its record, for pictures of 32x18."""
    values = numpy.asarray(values, numpy.float32)
    nodes = [helper.make_node('ReduceMean', ['image'], ['mean'], axes=[1, 2, 3], keepdims=0),
             helper.make_node('Mul', ['mean', 'zero'], ['nothing']),
             helper.make_node('Add', ['nothing', 'values'], [output])]
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 3, *INPUT])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, values.shape)],
        [numpy_helper.from_array(numpy.zeros(1, numpy.float32), 'zero'),
         numpy_helper.from_array(values, 'values')])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8),
              name + '.onnx')
    with open(name + '.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'image': {'format': 'rgb8'}}, 'outputs': {output: record}}, f)
    return name + '.onnx'


def halves(names=('liver', 'fat')):
    """Classes: the first on the left, the second on the right."""
    scores = numpy.zeros((1, len(names), *INPUT))
    scores[0, 0, :, :16] = scores[0, 1, :, 16:] = 1
    return constant('pixels', 'logits', scores, decode='classes', names=names)


KINDS = ['hook', 'grasper', 'scissors']


def detector(boxes, **record):
    """boxes: corners in pixels of a frame, kind, score."""
    columns = numpy.zeros((1, 4 + len(KINDS), max(len(boxes), 2)))
    for i, (corners, kind, score) in enumerate(boxes):
        x0, y0, x1, y1 = numpy.array(corners) * INPUT[0] / HEIGHT
        columns[0, :4, i] = (x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0
        columns[0, 4 + KINDS.index(kind), i] = score
    return constant('boxes', 'found', columns,
                    **{'decode': 'boxes', 'names': KINDS, **record})


def depths():
    """From 40 mm at the left to 100 mm at the right."""
    plane = numpy.broadcast_to(numpy.linspace(4, 10, INPUT[1]), (1, 1, *INPUT))
    return constant('depth', 'cm', plane, decode='linear', scale=10)


def depths_by_focal_length(optics):
    """100 mm times the focal length; the picture is the second input."""
    nodes = [helper.make_node('ReduceMean', ['image'], ['mean'], axes=[1, 2, 3], keepdims=0),
             helper.make_node('Mul', ['mean', 'zero'], ['nothing']),
             helper.make_node('Mul', ['focal', 'values'], ['seen']),
             helper.make_node('Add', ['nothing', 'seen'], ['mm'])]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, 'optical', [info('focal', TensorProto.FLOAT, [1]),
                           info('image', TensorProto.FLOAT, [1, 3, *INPUT])],
        [info('mm', TensorProto.FLOAT, [1, 1, *INPUT])],
        [numpy_helper.from_array(numpy.zeros(1, numpy.float32), 'zero'),
         numpy_helper.from_array(numpy.full((1, 1, *INPUT), 100, numpy.float32), 'values')])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8),
              'optical.onnx')
    with open('optical.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'image': {'format': 'rgb8'}}, 'optics': optics,
                   'outputs': {'mm': {'decode': 'linear'}}}, f)
    return 'optical.onnx'


LANDMARKS = ['gallbladder-neck', 'gallbladder-fundus']


def landmarks(cells, **record):
    """cells: x and y in a map of 32x18, by name; None: not found."""
    maps = numpy.zeros((1, 2, *INPUT))
    for i, name in enumerate(LANDMARKS):
        if cells.get(name):
            x, y = cells[name]
            maps[0, i, y, x] = 0.9
    return constant('points', 'heat', maps, **{'decode': 'peaks', 'names': LANDMARKS,
                                               'space': 'network', 'refine': 'none',
                                               'threshold': 0.3, **record})


# ---- pictures and figures --------------------------------------------------------------------


def rows(text):
    """{class: [figures]} of the table of classes."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(' ')
        if name in (*CLASSES, 'mean') and re.fullmatch(r'[\d. %-]+', rest):
            found[name] = [float(v) for v in re.findall(r'[\d.]+', rest)]
    equal([name for name in CLASSES if name not in found], [], 'classes without a row')
    return found


def figures(text):
    """{what: figure} of the table of the networks that do not segment."""
    lines = re.findall(r'^(?:instruments|depth|landmarks) +(\S.*?)  +(\S.*)$', text, re.M)
    return dict(lines)


def pixels(path):
    with Image.open(path) as picture:
        return numpy.array(picture)


def panels(path, width, height):
    """The four views of an overlay: marks, classes, depth, truth. Above them stand a heading and
    titles, between them gaps, below a legend."""
    a = pixels(path)
    if a.shape[0] < 2 * height or a.shape[1] < 2 * width:
        raise Mismatch(f'{path}: {a.shape[1]}x{a.shape[0]} cannot hold four of {width}x{height}')
    unit = max(height / 200, 2)
    strip, right = int(13 * unit), a.shape[1] - width
    lines = [2 * strip, 3 * strip + height]
    return [a[y:y + height, x:x + width] for y in lines for x in (0, right)]


def spline(n_out, n_in):
    """Neighbours on an axis and their weights: [n_out, 3] each."""
    x = ((numpy.arange(n_out, dtype=numpy.float32) + 0.5) * n_in / n_out - 0.5)
    middle = numpy.floor(x + 0.5)
    t = x - middle
    at = numpy.clip(middle[:, None] + [-1, 0, 1], 0, n_in - 1).astype(int)
    return at, numpy.stack([(0.5 - t) ** 2 / 2, 0.75 - t * t, (0.5 + t) ** 2 / 2], 1)


def enlarged(labels, n_classes):
    """Of trocar's classes: those of each pixel of a frame."""
    ya, yw = spline(HEIGHT, labels.shape[0])
    xa, xw = spline(WIDTH, labels.shape[1])
    weights = numpy.zeros((n_classes, HEIGHT, WIDTH), numpy.float32)
    rows_of, columns_of = numpy.indices((HEIGHT, WIDTH))
    for i in range(3):
        for k in range(3):
            near = labels[ya[:, i]][:, xa[:, k]]
            weights[near, rows_of, columns_of] += yw[:, i, None] * xw[None, :, k]
    return weights.argmax(0)


def sim(i):
    """Picture i of the same procedure as trocar draws it: frame, names of labels, depth in mm and
    the rest of the truth."""
    trocar('sim', 'endoscopy', '-o', 'sim', '--seed', SEED, '--size', f'{WIDTH}x{HEIGHT}',
           '--frames', 1, '--fps', 25, '--first', FRAMES_APART * i, '--truth')
    with open('sim/labels.tsv', encoding='utf-8') as f:
        names = numpy.array([line.split('\t')[1] for line in list(f)[1:]])
    with open('sim/frames.jsonl', encoding='utf-8') as f:
        truth = json.loads(f.readline())['truth']
    return (pixels('sim/frame_0000.png'), names[pixels('sim/label_0000.png')],
            pixels('sim/frame_0000.depth.png') / 100, truth)


def focal_length():
    """Of what sim drew."""
    with open('sim/frames.jsonl', encoding='utf-8') as f:
        return json.loads(f.readline())['focal_length']


FRAMES_APART = 250


def same_figures(table, confusion):
    """The table against counts [exact, found]."""
    both, exact, found = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    with numpy.errstate(invalid='ignore'):
        iou = both / (exact + found - both)
    for i, name in enumerate(CLASSES):
        want = [100 * found[i] / found.sum(), 100 * exact[i] / exact.sum(), iou[i]]
        want = [v for v in want if not numpy.isnan(v)]
        if not numpy.allclose(table[name], want, rtol=0, atol=[0.01, 0.006, 0.0005][:len(want)]):
            raise Mismatch(f'{name}: expected {want}, found {table[name]}')
    mean = iou[exact > 0].mean()
    if abs(table['mean'][0] - mean) > 0.0005:
        raise Mismatch(f'mean IoU: expected {mean}, found {table["mean"][0]}')


@test
def a_procedure():
    """Frames as the simulator draws them, figures as NumPy computes them from trocar's outputs,
    overlays that differ from the frames where something is marked."""
    out = demo('--frames', 2, '--min-iou', 0.9, env=NO_ORT).stdout
    confusion = numpy.zeros((len(CLASSES), len(CLASSES)), int)
    for i in range(2):
        frame, names, _, truth = sim(i)
        step = truth['step']
        path = f'out/frame_{i:03d}.png'
        equal(numpy.abs(pixels(path).astype(int) - frame).max(), 0, f'{path}: difference')
        trocar('run', MODEL, '--record', RECORD, '-i', path, '-o', 'classes')
        labels = numpy.load('classes/output_0.npy')[0]
        found = enlarged(labels, len(CLASSES))
        exact = numpy.array([CLASSES.index(n) if n in CLASSES else 255 for n in names.flat])
        exact = exact.reshape(names.shape)
        known = exact < 255
        numpy.add.at(confusion, (exact[known], found[known]), 1)
        marks, classes, _, exactly = panels(f'out/overlay_{i:03d}.png', WIDTH, HEIGHT)
        for view, label in ((classes, found), (exactly, numpy.where(known, exact, 0))):
            changed = (view != frame).any(2)
            if changed[label > 0].mean() < 0.95 or changed[label == 0].mean() > 0.06:
                raise Mismatch(f'overlay {i}: changed: {changed[label > 0].mean():.3f} of what is '
                               f'marked, {changed[label == 0].mean():.3f} of the rest')
        if (classes == exactly).all():
            raise Mismatch(f'overlay {i}: what was found and what is exact look the same')
        share = (marks != frame).any(2).mean()
        if not 0.005 < share < 0.15:
            raise Mismatch(f'overlay {i}: outlines change {share:.3f} of the frame')
        holds(out, f'{10.0 * i} s  {step}  ')
    same_figures(rows(out), confusion)


@test
def an_instrument_is_outlined_in_its_colour():
    demo('--frames', 1, env=NO_ORT)
    marks = panels('out/overlay_000.png', WIDTH, HEIGHT)[0]
    for name, colour in (('shaft', (48, 128, 240)), ('tip', (64, 232, 240))):
        n = (marks == numpy.array(colour)).all(2).sum()
        if n < 100:
            raise Mismatch(f'instrument-{name}: expected an outline, found {n} pixels of it')


@test
def boxes_depths_and_landmarks():
    """Networks that say what is known here: figures against the truth of one frame."""
    _, _, depth, truth = sim(0)
    boxes = [(t['box'], t['kind'], 0.9) for t in truth['instruments'] if t['pixels']]
    x, y = truth['landmarks']['gallbladder-fundus']['px']
    cell = int(x * INPUT[1] / WIDTH), int(y * INPUT[0] / HEIGHT)
    networks = [detector(boxes + [((5, 5, 60, 60), 'scissors', 0.8),
                                  ((300, 5, 360, 60), 'hook', 0.28)]), depths(),
                landmarks({'gallbladder-fundus': cell})]
    out = demo('--frames', 1, networks=networks, env=NO_ORT).stdout
    found = figures(out)
    equal(found['found with IoU 0.5, score 0.3'], f'{len(boxes)} of {len(boxes)}', 'boxes')
    equal(found['found where none is'], '1', 'false boxes')
    equal(found['mAP50'], '1.0000', 'mAP50')  # scissors are not in the frame
    at = numpy.clip((numpy.arange(WIDTH) + 0.5) * INPUT[1] / WIDTH - 0.5, 0, INPUT[1] - 1)
    said = numpy.broadcast_to(40 + 60 * at / (INPUT[1] - 1), depth.shape)
    there = depth > 0
    want = (abs(said - depth)[there] / depth[there]).mean() * 100
    got = float(found['mean of |depth - true| / true'].split()[0])
    if abs(got - want) > 0.02:
        raise Mismatch(f'depth: expected {want:.3f} % off, found {got}')
    off = numpy.hypot((cell[0] + 0.5) * WIDTH / INPUT[1] - x,
                      (cell[1] + 0.5) * HEIGHT / INPUT[0] - y)
    equal(found['distance of gallbladder-fundus'], f'{off:.2f} px', 'landmark')
    n_seen = sum(truth['landmarks'][name]['visible'] for name in LANDMARKS)
    equal(found['found of those in sight'], f'1 of {n_seen}', 'landmarks')


@test
def what_is_found_is_drawn():
    """A box, a landmark and depths where the networks say that they are."""
    box = (100, 120, 260, 240)
    demo('--frames', 1, networks=[detector([(box, 'hook', 0.75)]), depths(),
                                  landmarks({'gallbladder-fundus': (20, 9)})], env=NO_ORT)
    frame = pixels('out/frame_000.png')
    marks, classes, depth, _ = panels('out/overlay_000.png', WIDTH, HEIGHT)
    changed = (marks != frame).any(2)
    for x0, y0, x1, y1, what in ((100, 120, 260, 122, 'upper border'),
                                 (258, 120, 260, 240, 'right border'),
                                 (102, 106, 180, 118, 'plate'), (401, 180, 409, 198, 'target')):
        if changed[y0:y1, x0:x1].mean() < 0.6:
            raise Mismatch(f'{what}: {changed[y0:y1, x0:x1].mean():.2f} of it is drawn')
    equal(changed[130:230, 110:250].any(), False, 'drawn inside of the box')
    equal((classes == frame).all(), True, 'no network segments: the frame is as it was')
    near, far = depth[180, 20].astype(int), depth[180, 560].astype(int)
    if near[0] - near[2] < 50 or far[2] - far[0] < 50:
        raise Mismatch(f'depth: expected warm colours near, cold ones far, found {near}, {far}')


@test
def a_network_is_told_the_focal_length():
    _, _, depth, _ = sim(0)
    network = depths_by_focal_length({'focal': 'focal_length'})
    out = demo('--frames', 1, networks=[network], env=NO_ORT).stdout
    seen = depth > 0
    want = numpy.abs(100 * focal_length() / depth[seen] - 1).mean() * 100
    found = float(figures(out)['mean of |depth - true| / true'].split()[0])
    if abs(found - want) > 0.06:
        raise Mismatch(f'depth: expected {want:.2f} % off, found {found}')
    Image.new('RGB', (64, 36)).save('p.png')
    demo('p.png', '--focal-length', '2', networks=[network], env=NO_ORT)
    near = pixels('out/overlay_000_p.png')
    demo('p.png', '--focal-length', '0.4', networks=[network], env=NO_ORT)
    if (near == pixels('out/overlay_000_p.png')).all():
        raise Mismatch('--focal-length changes no depth')
    refused('--frames', '1', networks=[depths_by_focal_length({})],
            says="expected one input besides the record's 0 optics, found 2 inputs")


@test
def another_engine_agrees():
    need_ort()
    cells = {'gallbladder-fundus': (20, 9)}
    out = demo('--frames', 1, networks=[
        MODEL, detector([((9, 9, 99, 99), 'hook', 0.75)]),
        depths_by_focal_length({'focal': 'focal_length'}), landmarks(cells)]).stdout
    holds(out, ', ONNX Runtime ')
    for name, unit, most in (('segmentation', '% of pixels', 0.1), ('instruments', 'px', 1e-3),
                             ('depth', 'mm', 1e-3), ('landmarks', 'px', 1e-3)):
        number = r'([\d.e+-]+)'
        found = re.search(rf'^{name} +{number} +{number} +{number} +{number}x +{number} +'
                          rf'{number} {unit} +{number} {unit}$', out, re.M)
        if not found:
            raise Mismatch(f'no line of {name} in {out!r}')
        _, rate, _, speed, _, ours, theirs = map(float, found.groups())
        if not (rate >= 0 and speed > 0 and ours <= most and theirs <= most):
            raise Mismatch(f'{name}: {found[0]}')


@test
def engines_are_built_and_profiled():
    out = demo('--frames', 1, networks=[halves(), depths()], env=NO_ORT).stdout
    holds(out, '\nsegmentation ', '\ndepth ', 'pixels.html depth.html')
    for name in ('pixels', 'depth'):
        trocar('verify', f'out/{name}.plan')
        with open(f'out/{name}.html', encoding='utf-8') as f:
            holds(f.read(), '<svg', 'Slowest steps', f'out/{name}.plan')


@test
def no_other_engine_is_said():
    out = demo('--frames', 1, networks=[depths()], env=NO_ORT).stdout
    holds(out, '\ndepth ', 'no other engine', NO_ORT['TROCAR_ORT_LIBRARY'])


@test
def names_that_a_network_lacks_are_left_out():
    out = demo('--frames', 1, networks=[halves()], env=NO_ORT).stdout
    _, names, _, _ = sim(0)
    lacking = [n for n in sorted(set(names.flat)) if n not in ('liver', 'fat')]
    holds(out, 'left out, since it does not know them: outside, ', *lacking)
    known = (names == 'liver') | (names == 'fat')
    left = numpy.arange(WIDTH)[None, :] < WIDTH // 2
    want = 100 * (known & left).sum() / known.sum()
    found = float(re.search(r'^liver +([\d.]+) %', out, re.M)[1])
    if abs(found - want) > 0.2:
        raise Mismatch(f'liver: expected {want:.2f} % of what it knows, found {found}')


@test
def a_gate_that_fails():
    done = demo('--frames', 1, '--min-iou', 1, code=1, networks=[halves()], env=NO_ORT)
    holds(done.stderr, 'trocar-demo: expected a mean IoU of 1 or more, found 0.')
    done = demo('--frames', 1, '--min-iou', 0.1, code=1, networks=[depths()], env=NO_ORT)
    holds(done.stderr, 'trocar-demo: expected a mean IoU of 0.1 or more, found nan')


@test
def pictures_of_the_user():
    rgb = sim(0)[0]
    Image.fromarray(rgb).save('a.png')
    Image.fromarray(rgb).resize((64, 36)).save('small one.jpg')
    out = demo('a.png', 'small one.jpg', networks=[
        MODEL, detector([((9, 9, 99, 99), 'hook', 0.75)])], env=NO_ORT).stdout
    holds(out, 'overlay_000_a.png', 'overlay_001_small_one.png')
    share = numpy.array([rows(out)[name] for name in CLASSES])
    equal(share.shape, (len(CLASSES), 3))  # together, and each picture
    if numpy.abs(share.sum(0) - 100).max() > 0.05 or share[2, 1] < 10:
        raise Mismatch(f'shares of the classes: {share}')
    marks, classes, _, picture = panels('out/overlay_000_a.png', WIDTH, HEIGHT)
    equal((picture == rgb).all(), True, 'the picture is as it was')
    if (classes != rgb).any(2).mean() < 0.5 or (marks != rgb).any(2).mean() < 0.005:
        raise Mismatch('nothing is marked')


@test
def bad_pictures():
    Image.fromarray(numpy.zeros((20, 20, 3), 'uint8')).save('whole.png')
    with open('whole.png', 'rb') as f:
        write('cut.png', f.read()[:-30])
    write('text.png', 'not a picture')
    networks = [halves()]
    refused('nowhere.png', says='nowhere.png: ', networks=networks)
    refused('cut.png', says='cut.png: ', networks=networks)
    refused('text.png', says='text.png: ', networks=networks)
    equal([n for n in os.listdir('out') if n.endswith('.png')], [], 'overlays')


@test
def bad_use():
    refused('--frames', '0', says='--frames: expected 1 or more')
    refused('--frames', 'x', says="--frames: expected a whole number up to 1000, found 'x'")
    refused('--seed', '1.5', says='--seed: ')
    refused('--min-iou', '2', says='--min-iou: ')
    refused('--focal-length', '0', says='--focal-length: expected widths of a picture, above 0')
    refused('--bogus', says="'--bogus'")
    refused('--seed', says="'--seed'")
    refused('--frames', '1', networks=['nowhere.onnx'], says='nowhere.json: ')
    refused('--frames', '1', networks=[MODEL] * 5, says='--network: expected at most 4')
    network = halves()
    refused('--frames', '1', networks=[network, network],
            says='pixels.onnx: expected one network of each kind, found pixels.onnx before it')
    write('file', '')
    refused('-o', 'file/out', says='file')


@test
def bad_records():
    """What the demonstration needs to know of a network stands in its record."""
    cells = {'gallbladder-fundus': (20, 9)}
    scores = numpy.zeros((1, 2))
    cases = [(constant('net', 'y', scores, decode='scores', names=['a', 'b']),
              'net.json: outputs.y: expected classes, boxes, linear or peaks, found scores'),
             (landmarks(cells, space='map'), 'outputs.heat.space: expected frame'),
             (constant('many', 'y', numpy.zeros((1, 33, *INPUT)), decode='classes',
                       names=[f'n{i}' for i in range(33)]), '1 to 32 of them, found 33'),
             (constant('none', 'y', numpy.zeros((1, 3, *INPUT)), decode='classes'),
              'none.json: record, outputs.y: expected the key names')]
    for network, says in cases:
        refused('--frames', '1', networks=[network], says=says)


@test
def the_script_finds_its_parts():
    """scripts/pictures.sh works from any folder, with pictures named from there."""
    os.makedirs('tree/build')
    os.makedirs('tree/scripts')
    os.symlink(os.path.join(ROOT, 'models'), 'tree/models')
    shutil.copy(os.path.join(ROOT, 'scripts/pictures.sh'), 'tree/scripts')
    holds(run('tree/scripts/pictures.sh', code=2).stderr, 'trocar-demo is missing')
    os.symlink(DEMO, 'tree/build/trocar-demo')
    Image.fromarray(numpy.full((24, 32, 3), 90, 'uint8')).save('p.png')
    run('tree/scripts/pictures.sh', 'p.png', env=NO_ORT)
    names = [f'endoscopy_{n}.{e}' for n in SHOWN for e in ('html', 'plan')]
    equal(sorted(os.listdir('tree/build/demo')), sorted([*names, 'overlay_000_p.png']))


SHOWN = ['unet', 'detector', 'depth', 'landmarks']  # of models/

if __name__ == '__main__':
    main()
