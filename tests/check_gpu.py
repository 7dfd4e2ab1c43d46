#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What only a machine with a GPU can show; "make check-gpu" runs all of it.

    tests/check_gpu.py [--build DIR] [--only SUITE,...] [--sanitizer] [PATTERN...]

Needs a driver, NVRTC, python3 with numpy and onnx, and to build meson, ninja and a C compiler.

    units      each tests/unit_cuda_* on the GPU
    networks   each network in FP32 (1e-4 of the greatest value) and FP16 (2e-2, no NaN), with equal
               bits over many runs and over reloads; quantized ones as on the CPU, bit for bit,
               before the last dequantization
    plans      one plan on the CPU and the GPU; one for another chip
    refusals   no driver, no GPU, no memory, a kernel that faults: a status, never an abort
    memory     sessions that come and go leave memory as it was
    figures    energy that bench tells against the power, the time line of profile against the clock
    gates      the networks of models/ at fp16 and in integers by their gates, from an archive of
               tests/gpu_gates.py, when one is named (--gates)
    sanitizer  compute-sanitizer's memcheck and racecheck over the unit tests, when asked for

Networks are the trained ones of the test data ($TROCAR_TEST_DATA, else ../shared/data) and those of
bench/nets.py in --nets, which are made when they are not there. PATTERN: only networks whose name
holds one. --emulated runs small networks on the emulated device of tests/emu instead.

Prints "PASS name", "FAIL name: why" and "SKIP name: reason"; the last line counts them.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True

import numpy  # noqa: E402
import onnx  # noqa: E402

import test_networks as trained  # noqa: E402
from checks import programs, report as rp  # noqa: E402

ROOT = trained.ROOT
SUITES = ('units', 'networks', 'plans', 'refusals', 'memory', 'figures', 'gates',
          'sanitizer')
FP32_LIMIT, FP16_LIMIT = 1e-4, 2e-2
# Nodes that stay at FP32 in FP16: pixels of 0 to 255 enter YOLOX unscaled, and what the first
# layers round grows through the rest.
FP32_FIRST = {'yolox_nano': 24}
QUANTUM_LIMIT = 1.001
FLIPPED_LIMIT = 0.01  # share of decisions that FP16 may turn; of few ones all
MANY = 1000
DECIDING = ('ArgMax', 'ArgMin', 'Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual',
            'NonMaxSuppression', 'TopK')
SEED = 3
# They bring the emulated device.
HOST_ONLY = ('unit_cuda_abi', 'unit_cuda_emu', 'unit_cuda_faults', 'unit_cuda_library_abi',
             'unit_cuda_no_library')
ONLY_REAL = ('units', 'figures', 'gates', 'sanitizer')  # not emulated
GATES_TIMEOUT = 600
SMALL_BYTES = 1e6
SANITIZER = shutil.which('compute-sanitizer') or '/usr/local/cuda/bin/compute-sanitizer'
SANITIZER_TESTS = ('memcheck', 'racecheck')


class Results:
    def __init__(self):
        self.lock = threading.Lock()
        self.counts = {'PASS': 0, 'FAIL': 0, 'SKIP': 0}
        self.begin = time.monotonic()

    def add(self, verdict, text):
        with self.lock:
            self.counts[verdict] += 1
            print(f'{verdict} {text}', flush=True)

    def judge(self, name, wrong, figures=''):
        if wrong:
            self.add('FAIL', f'{name}: {wrong}')
        else:
            self.add('PASS', f'{name}: {figures}' if figures else name)

    def closing(self):
        return (f'{self.counts["PASS"]} passed, {self.counts["FAIL"]} failed, '
                f'{self.counts["SKIP"]} skipped')


