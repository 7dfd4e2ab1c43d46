#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of fuzz_onnx_read, fuzz_tensor and fuzz_picture with python3-onnx, python3-numpy
and python3-pil:
    tests/fuzz/make_seeds.py        into tests/fuzz/corpus/{onnx_read,onnx_import,tensor,picture}
"""
import io
import os

import numpy
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper
from PIL import Image

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus')


def save(target, name, content):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), 'wb') as f:
        f.write(content)


def value(name, kind=T.FLOAT, shape=('N', 3, None)):
    return h.make_tensor_value_info(name, kind, shape)


def plain_model():
    weight = h.make_tensor('w', T.FLOAT, [2, 2], [1, 2, 3, 4])
    raw = numpy_helper.from_array(numpy.arange(6, dtype='i8').reshape(2, 3), 'shape')
    nodes = [h.make_node('Conv', ['x', 'w', ''], ['y'], 'conv', pads=[1, 1, 1, 1], group=1),
             h.make_node('LeakyRelu', ['y'], ['z'], alpha=0.25, doc_string='text'),
             h.make_node('Cast', ['z'], ['c'], to=T.INT8),
             h.make_node('Constant', [], ['k'], value=weight)]
    graph = h.make_graph(nodes, 'main', [value('x')], [value('c', T.INT8)], [weight, raw],
                         value_info=[value('y', shape=None)])
    model = h.make_model(graph, producer_name='seeds', opset_imports=[
        h.make_opsetid('', 17), h.make_opsetid('ai.onnx.ml', 2)])
    h.set_model_props(model, {'key': 'value'})
    return model


def control_model():
    branch = h.make_graph([h.make_node('Neg', ['x'], ['b'])], 'then', [], [value('b')])
    loop = h.make_graph([h.make_node('If', ['c'], ['s'], then_branch=branch, else_branch=branch)],
                        'body', [value('i', T.INT64, ()), value('c', T.BOOL, ())],
                        [value('c', T.BOOL, ()), value('s')])
    graph = h.make_graph([h.make_node('Loop', ['n', 'c'], ['o'], body=loop)], 'g',
                         [value('n', T.INT64, ())], [value('o')])
    return h.make_model(graph)


def function_model():
    twice = h.make_function('local', 'Twice', ['a'], ['b'], [h.make_node('Add', ['a', 'a'], ['b'])],
                            [h.make_opsetid('', 15)], ['factor'])
    graph = h.make_graph([h.make_node('Twice', ['x'], ['y'], domain='local')], 'g', [value('x')],
                         [value('y')])
    return h.make_model(graph, functions=[twice], opset_imports=[h.make_opsetid('ai.onnx', 15)])


def odd_model():
    """Types that are no tensors, sparse and external data, annotations, training."""
    sequence = h.make_tensor_sequence_value_info('s', T.FLOAT, [1])
    graph = h.make_graph([h.make_node('SequenceLength', ['s'], ['n'])], 'g', [sequence],
                         [value('n', T.INT64, ())])
    dense = h.make_tensor('v', T.FLOAT, [1], [1])
    graph.sparse_initializer.append(h.make_sparse_tensor(
        dense, h.make_tensor('i', T.INT64, [1], [0]), [3]))
    external = graph.initializer.add(name='e', data_type=T.FLOAT, dims=[4],
                                     data_location=T.EXTERNAL)
    external.external_data.add(key='location', value='../w.bin')
    external.external_data.add(key='offset', value='4')
    graph.quantization_annotation.add(tensor_name='n')
    graph.input[0].type.denotation = 'IMAGE'
    model = h.make_model(graph)
    model.training_info.add()
    return model


def nested(levels):
    body = b'\x12\x01g'
    for i in range(levels):
        extra, tag = ((b'\x0a\x01a', b'\x32'), (b'\x22\x01b', b'\x2a'), (b'', b'\x0a'))[i % 3]
        length = len(body)
        n = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
        body = extra + tag + n + body
    n = len(body)
    return b'\x3a' + bytes([n & 127 | 128, n >> 7]) + body


def model_seeds():
    for make in (plain_model, control_model, function_model, odd_model):
        save('onnx_read', make.__name__, make().SerializeToString())
    whole = plain_model().SerializeToString()
    save('onnx_read', 'cut', whole[:len(whole) // 2])
    save('onnx_read', 'nested', nested(99))
    save('onnx_read', 'nested_graphs', nested(12))
    save('onnx_read', 'empty_nodes', b'\x3a\x40' + b'\x0a\x00' * 32)
    save('onnx_read', 'empty_graphs', b'\x3a\x00' * 32)
    save('onnx_read', 'group', b'\x3b\x3c')
    save('onnx_read', 'name_taken_back', b'\x3a\x0b\x6a\x09\x0a\x01v\x0a\x00\x1a\x02hi')
    save('onnx_read', 'unknown', b'\xf2\x3f\x01a\x08\x01\xf2\x3f\x01b\x3a\x03\x12\x01g')


def tensor_seeds():
    for kind, name in ((T.FLOAT, 'f32'), (T.INT8, 'i8'), (T.BOOL, 'bool'), (T.INT64, 'i64'),
                       (T.UINT64, 'u64'), (T.DOUBLE, 'f64'), (T.FLOAT16, 'f16')):
        tensor = h.make_tensor('t', kind, [2, 3], [0, 1, 1, 0, 1, 1])
        save('tensor', 'typed_' + name, tensor.SerializeToString())
    for code in ('?', 'i2', 'f4', 'u8'):
        array = numpy.arange(6).astype(code).reshape(2, 3)
        name = 'bool' if code == '?' else code
        save('tensor', 'raw_' + name, numpy_helper.from_array(array).SerializeToString())
        for order in 'CF':
            out = io.BytesIO()
            numpy.save(out, numpy.asarray(array, order=order))
            save('tensor', f'npy_{name}_{order}', out.getvalue())
    big = io.BytesIO()
    numpy.lib.format.write_array(big, numpy.arange(3, dtype='>i4'), version=(2, 0))
    save('tensor', 'npy_big_endian', big.getvalue())
    four_bits = T(dims=[3], raw_data=b'\xf7\x08')
    four_bits.data_type = 22
    save('tensor', 'raw_i4', four_bits.SerializeToString())
    save('tensor', 'string', h.make_tensor('t', T.STRING, [1], [b'text']).SerializeToString())
    save('tensor', 'lying_dims', b'\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x10\x01\x4a\x01x')


def import_seed(name, nodes, inputs, outputs, constants=(), opset=17):
    """A model that imports: constants are (name, array)."""
    graph = h.make_graph(nodes, name, inputs, outputs,
                         [numpy_helper.from_array(numpy.asarray(v), n) for n, v in constants])
    model = h.make_model(graph, opset_imports=[h.make_opsetid('', opset)])
    save('onnx_import', name, model.SerializeToString())


def import_seeds():
    x, y = value('x', shape=('N', 2, 4, 4)), value('y', shape=None)
    node, f32 = h.make_node, numpy.float32
    kernel = numpy.ones((2, 2, 3, 3), f32)
    channel = numpy.arange(2, dtype=f32) + 1
    import_seed('conv_norm', [node('Conv', ['x', 'w'], ['c'], pads=[1, 1, 1, 1]),
                              node('BatchNormalization', ['c', 's', 's', 's', 's'], ['b']),
                              node('Relu', ['b'], ['y'])], [x], [y],
                [('w', kernel), ('s', channel)])
    import_seed('shapes', [node('Shape', ['x'], ['s']),
                           node('Gather', ['s', 'zero'], ['n'], axis=0),
                           node('Concat', ['n', 'rest'], ['t'], axis=0),
                           node('Reshape', ['x', 't'], ['r']),
                           node('Transpose', ['r'], ['p'], perm=[1, 0]),
                           node('Slice', ['p', 'zero', 'one'], ['y'])], [x], [y],
                [('zero', [0]), ('one', [1]), ('rest', [-1])])
    import_seed('pool_resize', [node('MaxPool', ['x'], ['m'], kernel_shape=[2, 2], strides=[2, 2]),
                                node('Resize', ['m', '', 'scales'], ['z'], mode='linear'),
                                node('Split', ['z'], ['a', 'b'], axis=1),
                                node('Softmax', ['a'], ['q'], axis=1),
                                node('Mul', ['q', 'b'], ['y'])], [x], [y],
                [('scales', numpy.array([1, 1, 2, 2], f32))])
    import_seed('quantized', [node('QuantizeLinear', ['x', 's', 'z'], ['q']),
                              node('ConvInteger', ['q', 'w', 'z'], ['c']),
                              node('Cast', ['c'], ['f'], to=T.FLOAT),
                              node('DequantizeLinear', ['q', 's', 'z'], ['d']),
                              node('GlobalAveragePool', ['d'], ['g']),
                              node('Add', ['f', 'g'], ['y'])], [x], [y],
                [('s', f32(0.5)), ('z', numpy.uint8(3)), ('w', numpy.ones((2, 2, 1, 1), 'i1'))])
    vector = value('x', shape=('N', 2))
    body = h.make_graph([node('Add', ['v', 'x'], ['u']), node('Identity', ['k'], ['j'])], 'body',
                        [value('i', T.INT64, []), value('k', T.BOOL, []), value('v', shape=None)],
                        [value('j', T.BOOL, []), value('u', shape=None)])
    import_seed('loop', [node('Loop', ['trips', 'go', 'x'], ['y'], body=body)], [vector], [y],
                [('trips', 3), ('go', True)])
    sides = [h.make_graph([node(op, ['x'], [name])], op, [], [value(name, shape=None)])
             for op, name in (('Neg', 'a'), ('Abs', 'b'))]
    import_seed('branches', [node('ReduceMax', ['x'], ['top'], keepdims=0),
                             node('Greater', ['top', 'zero'], ['c']),
                             node('If', ['c'], ['y'], then_branch=sides[0], else_branch=sides[1])],
                [vector], [y], [('zero', f32(0))])
    step = h.make_graph([node('Add', ['s', 'e'], ['t']), node('Mul', ['t', 'e'], ['o'])], 'step',
                        [value('s', shape=(2,)), value('e', shape=(2,))],
                        [value('t', shape=None), value('o', shape=None)])
    import_seed('scan', [node('Scan', ['zero', 'x'], ['last', 'y'], body=step, num_scan_inputs=1)],
                [vector], [y], [('zero', numpy.zeros(2, f32))])
    import_seed('found', [node('NonZero', ['x'], ['i']), node('Transpose', ['i'], ['t']),
                          node('GatherND', ['x', 't'], ['g']),
                          node('TopK', ['g', 'k'], ['v', 'y'])], [vector],
                [value('y', T.INT64, None)], [('k', [1])])


def picture_seeds():
    pixels = numpy.random.default_rng(1).integers(0, 256, (7, 9, 3), dtype='u1')
    rgb = Image.fromarray(pixels)
    deep = Image.fromarray(pixels[:, :, 0].astype('u2') * 257)
    kinds = {'png_rgb': (rgb, 'PNG', {}), 'png_grey': (rgb.convert('L'), 'PNG', {}),
             'png_palette': (rgb.convert('P'), 'PNG', {}), 'png_16': (deep, 'PNG', {}),
             'png_bits': (rgb.convert('1'), 'PNG', {}), 'jpeg_rgb': (rgb, 'JPEG', {}),
             'jpeg_grey': (rgb.convert('L'), 'JPEG', {}),
             'jpeg_progressive': (rgb, 'JPEG', {'progressive': True}),
             'tiff': (rgb, 'TIFF', {}), 'tiff_lzw': (rgb, 'TIFF', {'compression': 'tiff_lzw'}),
             'webp': (rgb, 'WEBP', {}), 'webp_lossless': (rgb, 'WEBP', {'lossless': True}),
             'jpeg2000': (rgb, 'JPEG2000', {}), 'bmp': (rgb, 'BMP', {}),
             'bmp_palette': (rgb.convert('P'), 'BMP', {}), 'ppm': (rgb, 'PPM', {}),
             'pgm': (rgb.convert('L'), 'PPM', {})}
    for name, (picture, kind, options) in kinds.items():
        out = io.BytesIO()
        picture.save(out, kind, **options)
        save('picture', name, out.getvalue())


if __name__ == '__main__':
    model_seeds()
    tensor_seeds()
    import_seeds()
    picture_seeds()
