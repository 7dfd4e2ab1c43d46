#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Networks that read camera frames: records in build, run, compare, verify and inspect."""
import json

import numpy
import onnx
from PIL import Image

from _kit import (F32, close, equal, holds, info, main, model, node, read_json, refused, tensor,
                  test, trocar, weight, write)


def record(**fields):
    return write('net.json', json.dumps({'inputs': {'x': fields}}))


def identity(shape):
    """The network hands out what it reads."""
    return model('net.onnx', [node('Mul', 'x one', 'y')], [info('x', F32, shape)],
                 [info('y', F32, shape)], [weight('one', 1)])


def build(m, r):
    trocar('build', m, '--record', r, '-o', 'net.plan', '--tune', 0)


def rgb_of_nv12(frame, kr, kb, is_full):
    """[h * 3 / 2, w] to [3, h, w], by the definition of Y'CbCr."""
    h = frame.shape[0] // 3 * 2
    y = frame[:h].astype(float)
    pairs = frame[h:].reshape(h // 2, -1, 2).repeat(2, 0).repeat(2, 1).astype(float) - 128
    y = y / 255 if is_full else (y - 16) / 219
    cb, cr = (pairs[..., i] / (255 if is_full else 224) for i in (0, 1))
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    return numpy.clip([r, (y - kr * r - kb * b) / (1 - kr - kb), b], 0, 1) * 255


def resized(planes, h, w):
    """Bilinear, pixel centres at half."""
    for axis, n in ((1, h), (2, w)):
        size = planes.shape[axis]
        at = numpy.clip((numpy.arange(n) + 0.5) * size / n - 0.5, 0, size - 1)
        low = numpy.floor(at).astype(int)
        t = (at - low).reshape([-1 if a == axis else 1 for a in range(3)])
        high = numpy.minimum(low + 1, size - 1)
        planes = planes.take(low, axis) * (1 - t) + planes.take(high, axis) * t
    return planes


@test
def frames_give_what_the_formula_gives():
    mean, std = numpy.array([0.4, 0.5, 0.6]), numpy.array([0.2, 0.3, 0.4])
    frame = numpy.random.default_rng(3).integers(0, 256, (1, 54, 64), 'uint8')
    x = tensor('x.npy', frame, 'uint8')
    build(identity([1, 3, 32, 32]),
          record(format='nv12', matrix='bt709', range='limited', source=[36, 64],
                 resize='letterbox', pad=114, scale=1 / 255, mean=list(mean), std=list(std)))
    trocar('run', 'net.plan', '-i', x, '-o', 'out')
    want = numpy.full((3, 32, 32), 114.0)
    want[:, 7:25] = resized(rgb_of_nv12(frame[0], 0.2126, 0.0722, False), 18, 32)
    want = (want / 255 - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)
    close(numpy.load('out/output_0.npy')[0], want, 1e-4)


@test
def models_and_plans_take_the_same_frames():
    m = identity(['n', 16, 16, 1])
    r = record(format='bgra8', source=[20, 30], resize='crop', order='gray')
    build(m, r)
    trocar('verify', 'net.plan')
    trocar('compare', '--record', r, 'ref:' + m, 'net.plan', m, '--random', 2, '--shapes',
           'x=2x20x30x4')
    trocar('bench', '--record', r, m, 'net.plan', '--shapes', 'x=1x20x30x4', '--duration', 0.1)
    trocar('inspect', 'net.plan', '--json', 'i.json')
    holds(trocar('inspect', 'net.plan').out, 'Frames', 'bgra8', 'crop', 'gray')
    equal([(i['name'], i['type']) for i in read_json('i.json')['inputs']], [('x', 'u8[n,20,30,4]')])


@test
def pictures_become_frames():
    m = identity([1, 3, 2, 4])
    Image.new('RGB', (4, 2), (10, 120, 230)).save('p.png')
    for fields in ({'format': 'rgb8'}, {'format': 'bgr8'}, {'format': 'rgba8'},
                   {'format': 'nv12', 'matrix': 'bt601', 'range': 'full'},
                   {'format': 'yuyv', 'matrix': 'bt709', 'range': 'limited'}):
        build(m, record(**fields))
        trocar('run', 'net.plan', '-i', 'p.png', '-o', 'out')
        found = numpy.load('out/output_0.npy')[0, :, 1, 2]
        equal(numpy.abs(found - [10, 120, 230]).max() <= 2, True)


@test
def metadata_says_what_a_record_leaves_out():
    m = identity([1, 3, 2, 4])
    proto = onnx.load(m)
    for key, value in (('colour', 'bgr'), ('scale', '0.5'), ('mean', '1,2,3'), ('std', '2')):
        proto.metadata_props.add(key='trocar.input.' + key, value=value)
    onnx.save(proto, m)
    frame = tensor('x.npy', numpy.full((1, 2, 4, 3), [10, 20, 30]), 'uint8')
    build(m, record(format='rgb8', std=4))
    trocar('run', 'net.plan', '-i', frame, '-o', 'out')
    close(numpy.load('out/output_0.npy')[0, :, 1, 2],
          [(30 * .5 - 1) / 4, (20 * .5 - 2) / 4, (10 * .5 - 3) / 4])


@test
def a_record_for_other_frames():
    m = identity([1, 3, 18, 32])
    r = record(format='rgb8', scale=1 / 255, mean=[0.4, 0.5, 0.6], std=0.25)
    frame = numpy.random.default_rng(5).integers(0, 256, (1, 54, 64), 'uint8')
    x = tensor('x.npy', frame, 'uint8')
    trocar('build', m, '--record', r, '--frames', 'nv12:64x36:bt601:full', '-o', 'net.plan',
           '--tune', 0)
    trocar('run', 'net.plan', '-i', x, '-o', 'out')
    want = resized(rgb_of_nv12(frame[0], 0.299, 0.114, True), 18, 32) / 255
    close(numpy.load('out/output_0.npy')[0], (want - [[[0.4]], [[0.5]], [[0.6]]]) / 0.25, 1e-4)
    for frames, text in (('nv12', 'expected FORMAT:WIDTHxHEIGHT'), ('nv12:64', 'found'),
                         ('rgb8:64x36:bt709', 'expected FORMAT'), ('nv12:63x36', 'even height'),
                         ('h264:64x36', 'format: expected one of rgb8')):
        refused('build', m, '--record', r, '--frames', frames, '-o', 'none.plan', says=text)
    refused('build', m, '--frames', 'nv12:64x36', '-o', 'none.plan', says='--record FILE with it')
    refused('build', m, '--record', write('none.json', '{}'), '--frames', 'nv12:64x36', '-o',
            'none.plan', says='none.json: expected inputs that take frames')


@test
def wrong_records_are_refused():
    m = identity([1, 3, 2, 4])

    def says(r, text):
        refused('build', m, '--record', r, '-o', 'net.plan', says=text)

    says('none.json', 'none.json: cannot read')
    says(write('a.json', '{'), 'a.json: line 1')
    says(record(format='rgb'), "net.json: inputs.x.format: expected one of rgb8")
    says(record(format='rgb8', source=[3, 4]), 'net.onnx: record, inputs.x: source: expected 2 x 4')
    holds(trocar('build', '--help').out, '--record')


main()