class Check:
    """What all suites need: options, results, the program, a folder for a while."""

    def __init__(self, options, folder):
        self.options, self.folder, self.results = options, folder, Results()
        self.build = os.path.join(ROOT, options.build)
        self.trocar = os.path.join(self.build, 'trocar')
        self.env = emulated_env(self.build) if options.emulated else {'TROCAR_TEST_GPU': '1'}

    def tool(self, name):
        return os.path.join(self.build, 'tests', name)

    def run(self, command, timeout=None, env=None):
        return rp.run(command, timeout or self.options.timeout, {**self.env, **(env or {})})

    def cause(self, code, out):
        return rp.cause(code, out, self.options.timeout)

    def each(self, function, items, n_at_once):
        """A defect of the check itself must not hide the other results."""
        with concurrent.futures.ThreadPoolExecutor(max(1, n_at_once)) as pool:
            futures = [(item, pool.submit(function, self, item)) for item in items]
        for item, future in futures:
            if future.exception():
                self.results.add('FAIL', f'{item}: the check itself failed: '
                                         f'{future.exception()!r}')


def emulated_env(build):
    return {'TROCAR_CUDA_DRIVER': os.path.join(build, 'tests', 'emu', 'libcuda-emu.so'),
            'TROCAR_NVRTC': os.path.join(build, 'tests', 'emu', 'libnvrtc-emu.so'),
            'TRO_EMU_MEMORY': str(1 << 28)}


def last_line(out):
    lines = out.strip().splitlines()
    return lines[-1] if lines else 'nothing said'


# ---- building ------------------------------------------------------------------------------


def unit_names():
    names = sorted(n[:-2] for n in os.listdir(os.path.join(ROOT, 'tests'))
                   if n.startswith('unit_cuda_') and n.endswith('.c'))
    return [n for n in names if n not in HOST_ONLY]


def build_all(check):
    names = unit_names() + ['tool_engine', 'tool_cuda']
    targets = ' '.join(['trocar'] + [f'tests/{n}' for n in names])
    command = ['scripts/build.sh', check.options.build, '-Dminimal=true']
    code, out = rp.run(command, 600, {'TARGETS': targets})
    check.results.judge('build', None if code == 0 else rp.cause(code, out, 600))
    return code == 0


# ---- unit tests ----------------------------------------------------------------------------


def judge_unit(check, name, code, out, timeout):
    closing = programs.CLOSING.findall(out)
    missing = re.search('^no device.*', out, re.M)
    said = []
    if missing:
        check.results.add('FAIL', f'{name}: {missing.group()}')
        return
    for line in out.splitlines():
        verdict, _, text = line.partition(' ')
        if verdict == 'FAIL':
            why = '; '.join(said[:programs.MAX_SAID])
            check.results.add('FAIL', f'{name} {text}: {why}')
        elif verdict == 'SKIP':
            check.results.add('SKIP', f'{name} {text}')
        said = [] if verdict in ('FAIL', 'SKIP') else [*said, line]
    if not closing or code not in (0, 1):
        check.results.add('FAIL', f'{name}: {rp.cause(code, out, timeout)}')
    elif code == 0:
        check.results.add('PASS', f'{name}: {closing[-1][0]} tests')


def unit(check, name):
    timeout = 240
    code, out = check.run([check.tool(name)], timeout)
    judge_unit(check, name, code, out, timeout)


def units(check):
    check.each(unit, unit_names(), 6)


def sanitize(check, what):
    name, tool = what
    timeout = check.options.sanitizer_timeout
    command = [SANITIZER, '--tool', tool, '--error-exitcode', '9', check.tool(name)]
    code, out = check.run(command, timeout)
    found = [line.strip('= ') for line in out.splitlines() if line.startswith('=========')]
    errors = [line for line in found if line and 'ERROR SUMMARY' not in line]
    if code is None:
        check.results.add('SKIP', f'{tool} {name}: not done after {timeout} s')
    else:
        summary = next((line for line in found if 'SUMMARY' in line), '')
        wrong = None if code == 0 else '; '.join(errors[:4]) or rp.cause(code, out, timeout)
        check.results.judge(f'{tool} {name}', wrong, summary)


def sanitizer(check):
    if not check.options.sanitizer:
        return
    if not os.path.exists(SANITIZER):
        check.results.add('SKIP', 'sanitizer: compute-sanitizer is not there')
        return
    work = [(name, tool) for name in unit_names() for tool in SANITIZER_TESTS]
    check.each(sanitize, work, 6)


# ---- networks ------------------------------------------------------------------------------


