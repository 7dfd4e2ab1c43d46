# SPDX-License-Identifier: Apache-2.0
"""Suites that run what was built: unit tests, fuzz corpora, the command line, test scripts."""
import os
import re
import tarfile
from concurrent.futures import ThreadPoolExecutor

from . import builds
from . import report as rp

CLOSING = re.compile(r'^(\d+) passed, (\d+) failed, (\d+) skipped$', re.M)
UNIT_TIMEOUT = 600
MAX_SAID = 3  # lines shown of what a failed test said; the rest is in the log
SCRIPT_TIMEOUT = 1200
# Scripts of tests/cli that run a console as it is, frames at their rate: one at a time.
IN_REAL_TIME = ('console_clients', 'console_server', 'console_soak', 'console_start', 'trocard')
ORT_LIBRARY = 'build/npm/node_modules/onnxruntime-node/bin'


def _find_crashes(report, command, env):
    """A program that did not reach its end is run again test by test, to name those that break."""
    name = os.path.basename(command[-1])
    code, out = rp.run([*command, '-l'], UNIT_TIMEOUT, env)
    tests = out.split() if code == 0 else []
    commands = [[*command, test] for test in tests]
    n_found = 0
    for test, (code, out) in zip(tests, _run_all(commands, UNIT_TIMEOUT, env)):
        if CLOSING.search(out) and code in (0, 1):
            continue
        report.write(f'{name} {test} alone:\n{out}')
        report.failed(f'{name}: {test}', rp.cause(code, out, UNIT_TIMEOUT))
        n_found += 1
    return n_found


def _count_unit(report, command, env, code, out):
    name = os.path.basename(command[-1])
    said = []
    for line in out.splitlines():
        verdict, _, text = line.partition(' ')
        if verdict == 'FAIL':
            report.failed(f'{name} {text}', '\n'.join(said[:MAX_SAID]) or 'no reason given')
        elif verdict == 'SKIP':
            test, reason = rp.split_result(text)
            report.skipped(f'{name} {test}', reason)
        said = [] if verdict in ('FAIL', 'SKIP') else [*said, line]
    closing = CLOSING.findall(out)
    if closing:
        report.passed(int(closing[-1][0]))
        if closing[-1][0] == closing[-1][1] == closing[-1][2] == '0':
            report.failed(name, 'holds no test')
    is_whole = closing and (code == 0 or (code == 1 and closing[-1][1] != '0'))
    if not is_whole and _find_crashes(report, command, env) == 0:
        report.failed(name, rp.cause(code, out, UNIT_TIMEOUT))


def _run_all(commands, timeout, env):
    with ThreadPoolExecutor(rp.N_JOBS) as pool:
        return list(pool.map(lambda c: rp.run(c, timeout, env), commands))


def run_units(report, build_name, wrapper=(), env=None, only=None, without=()):
    """only: names of programs, None = all; without: those to leave out."""
    programs = [p for p in builds.programs(build_name, 'unit_')
                if (only is None or os.path.basename(p) in only)
                and os.path.basename(p) not in without]
    if not programs:
        report.failed('unit tests', 'tests/unit_*.c: none found')
    commands = [[*wrapper, p] for p in programs]
    for command, (code, out) in zip(commands, _run_all(commands, UNIT_TIMEOUT, env)):
        report.write(f'$ {" ".join(command)}\n{out}')
        _count_unit(report, command, env, code, out)


def run_replays(report, build_name, env=None):
    """Each file of tests/fuzz/corpus/NAME is one check of fuzz_NAME."""
    programs = builds.programs(build_name, 'fuzz_')
    commands = []
    for program in programs:
        folder, name = os.path.split(program)
        corpus = os.path.join('tests', 'fuzz', 'corpus', name.replace('fuzz_', '', 1))
        commands.append([os.path.join(folder, 'replay_' + name), corpus])
    for command, (code, out) in zip(commands, _run_all(commands, UNIT_TIMEOUT, env)):
        report.write(f'$ {" ".join(command)}\n{out}')
        inputs = re.findall(r'^tests/fuzz/corpus/.*$', out, re.M)
        if code == 0 and inputs:
            report.passed(len(inputs))
        elif code == 0:
            report.failed(command[0], f'{command[1]} is empty')
        else:
            last = inputs[-1] if inputs else command[1]
            report.failed(last, rp.cause(code, out, UNIT_TIMEOUT))


def script_env(build_name, is_long):
    """What test scripts are told. TROCAR is the program under test; TROCAR_DATA a folder of more
    test data where there is one."""
    env = {'TROCAR': os.path.join(builds.folder(build_name), 'trocar'),
           'TROCAR_BUILD': builds.folder(build_name)}
    data = os.path.join(rp.ROOT, 'build', 'data')
    if os.path.isdir(data):
        env['TROCAR_DATA'] = data
    if is_long:
        env['TROCAR_TEST_ALL'] = '1'
    # Builds other than build/ do not have npm's folder beside them.
    for folder, _, files in os.walk(os.path.join(rp.ROOT, ORT_LIBRARY)):
        found = [f for f in files if f.startswith('libonnxruntime.so')]
        if found and 'TROCAR_ORT_LIBRARY' not in os.environ:
            env['TROCAR_ORT_LIBRARY'] = os.path.join(folder, found[0])
    return env


def script_command(path):
    return ['/usr/bin/python3', path] if path.endswith('.py') else ['/bin/sh', path]


def cli_scripts():
    folder = os.path.join(rp.ROOT, 'tests', 'cli')
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return ['tests/cli/' + n for n in sorted(names)
            if n.endswith(('.sh', '.py')) and not n.startswith('_')]


