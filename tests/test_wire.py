#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX and NumPy files against other readers: protoc, python3-onnx, python3-numpy.

Every model and tensor of Debian's libonnx-testdata, and of $TROCAR_DATA where there is one, is read
and written by us; the copy must say the same as the original. Where the bytes differ, protoc prints
both. Tensors are also decoded and compared with what python3-onnx makes of them. Hostile files must
end in time and memory.
"""
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOL = os.path.join(os.environ.get('TROCAR_BUILD', os.path.join(ROOT, 'build')), 'tests',
                    'tool_onnx_copy')
DEBIAN = '/usr/share/libonnx-testdata/data'
DATA = os.environ.get('TROCAR_DATA', os.path.join(ROOT, 'build', 'data'))
BATCH = 200
MAX_SHOWN = 20
n_failed = 0


def result(name, problems, count):
    """One line for a batch, and one for each failure, up to a number."""
    global n_failed
    for problem in problems[:MAX_SHOWN]:
        print(f'FAIL {name}: {problem}')
    if len(problems) > MAX_SHOWN:
        print(f'FAIL {name}: and {len(problems) - MAX_SHOWN} more')
    if not problems:
        print(f'PASS {name}: {count}')
    n_failed += len(problems)


def files_under(folder, extension):
    found = []
    for path, _, names in os.walk(folder):
        found += [os.path.join(path, n) for n in names if n.endswith(extension)]
    return sorted(found)


def run_tool(mode, pairs):
    """Runs the tool over (in, out) pairs; returns {in: message} of those that failed."""
    failures = {}
    for i in range(0, len(pairs), BATCH):
        names = [name for pair in pairs[i:i + BATCH] for name in pair]
        p = subprocess.run([TOOL, mode, *names], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           check=False)
        for line in p.stdout.decode('utf-8', 'replace').splitlines():
            path = next((n for n in names if line.startswith(n + ': ')), None)
            failures[path or names[0]] = line
        if p.returncode not in (0, 1):
            failures[names[0]] = f'tool ended with {p.returncode} in the batch of {names[0]}'
    return failures


def read_bytes(path):
    with open(path, 'rb') as f:
        return f.read()


def protoc_prints(path, message):
    proto = os.path.join(os.path.dirname(onnx.__file__), 'onnx-ml.proto')
    with open(path, 'rb') as f:
        p = subprocess.run(['protoc', '--decode=onnx.' + message, '-I', os.path.dirname(proto),
                            proto], stdin=f, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           check=False)
    return p.stdout if p.returncode == 0 else None


def parse(path, kind):
    message = kind()
    message.ParseFromString(read_bytes(path))
    return message


def is_same(original, copy, kind):
    """Returns what is wrong, or None."""
    printed = protoc_prints(original, kind.__name__)
    if printed is None:
        return 'protoc does not read the original'
    if printed != protoc_prints(copy, kind.__name__):
        return 'protoc prints another text for the copy'
    if parse(original, kind) != parse(copy, kind):
        return 'python3-onnx finds the copy different'
    return None


def is_tensor(path, models):
    """Conformance tests keep sequences and optionals in .pb files as well: their model says which.
    models is a cache."""
    folder, name = os.path.split(path)
    model_path = os.path.join(os.path.dirname(folder), 'model.onnx')
    kind, _, index = name[:-3].partition('_')
    if kind not in ('input', 'output') or not os.path.exists(model_path):
        return True
    if model_path not in models:
        models[model_path] = parse(model_path, onnx.ModelProto).graph
    values = getattr(models[model_path], kind)
    return int(index) >= len(values) or values[int(index)].type.HasField('tensor_type')


def copies(name, mode, kind, paths, temp):
    """Copies byte for byte equal are the same; the rest is judged by protoc and python3-onnx."""
    pairs = [(p, os.path.join(temp, f'{i}')) for i, p in enumerate(paths)]
    failures = run_tool(mode, pairs)
    problems = list(failures.values())
    n_equal, n_judged = 0, 0
    for original, copy in pairs:
        if original in failures:
            continue
        if not os.path.exists(copy):
            problems.append(f'{original}: no copy was written')
        elif read_bytes(original) == read_bytes(copy):
            n_equal += 1
        else:
            n_judged += 1
            wrong = is_same(original, copy, kind)
            if wrong:
                problems.append(f'{original}: {wrong}')
    for _, copy in pairs:
        if os.path.exists(copy):
            os.remove(copy)
    result(name, problems, f'{n_equal} with the same bytes, {n_judged} the same to protoc and '
           'python3-onnx')


def unpack_4bit(data, count, is_signed):
    packed = numpy.frombuffer(data, 'u1')
    low, high = packed & 15, packed >> 4
    values = numpy.stack([low, high], axis=1).reshape(-1)[:count]
    return ((values ^ 8).astype('i1') - 8).astype('i1') if is_signed else values


# Types younger than Debian's python3-onnx, and bfloat16, which it widens: as we write them.
RAW_BITS = {16: 'u2', 17: 'u1', 18: 'u1', 19: 'u1', 20: 'u1'}
FOUR_BITS = {21: False, 22: True, 23: False}


def expected_array(path):
    """What python3-onnx makes of a TensorProto. Raises where there is no such tensor for us."""
    tensor = parse(path, onnx.TensorProto)
    shape = tuple(tensor.dims)
    if tensor.data_type in RAW_BITS:
        bits = numpy.frombuffer(tensor.raw_data, RAW_BITS[tensor.data_type])
        typed = numpy.array(tensor.int32_data, 'i4').astype(bits.dtype)
        return (bits if tensor.HasField('raw_data') else typed).reshape(shape)
    if tensor.data_type in FOUR_BITS:
        data = tensor.raw_data if tensor.HasField('raw_data') else bytes(tensor.int32_data)
        return unpack_4bit(data, int(numpy.prod(shape)),
                           FOUR_BITS[tensor.data_type]).reshape(shape)
    if tensor.data_type in (onnx.TensorProto.STRING, onnx.TensorProto.COMPLEX64,
                            onnx.TensorProto.COMPLEX128):
        raise ValueError('not a type of ours')
    return onnx.numpy_helper.to_array(tensor)


def is_equal_array(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def decodes(name, paths, temp):
    pairs = [(p, os.path.join(temp, f'{i}.npy')) for i, p in enumerate(paths)]
    failures = run_tool('decode', pairs)
    problems, n_equal = [], 0
    for original, copy in pairs:
        try:
            expected = expected_array(original)
        except Exception as e:  # whatever makes the oracle refuse must make us
            if original not in failures:
                problems.append(f'{original}: expected a refusal ({e}), found none')
            continue
        if original in failures:
            problems.append(failures[original])
        elif not is_equal_array(numpy.load(copy), expected):
            problems.append(f'{original}: other elements than python3-onnx finds')
        else:
            n_equal += 1
    for _, copy in pairs:
        if os.path.exists(copy):
            os.remove(copy)
    result(name, problems, f'{n_equal} tensors with the same elements, {len(failures)} refused by '
           'both')


def npy_arrays():
    """Name, array and a way to save it: types, orders, ranks, sizes."""
    rng = numpy.random.default_rng(1)
    for code in ('?', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8'):
        for order in '<>=':
            for shape in ((), (1,), (0,), (5,), (2, 3), (3, 0, 2), (2, 3, 4), (1, 2, 1, 3),
                          (2, 1, 2, 1, 2, 1, 2, 2)):
                bits = rng.integers(0, 2 if code == '?' else 100, shape)
                array = numpy.asarray(bits).astype(numpy.dtype(code).newbyteorder(order))
                yield f'{code}-{order}-{shape}-C', array
                yield f'{code}-{order}-{shape}-F', numpy.asfortranarray(array)


def npy_reads(temp):
    pairs, expected = [], []
    for i, (name, array) in enumerate(npy_arrays()):
        path = os.path.join(temp, f'in{i}.npy')
        with open(path, 'wb') as f:
            numpy.lib.format.write_array(f, array, version=((1, 0), (2, 0), (3, 0))[i % 3])
        pairs.append((path, os.path.join(temp, f'out{i}.npy')))
        expected.append((name, array.astype(array.dtype.newbyteorder('='))))
    failures = run_tool('decode', pairs)
    problems = list(failures.values())
    for (path, copy), (name, array) in zip(pairs, expected):
        if path not in failures and not is_equal_array(numpy.load(copy),
                                                       numpy.ascontiguousarray(array).reshape(
                                                           array.shape)):
            problems.append(f'{name}: other elements than NumPy wrote')
    result('npy', problems, f'{len(pairs)} arrays of NumPy read and written')


def varint(v):
    out = b''
    while v >= 0x80:
        out += bytes([v & 0x7f | 0x80])
        v >>= 7
    return out + bytes([v])


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def nested(levels):
    """Graph in attribute in node in graph ..., built from the inside out."""
    wraps = [(b'\x0a\x01a', 6), (b'\x22\x01b', 5), (b'', 1)]
    heads, n = [], 0
    for i in range(levels):
        extra, number = wraps[i % 3]
        heads.append(extra + varint(number << 3 | 2) + varint(n))
        n += len(heads[-1])
    return b'\x3a' + varint(n) + b''.join(reversed(heads))


FORCED = {'NodeProto': ('op_type',), 'AttributeProto': ('name',), 'ValueInfoProto': ('name',),
          'FunctionProto': ('name',), 'TensorProto': ('name', 'data_type'), 'GraphProto': ('name',),
          'ModelProto': ('graph',)}
TYPED_DATA = ('float_data', 'int32_data', 'int64_data', 'double_data', 'uint64_data')


def random_value(rng, f):
    if f.type in (f.TYPE_FLOAT, f.TYPE_DOUBLE):
        return rng.choice((0.0, -0.0, 1.5, -2.25, float('inf')))
    if f.type == f.TYPE_STRING:
        return rng.choice(('', 'x', 'ai.onnx', 'Größe', 'n' * 200))
    if f.type == f.TYPE_BYTES:
        return rng.choice((b'', b'\0\xff', b'b' * 300))
    if f.type == f.TYPE_ENUM:
        return rng.choice(f.enum_type.values).number
    if f.type == f.TYPE_UINT64:
        return rng.choice((0, 1, 300, 2**64 - 1))
    limit = 2**31 if f.type == f.TYPE_INT32 else 2**63
    return rng.choice((0, 1, -1, 300, limit - 1, -limit))


def random_fill(rng, message, depth):
    """Gives a message some of the fields its type has; no two of a oneof, and what we insist on."""
    kind = message.DESCRIPTOR
    typed = rng.choice(TYPED_DATA)
    chosen = {o.name: rng.choice(o.fields).name for o in kind.oneofs}
    for f in kind.fields:
        is_forced = f.name in FORCED.get(kind.name, ())
        is_left_out = (f.name in TYPED_DATA and f.name != typed) or (
            f.containing_oneof and chosen[f.containing_oneof.name] != f.name)
        if is_left_out or not (is_forced or rng.random() < 0.5):
            continue
        is_message = f.type == f.TYPE_MESSAGE
        if is_message and depth == 0 and not is_forced:
            continue
        count = rng.randrange(4) if f.label == f.LABEL_REPEATED else 1
        for _ in range(count):
            if is_message and f.label == f.LABEL_REPEATED:
                random_fill(rng, getattr(message, f.name).add(), depth - 1)
            elif is_message:
                getattr(message, f.name).SetInParent()
                random_fill(rng, getattr(message, f.name), depth - 1)
            elif f.label == f.LABEL_REPEATED:
                getattr(message, f.name).append(random_value(rng, f))
            else:
                is_name = is_forced and f.type == f.TYPE_STRING
                setattr(message, f.name, 'needed' if is_name else random_value(rng, f))


def random_models(temp):
    """Messages with every field that python3-onnx knows."""
    rng = random.Random(7)
    paths = []
    for i in range(300):
        model = onnx.ModelProto()
        random_fill(rng, model, 2 + i % 6)
        paths.append(os.path.join(temp, f'random{i}.onnx'))
        with open(paths[-1], 'wb') as f:
            f.write(model.SerializeToString())
    copies('random-models', 'model', onnx.ModelProto, paths, temp)


def hostile_files():
    """Name and bytes; none may take long or much memory, and none but those marked may load."""
    million = 1000000
    graph_fields = {'node': 1, 'initializer': 5, 'input': 11, 'output': 12, 'value-info': 13}
    yield 'empty-file', b''
    yield 'empty-messages', b'\x0a\x00' * million
    yield 'empty-graphs', field(7, b'') * million
    for name, number in graph_fields.items():
        yield 'empty-' + name, field(7, field(number, b'') * million)
    attr = field(1, b'a')
    node = field(4, b'b')
    yield 'empty-attributes', field(7, field(1, node + field(5, b'') * million))
    yield 'empty-tensors', field(7, field(1, node + field(5, attr + field(10, b'') * million)))
    yield 'empty-subgraphs', field(7, field(1, node + field(5, attr + field(11, b'') * million)))
    yield 'empty-functions', field(25, b'') * million
    yield 'nested', nested(100000)
    yield 'nested-shallow', field(7, b'') + b'\x0a\x00' * million
    yield 'length-beyond', b'\x3a\xff\xff\xff\xff\x7f' + b'\0' * 100
    yield 'groups', b'\x3b' * million


def loading_files():
    """What is odd but whole: loads, within the same time and memory."""
    million = 1000000
    shape = field(1, field(2, field(1, b'') * million))
    yield 'empty-dims', field(7, field(11, field(1, b'x') + field(2, shape)))
    yield 'empty-opsets', field(7, field(2, b'g')) + field(8, b'') * million
    yield 'empty-metadata', field(7, field(2, b'g')) + field(14, b'') * million
    yield 'empty-inputs', field(7, field(1, field(4, b'b') + field(1, b'') * million))
    yield 'least-nodes', field(7, field(1, field(4, b'b')) * 300000)
    yield 'unknown-fields', field(7, field(2, b'g')) + (field(99, b'') + field(98, b'')) * 300000
    yield 'split-unknown', (b'\x08\x01' + field(99, b'')) * 300000 + field(7, field(2, b'g'))


def measure(path, out):
    """Exit code, seconds, MiB at the most, output of a run in a process of its own."""
    code = ('import resource, subprocess, sys\n'
            'p = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)\n'
            'u = resource.getrusage(resource.RUSAGE_CHILDREN)\n'
            'sys.stdout.write(f"{p.returncode} {u.ru_utime + u.ru_stime} {u.ru_maxrss}\\n")\n'
            'sys.stdout.flush(); sys.stdout.buffer.write(p.stdout)\n')
    p = subprocess.run([sys.executable, '-c', code, TOOL, 'model', path, out],
                       stdout=subprocess.PIPE, check=True)
    head, _, rest = p.stdout.partition(b'\n')
    rc, seconds, kib = head.split()
    return int(rc), float(seconds), int(kib) / 1024, rest.decode('utf-8', 'replace')


def hostile(temp, is_sanitized):
    problems, worst_s, worst_mib, n = [], 0.0, 0.0, 0
    path, out = os.path.join(temp, 'hostile.onnx'), os.path.join(temp, 'hostile.out')
    for files, expected in ((hostile_files, 1), (loading_files, 0)):
        for name, content in files():
            n += 1
            with open(path, 'wb') as f:
                f.write(content)
            code, seconds, mib, text = measure(path, out)
            worst_s, worst_mib = max(worst_s, seconds), max(worst_mib, mib)
            if code != expected:
                problems.append(f'{name}: ended with {code}, expected {expected}: {text[:200]}')
            if (seconds > 1 or mib > 100) and not is_sanitized:
                problems.append(f'{name}: took {seconds:.2f} s and {mib:.0f} MiB')
    result('hostile', problems, f'{n} files, at most {worst_s:.2f} s and {worst_mib:.0f} MiB')


def damaged(temp):
    """Models cut and with bytes changed: an error or a model, and no crash."""
    rng = random.Random(1)
    seeds = [p for p in files_under(DEBIAN, '.onnx') if os.path.getsize(p) < 2000][::40]
    pairs = []
    for seed in seeds:
        content = read_bytes(seed)
        for i in range(40):
            data = bytearray(content[:rng.randrange(len(content))] if i % 2 else content)
            for _ in range(i // 8):
                if data:
                    data[rng.randrange(len(data))] = rng.randrange(256)
            path = os.path.join(temp, f'damaged{len(pairs)}.onnx')
            with open(path, 'wb') as f:
                f.write(data)
            pairs.append((path, path + '.out'))
    failures = run_tool('model', pairs)
    problems = [why for why in failures.values() if why.startswith('tool ended')]
    problems += [f'{path}: neither a message nor a copy' for path, out in pairs
                 if path not in failures and not os.path.exists(out)]
    result('damaged', problems, f'{len(pairs)} files, {len(failures)} of them refused')


def main():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not os.path.exists(TOOL):
        print(f'FAIL tool: {TOOL} was not built')
        return 1
    # Each copy is flushed to disk: thousands of them are for memory, where there is enough.
    memory = '/dev/shm'
    has_memory = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 29
    temp = tempfile.mkdtemp(prefix='trocar-wire-', dir=memory if has_memory else None)
    try:
        hostile(temp, b'__asan_init' in read_bytes(TOOL))
        npy_reads(temp)
        random_models(temp)
        for name, folder in (('debian', DEBIAN), ('data', DATA)):
            if not os.path.isdir(folder):
                print(f'SKIP {name}: {folder} is not there')
                continue
            models = {}
            tensors = [p for p in files_under(folder, '.pb') if is_tensor(p, models)]
            copies(name + '-models', 'model', onnx.ModelProto, files_under(folder, '.onnx'), temp)
            copies(name + '-tensors', 'tensor', onnx.TensorProto, tensors, temp)
            decodes(name + '-decoded', tensors, temp)
        if os.path.isdir(DEBIAN):
            damaged(temp)
    finally:
        shutil.rmtree(temp)
    return 1 if n_failed else 0


try:
    import numpy
    import onnx
    import onnx.numpy_helper
except ImportError as e:
    print(f'SKIP wire: {e}; scripts/setup-debian.sh installs it')
    sys.exit(0)
if not shutil.which('protoc'):
    print('SKIP wire: no protoc; scripts/setup-debian.sh installs it')
    sys.exit(0)
sys.exit(main())