class Network:
    def __init__(self, name, path, inputs):
        self.name, self.path, self.inputs = name, path, inputs
        self.model = onnx.load(path)
        self.last = trained.last_dequantize(self.model)

    def quantum(self):
        return float(trained.constant(self.model, self.last.input[1]).max())

    def __str__(self):
        return self.name


def trained_networks():
    programs.unpack_data()
    folder = trained.DATA
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if os.path.exists(os.path.join(folder, name, 'io.txt')):
            net = trained.Network(name)
            yield Network(name, net.path, [f'{tensor}={file}' for tensor, file in net.inputs])


def make_net(check, name):
    path = os.path.join(check.options.nets, name + '.onnx')
    if not os.path.exists(path):
        rp.run([sys.executable, '-B', os.path.join(ROOT, 'bench', 'nets.py'), '-o',
                check.options.nets, name], 300, {'OMP_NUM_THREADS': '4'})


def reference_networks(check):
    sys.path.insert(0, os.path.join(ROOT, 'bench'))
    import nets
    from netkit import record
    os.makedirs(check.options.nets, exist_ok=True)
    wanted = [n for n in nets.NETS if is_wanted(check, n)]
    check.each(make_net, wanted, 8)
    for name in wanted:
        files = nets.write_inputs(nets.define(name, record.Params(0)), SEED, check.folder)
        path = os.path.join(check.options.nets, name + '.onnx')
        yield Network(name, path, [f'{tensor}={file}' for tensor, file in files.items()])


def is_wanted(check, name):
    patterns = check.options.patterns
    return not patterns or any(p in name for p in patterns)


def is_small(network):
    return os.path.getsize(network.path) < SMALL_BYTES and 'superres' not in network.name


class Outcome:
    """A variant's answer of tool_engine."""

    def __init__(self, lines, variant, ended):
        self.error, self.rows, self.gpu = ended, [], None
        for i, line in enumerate(lines):
            fields = line.split('\t')
            if fields[0] != variant or len(fields) < 2:
                continue
            if fields[1] != 'ok':
                self.error = ' '.join(fields[2:]) or ended
                return
            self.error = None
            self.rows = [(n, float(e), float(v), int(u)) for n, e, v, u in
                         zip(fields[2::4], fields[3::4], fields[4::4], fields[5::4])]
            following = lines[i + 1].split('\t') if i + 1 < len(lines) else ['']
            self.gpu = [int(f) for f in following[1:]] if following[0] == 'gpu' else None

    def wrong(self, is_bad):
        """is_bad(error, value, unequal) of an output."""
        if self.error:
            return self.error
        bad = [f'{name}: |error| {error:.3g}, greatest value {value:.3g}, {unequal} unequal'
               for name, error, value, unequal in self.rows if is_bad(error, value, unequal)]
        return '; '.join(bad) or (None if self.rows else 'no outputs')

    def figures(self):
        worst = max((e / v if v else e for _, e, v, _ in self.rows), default=0)
        counts = '{} kernels, {} graphs, {} host steps'.format(*self.gpu) if self.gpu else 'no GPU'
        return f'error {worst:.1e}, {counts}'


def engine(check, path, inputs, variant):
    """One variant in a process of its own."""
    timeout = check.options.timeout
    command = [check.tool('tool_engine'), path, *inputs]
    try:
        done = subprocess.run(command, input=variant, capture_output=True, text=True,
                              timeout=timeout, errors='replace', env={**os.environ, **check.env})
        out, code = done.stdout, done.returncode
        ended = f'{rp.ended(code, timeout)}: {last_line(done.stderr)}'
    except subprocess.TimeoutExpired as e:
        out, ended = (e.stdout or b'').decode('utf-8', 'replace'), rp.ended(None, timeout)
    lines = out.splitlines()
    if lines and lines[0].startswith('error\t'):
        ended = 'on the reference kernels: ' + lines[0].partition('\t')[2]
    return Outcome(lines, variant, ended)


def is_beyond(limit):
    return lambda error, value, unequal: not error <= limit * value


