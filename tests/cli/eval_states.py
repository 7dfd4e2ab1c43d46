#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocar eval of networks with more than pictures: states, facts of the camera; their energy."""
import base64
import io
import json
import os
import re

import numpy
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from _eval_kit import DEPTH, group, judge_takes, metric, near, write_recurrent, write_takes
from _kit import emulator, equal, holds, main, need_ort, test, trocar


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


# ---- energy --------------------------------------------------------------------------------


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


if __name__ == '__main__':
    main()