def run_cli(report, build_name, is_long, env=None):
    if not os.path.exists(os.path.join(builds.folder(build_name), 'trocar')):
        report.failed('trocar', 'the build made no trocar')
        return
    full_env = {**script_env(build_name, is_long), **(env or {})}
    scripts = cli_scripts()
    if not scripts:
        report.failed('tests/cli', 'no script found')
    alone = [p for p in scripts if os.path.splitext(os.path.basename(p))[0] in IN_REAL_TIME]
    others = [p for p in scripts if p not in alone]
    commands = [script_command(p) for p in others + alone]
    done = _run_all(commands[:len(others)], SCRIPT_TIMEOUT, full_env)
    done += [rp.run(command, SCRIPT_TIMEOUT, full_env) for command in commands[len(others):]]
    for path, command, (code, out) in zip(others + alone, commands, done):
        rp.count_script(report, path, command, code, out, SCRIPT_TIMEOUT)


def unpack_data():
    """Test data that is not part of the repository: archives in $TROCAR_TEST_DATA, or in
    ../shared/data beside the checkout, unpacked into build/data. The tests pass without it."""
    source = os.environ.get('TROCAR_TEST_DATA', os.path.join(rp.ROOT, '..', 'shared', 'data'))
    target = os.path.join(rp.ROOT, 'build', 'data')
    for name in ('models', 'onnx-node'):
        archive = os.path.join(source, name + '.tar.xz')
        stamp = os.path.join(target, '.' + name)
        if os.path.exists(archive) and not os.path.exists(stamp):
            os.makedirs(target, exist_ok=True)
            with tarfile.open(archive) as files:
                files.extractall(target)
            with open(stamp, 'w', encoding='utf-8'):
                pass


def unit(report, _):
    if builds.build(report, 'native'):
        run_units(report, 'native')


def asan(report, options):
    if not builds.build(report, 'asan'):
        return
    run_units(report, 'asan', env=builds.ASAN_ENV,
              without=() if options.all else builds.LONG_ON_THE_EMULATED_GPU)
    run_replays(report, 'asan', env=builds.ASAN_ENV)
    run_cli(report, 'asan', options.all, env=builds.ASAN_ENV)
    for path in test_scripts() if options.all else []:
        run_test_script(report, path, 'asan', options.all, env=builds.ASAN_ENV)


def tsan(report, _):
    if builds.build(report, 'tsan'):
        run_units(report, 'tsan', only=builds.THREADED)
        run_units(report, 'tsan', env=builds.GLIB_TSAN_ENV, only=builds.THREADED_WITH_GLIB)


def aarch64(report, _):
    if builds.build(report, 'aarch64'):
        run_units(report, 'aarch64', wrapper=builds.QEMU)


ALWAYS_THERE = re.compile(r'^\s*(linux-vdso|libc[.]|libm[.]|libpthread[.]|libdl[.]|\S*/ld-linux)')


def minimal(report, _):
    if not builds.build(report, 'minimal'):
        return
    for name in ('trocar', 'libtrocar.so'):
        code, out = rp.run(['ldd', os.path.join(builds.folder('minimal'), name)])
        report.write(out)
        extra = [line.split()[0] for line in out.splitlines() if not ALWAYS_THERE.match(line)]
        if code != 0:
            report.failed('ldd ' + name, rp.cause(code, out, 600))
        else:
            report.check('ldd ' + name, ['needs ' + lib for lib in extra])
    run_units(report, 'minimal', without=builds.LONG_ON_THE_EMULATED_GPU)


def cli(report, options):
    if builds.build(report, 'native'):
        run_cli(report, 'native', options.all)


def examples(report, _):
    """Examples are at most 60 lines and were built against the public half alone."""
    if not builds.build(report, 'native'):
        return
    folder = os.path.join(rp.ROOT, 'examples')
    for name in sorted(n for n in os.listdir(folder) if n.endswith('.c')):
        problems = []
        with open(os.path.join(folder, name), encoding='utf-8') as f:
            text = f.read()
        if text.count('\n') > 60:
            problems.append(f'{text.count(chr(10))} lines, at most 60 expected')
        problems += [f'includes {i}' for i in re.findall(r'^\s*#\s*include\s+"(.*)"', text, re.M)]
        if not os.path.exists(os.path.join(builds.folder('native'), 'examples', name[:-2])):
            problems.append('was not built')
        report.check('examples/' + name, problems)


def fuzz_replay(report, _):
    if builds.build(report, 'native'):
        run_replays(report, 'native')


def test_scripts():
    names = os.listdir(os.path.join(rp.ROOT, 'tests'))
    return ['tests/' + n for n in sorted(names) if n.startswith('test_') and n.endswith('.py')]


def run_test_script(report, path, build_name, is_long, env=None):
    unpack_data()
    rp.run_script(report, path, script_command(path), SCRIPT_TIMEOUT,
                  {**script_env(build_name, is_long), **(env or {})})


def script_suite(path):
    """Name and function of the suite that one tests/test_*.py is."""
    def suite(report, options):
        if builds.build(report, 'native'):
            run_test_script(report, path, 'native', options.all)
    return os.path.basename(path)[len('test_'):-len('.py')].replace('_', '-'), suite


def cuda_networks(report, _):
    """Small networks on the emulated GPU; tests/check_gpu.py is for real ones."""
    if not builds.build(report, 'native'):
        return
    unpack_data()
    command = script_command('tests/check_gpu.py')
    command += ['--emulated', '--build', builds.folder('native')]
    rp.run_script(report, 'tests/check_gpu.py', command, SCRIPT_TIMEOUT,
                  script_env('native', False))


def fuzz_minute(report, options):
    """A minute of search with each fuzz target, in --all."""
    if not options.all:
        return
    rp.run_script(report, 'scripts/fuzz.sh', ['scripts/fuzz.sh'], 3000, {'FUZZ_SECONDS': '60'})