def decided(model):
    """Outputs that hang on a comparison, with the number of their values."""
    hanging = set()
    for node in model.graph.node:
        is_hanging = node.op_type != 'If' and hanging & set(node.input)
        if node.op_type in DECIDING or is_hanging:
            hanging |= set(node.output)
    return {o.name: numpy.prod([d.dim_value for d in o.type.tensor_type.shape.dim])
            for o in model.graph.output if o.name in hanging}


def fp16_wrong(network, outcome):
    """Values are judged by their size, decisions by how many are others."""
    sizes = decided(network.model)
    rows = outcome.rows
    outcome.rows = [row for row in rows if row[0] not in sizes]
    turned = [f'{name}: {unequal} of {sizes[name]:.0f} differ' for name, _, _, unequal in rows
              if sizes.get(name, 0) >= MANY and unequal > FLIPPED_LIMIT * sizes[name]]
    return outcome.wrong(is_beyond(FP16_LIMIT)) or '; '.join(turned) or None


def check_floats(check, work):
    network, precision = work
    options = check.options
    plan = os.path.join(check.folder, f'{network.name}.{precision}.plan')
    wide = FP32_FIRST.get(network.name, 0) if precision == 'fp16' else 0
    variant = (f'device=cuda precision={precision} wide={wide} file={plan} runs={options.runs} '
               f'reloads={options.reloads}')
    outcome = engine(check, network.path, network.inputs, variant)
    wrong = (outcome.wrong(is_beyond(FP32_LIMIT)) if precision == 'fp32'
             else fp16_wrong(network, outcome))
    check.results.judge(f'{network.name} {precision}', wrong,
                        outcome.figures() if not wrong else '')


def check_quantized(check, work):
    network, _ = work
    options, quantum = check.options, network.quantum()
    variant = f'device=cuda runs={options.runs} reloads={options.reloads}'
    outcome = engine(check, network.path, network.inputs, variant)
    wrong = outcome.wrong(lambda error, value, unequal: not error <= QUANTUM_LIMIT * quantum)
    check.results.judge(f'{network.name} int8', wrong, outcome.figures() if not wrong else '')
    cut = os.path.join(check.folder, f'{network.name}.cut.onnx')
    trained.cut_before(network.model, network.last, cut)
    for precision in ('fp32', 'fp16'):
        variant = f'device=cuda precision={precision} against=cpu'
        outcome = engine(check, cut, network.inputs, variant)
        wrong = outcome.wrong(lambda error, value, unequal: unequal != 0)
        check.results.judge(f'{network.name} int8 as on the CPU, {precision}', wrong)


def check_network(check, work):
    (check_quantized if work[1] == 'int8' else check_floats)(check, work)


def networks(check):
    found = list(trained_networks())
    if not found:
        check.results.add('SKIP', f'networks: no test data in {trained.DATA}')
    if check.options.emulated:
        found = [n for n in found if is_small(n)]
    elif not check.options.no_nets:
        found = list(reference_networks(check)) + found
    work = [(n, p) for n in found if is_wanted(check, n.name)
            for p in (('int8',) if n.last else ('fp32', 'fp16'))]
    check.each(check_network, work, check.options.jobs)


# ---- plans ---------------------------------------------------------------------------------


def small_network():
    """A trained one where there is test data, else one made here."""
    return next((n for n in trained_networks() if n.name == 'mlperf_tiny_resnet8_fp32'), None)


def make_plan(check, network, device):
    plan = os.path.join(check.folder, f'{network.name}.{device}.plan')
    code, out = check.run([check.trocar, 'build', network.path, '-o', plan, '--device', device,
                           '--tune', '0'])
    if code != 0:
        check.results.add('FAIL', f'plan for {device}: {check.cause(code, out)}')
        return None
    return plan


def run_plan(check, network, plan, device, folder):
    """Exit code, output, first array."""
    inputs = [a for i in network.inputs for a in ('-i', i)]
    code, out = check.run([check.trocar, 'run', plan, '--device', device, *inputs, '-o', folder])
    file = os.path.join(folder, 'output_0.npy')
    return code, out, numpy.load(file) if code == 0 else None


