#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models that are damaged or contradict themselves, through run, edit and inspect: exit 2, a
message that names file, node and reason, within a second of processor time and 100 MB; and what
stood in the place of the result stays."""
import os
import struct
import sys
import tempfile
import zlib

import numpy
import onnx
from onnx import AttributeProto, TensorProto, helper

from _kit import (BOOL, F32, I64, Mismatch, TROCAR, info, main, model, node, read, tensor, test,
                  weight, write)

# Sanitizers take many times as long, and keep what is freed.
SCALE = 20 if 'ASAN_OPTIONS' in os.environ else 1
MAX_SECONDS = 1.0 * SCALE
MAX_BYTES = 100e6 * SCALE


def measured(*arguments):
    """Exit code, standard error, processor time and peak memory of one run."""
    with tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            os.dup2(0, 1)
            os.dup2(err.fileno(), 2)
            try:
                os.execv(TROCAR, [TROCAR, *map(str, arguments)])
            finally:
                os._exit(127)
        _, status, usage = os.wait4(pid, 0)
        err.seek(0)
        text = err.read().decode('utf-8')
    return (os.waitstatus_to_exitcode(status), text, usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * 1024)


def check(arguments, words, code=2):
    found, err, seconds, n_bytes = measured(*arguments)
    command = ' '.join(map(str, arguments))
    lines = err.strip().split('\n')
    if found != code:
        raise Mismatch(f'{command}: exit {found}, expected {code}: {lines[-1]}')
    if not lines[-1].startswith('trocar: '):
        raise Mismatch(f'{command}: expected a line "trocar: ...", found {lines[-1]!r}')
    for word in words:
        if word not in lines[-1]:
            raise Mismatch(f'{command}: expected {word!r} in {lines[-1]!r}')
    if seconds > MAX_SECONDS or n_bytes > MAX_BYTES:
        raise Mismatch(f'{command}: {seconds:.2f} s and {n_bytes / 1e6:.0f} MB, expected at most '
                       f'{MAX_SECONDS} s and {MAX_BYTES / 1e6:.0f} MB')


def bad(path, *words, inputs=()):
    """Every verb that takes a model refuses it."""
    given = [a for i in inputs for a in ('-i', i)]
    words = [os.path.basename(path), *words]
    check(['run', path, *given], words)
    write('result.onnx', 'from before')
    check(['edit', path, '-o', 'result.onnx', '--simplify'], words)
    if read('result.onnx') != 'from before':
        raise Mismatch('the file in place of the result has changed')
    os.remove('result.onnx')
    check(['inspect', path], words[:1])


def unsupported(path, *words):
    """Beyond this version, but no contradiction: edit leaves what it does not know."""
    check(['run', path], [os.path.basename(path), *words])
    code, err, _, _ = measured('edit', path, '-o', 'result.onnx', '--simplify')
    if code:
        raise Mismatch(f'edit {path}: exit {code}: {err.strip()}')


def plain(path='plain.onnx', n=64):
    nodes = [node('MatMul', 'x w', 'h', name='first'), node('Relu', 'h', 'y', name='last')]
    return model(path, nodes, [info('x', F32, ['N', n])], [info('y', F32, ['N', n])],
                 [weight('w', numpy.arange(n * n).reshape(n, n))])


# ---- bytes ---------------------------------------------------------------------------------


@test
def truncated():
    with open(plain(), 'rb') as f:
        data = f.read()
    for n in sorted({1, 2, 3, 10, 30, 100, 1000, len(data) // 2, len(data) - 10, len(data) - 1}):
        bad(write(f'cut{n}.onnx', data[:n]))


@test
def no_model_at_all():
    bad(write('empty.onnx', b''), 'empty')
    bad(write('text.onnx', 'This is not a model.\n' * 100))
    bad(write('zeros.onnx', bytes(10000)))
    bad(write('noise.onnx', numpy.random.RandomState(1).bytes(100000)))
    bad(write('pointer.onnx', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
        'Git LFS')
    bad('gone.onnx', 'No such file')
    os.mkdir('folder')
    bad('folder')


def varint(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def nested(tags, levels):
    """Messages in messages, the tags in turn from the outside in."""
    heads, length = [], 0
    for i in reversed(range(levels)):
        heads.append(tags[i % len(tags)] + varint(length))
        length += len(heads[-1])
    return b''.join(reversed(heads))


GRAPH, NODE, ATTRIBUTE, INNER = b'\x3a', b'\x0a', b'\x2a', b'\x32'


@test
def nested_100000_deep():
    for name, tags in (('graphs', [NODE, ATTRIBUTE, INNER]), ('same', [b'\x0a']),
                       ('unknown', [b'\xa2\x06'])):
        body = nested(tags, 100000)
        bad(write(name + '.onnx', GRAPH + varint(len(body)) + body))
    bad(write('top.onnx', nested([b'\x3a', b'\x0a', b'\x2a', b'\x32'], 100000)))


@test
def a_million_empty_messages():
    for tag in (b'\x0a', b'\x2a', b'\x5a', b'\x62', b'\x6a'):
        body = (tag + b'\x00') * 1000000
        bad(write('many.onnx', GRAPH + varint(len(body)) + body))
    for tag in (b'\x3a', b'\x42', b'\x72', b'\xca\x01'):
        bad(write('many.onnx', (tag + b'\x00') * 1000000))
    attributes = (ATTRIBUTE + b'\x00') * 1000000
    one = NODE + varint(len(attributes)) + attributes
    bad(write('many.onnx', GRAPH + varint(len(one)) + one))


@test
def lengths_that_lie():
    for tail in (b'\x3a\xff\xff\xff\xff\x0f', b'\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f',
                 b'\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01', b'\x3a\x05\x2a\x7f'):
        bad(write('lies.onnx', b'\x08\x08' + tail))


# ---- names and order -----------------------------------------------------------------------


def of_nodes(path, *nodes, weights=(), outputs=('y',), **fields):
    return model(path, nodes, [info('x', F32, [2])], [info(o, F32, None) for o in outputs], weights,
                 **fields)


@test
def cyclic():
    bad(of_nodes('cycle.onnx', node('Add', 'x b', 'a', name='n1'), node('Neg', 'a', 'b', name='n2'),
                 node('Relu', 'b', 'y', name='n3')), "'n1'", "'b'", 'cycle')
    bad(of_nodes('self.onnx', node('Add', 'x y', 'y', name='n1')), "'n1'", "'y'")
    bad(of_nodes('order.onnx', node('Relu', 'a', 'y', name='n1'), node('Neg', 'x', 'a', name='n2')),
        "'n1'", "'a'", 'sort the nodes')


@test
def made_twice_or_never():
    bad(of_nodes('twice.onnx', node('Neg', 'x', 'y', name='n1'), node('Abs', 'x', 'y', name='n2')),
        "'n2'", "'y' twice")
    bad(of_nodes('input.onnx', node('Neg', 'x', 'x', name='n1'), node('Abs', 'x', 'y')), "'n1'",
        "'x'")
    bad(of_nodes('never.onnx', node('Add', 'x nobody', 'y', name='n1')), "'n1'", "'nobody'")
    bad(of_nodes('output.onnx', node('Neg', 'x', 'z')), "output 'y'")
    bad(of_nodes('none.onnx', node('Neg', 'x', 'z'), outputs=()), 'outputs, found none')
    bad(of_nodes('weights.onnx', node('Add', 'x w', 'y'), weights=[weight('w', 1), weight('w', 2)]),
        "'w' twice")


@test
def branch_that_uses_what_is_not_there():
    result = [info('t', F32, [2])]
    inner = helper.make_graph([node('Neg', 'later', 't', name='n1')], 'then', [], result)
    other = helper.make_graph([node('Neg', 'x', 't')], 'else', [], result)
    choice = node('If', 'c', 'y', name='n0', then_branch=inner, else_branch=other)
    bad(of_nodes('branch.onnx', choice, node('Neg', 'x', 'later'),
                 weights=[weight('c', True, 'bool')]),
        "'n0'", "'n1'", "'later'")


# ---- types and shapes ----------------------------------------------------------------------


@test
def mistyped():
    k = weight('k', [1, 2], 'int64')
    bad(of_nodes('add.onnx', node('Add', 'x k', 'y', name='n1'), weights=[k]), "'n1'", 'Add', 'f32',
        'i64')
    bad(of_nodes('and.onnx', node('And', 'x x', 'y', name='n1')), "'n1'", 'f32')
    bad(of_nodes('gather.onnx', node('Gather', 'x x', 'y', name='n1')), "'n1'", 'f32')
    bad(model('output.onnx', [node('Neg', 'x', 'y', name='n1')], [info('x', F32, [2])],
              [info('y', I64, [2])]), "output 'y'", 'i64', 'f32')


@test
def contradictory_shapes():
    bad(of_nodes('add.onnx', node('Add', 'x k', 'y', name='n1'), weights=[weight('k', [1, 2, 3])]),
        "'n1'", '2', '3')
    bad(of_nodes('matmul.onnx', node('MatMul', 'x k', 'y', name='n1'),
                 weights=[weight('k', numpy.ones((3, 3)))]), "'n1'", '2', '3')
    bad(of_nodes('conv.onnx', node('Conv', 'x k', 'y', name='n1'),
                 weights=[weight('k', numpy.ones((3, 3, 1, 1)))]), "'n1'")
    bad(of_nodes('reshape.onnx', node('Reshape', 'x k', 'y', name='n1'),
                 weights=[weight('k', [3], 'int64')]), "'n1'", '2', '3')
    bad(of_nodes('concat.onnx', node('Concat', 'x k', 'y', name='n1', axis=0),
                 weights=[weight('k', numpy.ones((3, 3)))]), "'n1'")
    bad(model('output.onnx', [node('Neg', 'x', 'y')], [info('x', F32, [2])], [info('y', F32, [3])]),
        "output 'y'", '2', '3')
    unsupported(model('rank.onnx', [node('Neg', 'x', 'y')], [info('x', F32, [1] * 9)],
                      [info('y', F32, None)]), "input 'x'", 'rank 8 or lower, found 9')
    bad(model('negative.onnx', [node('Neg', 'x', 'y')], [info('x', F32, [-2])],
              [info('y', F32, None)]), "input 'x'", '-2')


@test
def weights_that_lie():
    def lying(name, **fields):
        w = TensorProto(name='w')
        for field, value in fields.items():
            if isinstance(value, list):
                getattr(w, field).extend(value)
            else:
                setattr(w, field, value)
        return of_nodes(name, node('Add', 'x w', 'y', name='n1'), weights=[w])
    bad(lying('short.onnx', data_type=F32, dims=[2], raw_data=b'1234567'), "'w'", '8', '7')
    bad(lying('huge.onnx', data_type=F32, dims=[1 << 31, 1 << 20], raw_data=b'1234'), "'w'")
    bad(lying('overflow.onnx', data_type=F32, dims=[1 << 62, 1 << 62], raw_data=b''), "'w'")
    bad(lying('minus.onnx', data_type=F32, dims=[-2], raw_data=b''), "'w'", '-2')
    bad(lying('nothing.onnx', data_type=F32, dims=[2]), "'w'")
    unsupported(lying('type.onnx', data_type=77, dims=[2], raw_data=b'12345678'), "'w'", 'type 77')
    unsupported(lying('text.onnx', data_type=TensorProto.STRING, dims=[1], string_data=[b'a']),
                "'w'", 'string')
    unsupported(lying('ranks.onnx', data_type=F32, dims=[1] * 100, raw_data=b'1234'), "'w'", '100')


@test
def external_data_elsewhere():
    def outside(name, **fields):
        w = TensorProto(name='w', data_type=F32, dims=[2], data_location=TensorProto.EXTERNAL)
        for key, value in fields.items():
            w.external_data.add(key=key, value=value)
        return of_nodes(name, node('Add', 'x w', 'y', name='n1'), weights=[w])
    write('data.bin', bytes(100))
    os.mkdir('inner')
    os.symlink('../data.bin', 'inner/link.bin')
    bad(outside('gone.onnx', location='gone.bin'), "'w'", 'gone.bin')
    bad(outside('up.onnx', location='../data.bin'), "'w'", '..')
    bad(outside('root.onnx', location='/etc/hostname'), "'w'", '/etc/hostname')
    bad(outside('link.onnx', location='inner/link.bin'), "'w'")
    bad(outside('device.onnx', location='/dev/zero'), "'w'")
    bad(outside('beyond.onnx', location='data.bin', offset='96'), "'w'")
    bad(outside('length.onnx', location='data.bin', length='12'), "'w'", '12')
    bad(outside('nonsense.onnx', location='data.bin', offset='-1'), "'w'")
    bad(outside('nowhere.onnx'), "'w'")


# ---- operators -----------------------------------------------------------------------------


@test
def unknown_operators():
    unsupported(of_nodes('op.onnx', node('Nonsense', 'x', 'y', name='n1')), "'n1'", 'Nonsense')
    bad(of_nodes('domain.onnx', node('Neg', 'x', 'y', name='n1', domain='other.one')), "'n1'",
        'other.one')
    unsupported(of_nodes('opset.onnx', node('Neg', 'x', 'y'), opset=999), 'opset', '999')
    m = onnx.load(of_nodes('none.onnx', node('Neg', 'x', 'y', name='n1')))
    del m.opset_import[:]
    bad(write('none.onnx', m.SerializeToString()), "'n1'", 'opset import')


@test
def wrong_attributes():
    bad(of_nodes('more.onnx', node('Neg', 'x', 'y', name='n1', axis=1)), "'n1'", "'axis'")
    bad(of_nodes('kind.onnx', node('LeakyRelu', 'x', 'y', name='n1', alpha='much')), "'n1'",
        "'alpha'")
    bad(of_nodes('missing.onnx', node('Concat', 'x', 'y', name='n1')), "'n1'", "'axis'")
    bad(of_nodes('range.onnx', node('Softmax', 'x', 'y', name='n1', axis=5)), "'n1'", '5')
    bad(of_nodes('choice.onnx', node('Pad', 'x k', 'y', name='n1', mode='folded'),
                 weights=[weight('k', [0, 0], 'int64')]), "'n1'", "'mode'", 'folded')
    bad(of_nodes('count.onnx', node('Neg', 'x x', 'y', name='n1')), "'n1'", 'inputs, found 2')
    branchless = node('If', 'c', 'y', name='n1')
    bad(of_nodes('if.onnx', branchless, weights=[weight('c', True, 'bool')]), "'n1'", 'then_branch')
    many = node('Neg', 'x', 'y', name='n1')
    for i in range(100):
        many.attribute.append(AttributeProto(name=f'a{i}', type=AttributeProto.INT, i=i))
    bad(of_nodes('many.onnx', many), "'n1'")


def function(name, *nodes):
    return helper.make_function('local', name, ['x'], ['y'], nodes,
                                [helper.make_opsetid('', 17), helper.make_opsetid('local', 1)])


def calling(path, *functions):
    return of_nodes(path, node('F', 'x', 'y', name='n1', domain='local'), functions=functions,
                    opsets={'local': 1})


@test
def functions_without_end():
    bad(calling('self.onnx', function('F', node('F', 'x', 'y', name='n2', domain='local'))), "'n1'",
        "'n2'", 'circle')
    bad(calling('both.onnx', function('F', node('G', 'x', 'y', name='n2', domain='local')),
                function('G', node('F', 'x', 'y', name='n3', domain='local'))), "'n1'", 'circle')
    levels = []
    for i in range(20):
        names = ['x', *(f't{k}' for k in range(19)), 'y']
        kind, domain = (f'F{i + 1}', 'local') if i < 19 else ('Neg', '')
        nodes = [node(kind, a, b, domain=domain) for a, b in zip(names, names[1:])]
        levels.append(function(f'F{i}' if i else 'F', *nodes))
    bad(calling('tree.onnx', *levels), "'n1'", 'multiplies itself')


@test
def loops_without_end_are_not_run_early():
    """Folding is not running: this ends at once, with its loop in place."""
    body = helper.make_graph([node('Identity', 'k', 'j'), node('Neg', 'v', 'w')], 'body',
                             [info('i', I64), info('k', BOOL), info('v', F32, [2])],
                             [info('j', BOOL), info('w', F32, [2])])
    m = of_nodes('loop.onnx', node('Loop', 'n c k', 'l', body=body), node('Add', 'x l', 'y'),
                 weights=[weight('n', 1 << 62, 'int64'), weight('c', True, 'bool'),
                          weight('k', [1, 2])])
    code, err, seconds, n_bytes = measured('edit', m, '-o', 'result.onnx', '--simplify')
    if code or seconds > MAX_SECONDS or n_bytes > MAX_BYTES:
        raise Mismatch(f'exit {code}, {seconds:.2f} s, {n_bytes / 1e6:.0f} MB: {err.strip()}')


# ---- tensors -------------------------------------------------------------------------------


def refused_input(path, *words, m='plain.onnx'):
    check(['run', m, '-i', path, '-o', 'out'], words)
    if os.path.exists('out'):
        raise Mismatch('a folder of results was made')


@test
def tensors_that_do_not_fit():
    plain(n=4)
    refused_input(tensor('a.npy', numpy.ones((2, 3))), "input 'x'", 'f32[N,4]', 'f32[2,3]')
    refused_input(tensor('b.npy', numpy.ones(4)), "input 'x'", 'f32[N,4]', 'f32[4]')
    refused_input(tensor('c.npy', numpy.ones((2, 4)), 'int64'), "input 'x'", 'f32[N,4]', 'i64[2,4]')
    refused_input('gone.npy', 'gone.npy', 'No such file')
    os.mkdir('folder.npy')
    refused_input('folder.npy', 'folder.npy')


@test
def damaged_npy():
    plain(n=4)
    with open(tensor('whole.npy', numpy.ones((2, 4))), 'rb') as f:
        data = f.read()
    for n in (0, 1, 6, 9, 20, 100, len(data) - 1):
        refused_input(write('cut.npy', data[:n]), 'cut.npy')
    refused_input(write('long.npy', data + b'more'), 'long.npy')
    header = data[:128].decode('latin-1')
    for before, after in (('(2, 4)', '(2,-4)'), ('(2, 4)', '(2, x)'), ("'<f4'", "'<q9'"),
                          ('fortran_order', 'nonsense_keys'), ('(2, 4), }', '(1<<40,)}'),
                          ('\x93NUMPY', '\x93NUMPI'), ("'<f4'", "'|O8'")):
        if before not in header:
            raise Mismatch(f'{before!r} is not in the header {header!r}')
        text = header.replace(before, after).encode('latin-1')
        refused_input(write('head.npy', text + data[128:]), 'head.npy')
    form = "{'descr': '<f4', 'fortran_order': False, 'shape': (2000000000, 4), }".ljust(117) + '\n'
    huge = b'\x93NUMPY\x01\x00' + struct.pack('<H', len(form)) + form.encode()
    refused_input(write('huge.npy', huge + data[128:]), 'huge.npy')


@test
def damaged_pb():
    plain(n=4)
    whole = onnx.numpy_helper.from_array(numpy.ones((2, 4), 'float32')).SerializeToString()
    for n in (1, 5, len(whole) - 1):
        refused_input(write('cut.pb', whole[:n]), 'cut.pb')
    refused_input(write('huge.pb', TensorProto(data_type=F32, dims=[1 << 40]).SerializeToString()),
                  'huge.pb')


def png(chunks):
    out = b'\x89PNG\r\n\x1a\n'
    for kind, body in chunks:
        check_sum = struct.pack('>I', zlib.crc32(kind + body))
        out += struct.pack('>I', len(body)) + kind + body + check_sum
    return out


def header(width, height):
    return b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)


@test
def damaged_pictures():
    model('eye.onnx', [node('Relu', 'x', 'y')], [info('x', F32, [1, 3, 4, 4])],
          [info('y', F32, None)])
    end = (b'IEND', b'')
    for path, data in (('empty.png', b''), ('text.png', b'no picture'), ('head.png', png([])),
                       ('none.png', png([header(4, 4), end])),
                       ('noise.png', png([header(4, 4), (b'IDAT', b'noise'), end])),
                       ('huge.png', png([header(1 << 30, 1 << 30), end])),
                       ('zero.png', png([header(0, 4), end])),
                       ('cut.jpg', b'\xff\xd8\xff\xe0\x00\x10JFIF'), ('text.jpg', b'no picture')):
        refused_input(write(path, data), path, m='eye.onnx')


main()