def check_plan(check, network, plan, label, must_say=None):
    results = []
    for device in ('cpu', 'cuda'):
        folder = os.path.join(check.folder, f'{label}.{device}'.replace(' ', '_'))
        code, out, array = run_plan(check, network, plan, device, folder)
        if code != 0:
            check.results.add('FAIL', f'{label}: on {device}: {check.cause(code, out)}')
            return
        results.append(array)
    error = float(numpy.abs(results[0] - results[1]).max() / numpy.abs(results[0]).max())
    wrong = None if error <= FP32_LIMIT else f'error {error:.2e} between CPU and GPU'
    if not wrong and must_say and must_say not in out:
        wrong = f'expected "{must_say}" to be said, found {out.strip()[:200]!r}'
    said = next((line for line in out.splitlines() if must_say and must_say in line), '')
    check.results.judge(label, wrong, f'error {error:.1e}' + (f', says: {said}' if said else ''))


def plans(check):
    network = small_network()
    if not network:
        check.results.add('SKIP', f'plans: no test data in {trained.DATA}')
        return
    plan = make_plan(check, network, 'cuda')
    if plan:
        check_plan(check, network, plan, 'one plan on CPU and GPU')
    plan = make_plan(check, network, 'sm_80')
    if plan:
        check_plan(check, network, plan, 'a plan for sm_80 on this GPU', 'untuned')


# ---- refusals ------------------------------------------------------------------------------


def check_refusal(check, network, label, env):
    inputs = [a for i in network.inputs for a in ('-i', i)]
    code, out = check.run([check.trocar, 'run', network.path, '--device', 'cuda', *inputs],
                          env=env)
    wrong = None if code == 3 and 'CUDA' in out else f'exit 3 expected: {check.cause(code, out)}'
    check.results.judge(label, wrong, last_line(out))


def check_tool(check, label, *arguments):
    code, out = check.run([check.tool('tool_cuda'), *arguments])
    line = last_line(out)
    wrong = None if code == 0 and line.startswith('ok') else check.cause(code, out)
    check.results.judge(label, wrong, line.partition(' ')[2])


def with_small_plan(check, suite):
    network = small_network()
    if not network:
        check.results.add('SKIP', f'{suite}: no test data in {trained.DATA}')
        return None, None
    return network, make_plan(check, network, 'cuda')


def refusals(check):
    network, plan = with_small_plan(check, 'refusals')
    if not plan:
        return
    check_refusal(check, network, 'no driver', {'TROCAR_CUDA_DRIVER': '/nonexistent'})
    check_refusal(check, network, 'no driver of CUDA', {'TROCAR_CUDA_DRIVER': 'libm.so.6'})
    if not check.options.emulated:
        check_refusal(check, network, 'no GPU', {'CUDA_VISIBLE_DEVICES': ''})
    check_tool(check, 'too little memory', 'starve', plan)
    check_tool(check, 'a kernel that faults', 'fault', plan)


def memory(check):
    _, plan = with_small_plan(check, 'memory')
    if plan:
        check_tool(check, 'sessions come and go', 'cycles', plan, str(check.options.cycles))


# ---- figures -------------------------------------------------------------------------------


def report_of(check, label, *arguments):
    path = os.path.join(check.folder, 'report.json')
    code, out = check.run([check.trocar, *arguments, '--device', 'cuda', '--json', path])
    if code != 0:
        check.results.add('FAIL', f'{label}: {check.cause(code, out)}')
        return None
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def check_energy(check, plan):
    report = report_of(check, 'energy', 'bench', plan, '--duration', '1')
    if not report:
        return
    gpu = report['gpu']
    if gpu['energy_mj'] is None:
        check.results.add('SKIP', f'energy: {gpu["energy_missing"]}')
        return
    watts, told = gpu['energy_mj'] * report['throughput_hz'] / 1000, gpu['after']['power_w']
    wrong = None if 0.5 * told < watts < 1.5 * told else f'{watts:.0f} W by energy, {told:.0f} told'
    check.results.judge('energy', wrong, f'{gpu["energy_mj"]:.3g} mJ a run, {watts:.0f} W')


def timeline_wrong(report):
    line, steps = report['timeline'], {s['step'] for s in report['steps'] if s['ms'] > 0}
    unseen = steps - {e['step'] for e in line['events']}
    path_ms = sum(e['critical_ms'] for e in line['events'])
    if unseen:
        return f'steps {sorted(unseen)} were not seen'
    if abs(path_ms - line['span_ms']) > 1e-6:
        return f'the critical path takes {path_ms} ms of {line["span_ms"]}'
    if not 0.5 < line['span_ms'] / line['untraced_ms'] < 1.5:
        return f'{line["span_ms"]} ms of kernels in a run of {line["untraced_ms"]} ms'
    return None


def check_timeline(check, plan):
    report = report_of(check, 'time line', 'profile', plan)
    if not report:
        return
    line = report['timeline']
    if line is None:
        check.results.add('SKIP', f'time line: {report["timeline_missing"]}')
        return
    check.results.judge('time line', timeline_wrong(report),
                        f'{line["span_ms"]:.4f} ms, {line["untraced_ms"]:.4f} without tracing')


def figures(check):
    _, plan = with_small_plan(check, 'figures')
    if plan:
        check_energy(check, plan)
        check_timeline(check, plan)


# ---- gates ---------------------------------------------------------------------------------


def gates(check):
    if not check.options.gates:
        check.results.add('SKIP', 'gates: no archive of tests/gpu_gates.py was named (--gates)')
        return
    command = [sys.executable, 'tests/gpu_gates.py', 'run', check.options.gates, '-o',
               os.path.join(check.folder, 'gates'), '--jobs', str(check.options.jobs)]
    code, out = check.run(command, GATES_TIMEOUT)
    lines = [line.partition(' ') for line in out.splitlines()]
    for verdict, _, text in lines:
        if verdict in ('PASS', 'FAIL', 'SKIP'):
            check.results.add(verdict, f'gates: {text}')
    if not lines or lines[-1][2][:6] != 'passed':
        check.results.add('FAIL', f'gates: {rp.cause(code, out, GATES_TIMEOUT)}')


# ---- all -----------------------------------------------------------------------------------


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    p.add_argument('patterns', nargs='*', metavar='PATTERN')
    p.add_argument('--build', metavar='DIR', default='build-gpu', help='of meson; made when absent')
    p.add_argument('--no-build', action='store_true', help='it is up to date')
    p.add_argument('--nets', metavar='DIR', default=os.path.join(ROOT, 'build', 'nets'))
    p.add_argument('--no-nets', action='store_true', help='the trained networks alone')
    p.add_argument('--only', metavar='SUITE,...', default=','.join(SUITES))
    p.add_argument('--gates', metavar='TAR', help='of tests/gpu_gates.py pack')
    p.add_argument('--sanitizer', action='store_true', help='slow')
    p.add_argument('--sanitizer-timeout', type=int, default=200, help='seconds a program (200)')
    p.add_argument('--emulated', action='store_true')
    p.add_argument('--runs', type=int, help='of each session (1000; emulated 2)')
    p.add_argument('--reloads', type=int, help='sessions of each network (20; emulated 2)')
    p.add_argument('--cycles', type=int, help='sessions that come and go (1000; emulated 20)')
    p.add_argument('--jobs', type=int, help='networks at a time (8; emulated 2)')
    p.add_argument('--timeout', type=int, default=200, help='seconds of a program (200)')
    options = p.parse_args(argv)
    defaults = {'runs': (1000, 2), 'reloads': (20, 2), 'cycles': (1000, 20), 'jobs': (8, 2)}
    for name, values in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, values[options.emulated])
    options.suites = [s for s in SUITES if s in options.only.split(',')]
    if options.emulated:
        options.suites = [s for s in options.suites if s not in ONLY_REAL]
    return options


def main(argv):
    options = parse(argv)
    os.chdir(ROOT)
    if options.emulated and not shutil.which('g++'):
        print('SKIP emulated networks: the emulated GPU needs g++')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        check = Check(options, folder)
        if options.no_build or options.emulated or build_all(check):
            for name in options.suites:
                begin = time.monotonic()
                globals()[name](check)
                print(f'# {name}: {time.monotonic() - begin:.0f} s', flush=True)
    print(check.results.closing())
    return 1 if check.results.counts['FAIL'] else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
