# SPDX-License-Identifier: Apache-2.0
"""The builds that suites share. Each is made once, when the first suite asks for it."""
import os
import re

from . import report as rp

# Debian's libraries have no frame pointers: where a leak comes from, and whether tests/lsan.supp
# knows it, is found by walking the stack in full.
ASAN_ENV = {
    'ASAN_OPTIONS': 'detect_leaks=1:allocator_may_return_null=1:exitcode=99:'
                    'fast_unwind_on_malloc=0',
    'UBSAN_OPTIONS': 'print_stacktrace=1:exitcode=99',
    'LSAN_OPTIONS': 'print_suppressions=0:suppressions=' +
                    os.path.join(rp.ROOT, 'tests', 'lsan.supp'),
}
QEMU = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu']
CCACHE_PATH = '/usr/lib/ccache:' + os.environ.get('PATH', '')

# Programs with threads of the engine in them: all that the build "tsan" has, and what they start.
THREADED = ('unit_base_thread', 'unit_console_http', 'unit_console_ring', 'unit_console_server',
            'unit_console_source', 'unit_console_status', 'unit_console_supervisor',
            'unit_console_trial', 'unit_lower',
            'unit_session')
STARTED = ('trocar-worker', 'tests/tool_console_liar')
# With GStreamer, whose own locks ThreadSanitizer does not see.
THREADED_WITH_GLIB = ('unit_console_encoder', 'unit_console_media', 'unit_console_viewers')
GLIB_TSAN_ENV = {'TSAN_OPTIONS': 'ignore_noninstrumented_modules=1:suppressions=' +
                 os.path.join(rp.ROOT, 'tests', 'tsan.supp')}

# Kernels on the emulated GPU: what they compute depends neither on optional libraries nor on the
# build of the library, which unit_cuda_faults, _moves and _point drive through all its ways.
LONG_ON_THE_EMULATED_GPU = tuple('unit_cuda_' + n for n in (
    'attention', 'conv', 'int', 'matmul', 'recurrent', 'rows', 'spatial'))

# name: (folder, options of meson, environment). gcc is the compiler of "native" and "aarch64",
# clang that of the others, so that both see every file with warnings as errors.
BUILDS = {
    'native': ('build', [], {}),
    'asan': ('build-asan', ['-Db_sanitize=address,undefined', '-Ddebug=true'], {'CC': 'clang'}),
    'aarch64': ('build-aarch64', ['--cross-file', 'cross/aarch64.ini'], {'PATH': CCACHE_PATH}),
    'minimal': ('build-minimal', ['-Dminimal=true'], {'CC': 'clang'}),
    'tsan': ('build-tsan', ['-Db_sanitize=thread', '-Ddebug=true'],
             {'CC': 'clang', 'TARGETS': ' '.join((*('tests/' + t for t in
                                                    THREADED + THREADED_WITH_GLIB), *STARTED))}),
}
_made = {}


def folder(name):
    return os.path.join(rp.ROOT, BUILDS[name][0])


def build(report, name):
    """True when the build is there; its failure is one failed check of each suite that needs it."""
    if name not in _made:
        path, options, env = BUILDS[name]
        code, out = rp.run(['scripts/build.sh', path, *options], 3000, env)
        report.write(f'build {name}:\n{out}')
        _made[name] = code
        if code == 0:
            report.passed()
        else:
            found = re.search(r'^.*(FAILED|ERROR): ', out, re.M)
            at = found.start() if found else 0
            report.failed('build ' + name, 'does not compile\n' + out[at:at + 3000].rstrip())
            return False
    elif _made[name] != 0:
        report.failed('build ' + name, 'does not compile, see above')
    return _made[name] == 0


def programs(name, prefix):
    """Paths of the test programs that sources tests/PREFIX*.c gave in this build."""
    tests = os.path.join(rp.ROOT, 'tests')
    sources = os.listdir(tests) + os.listdir(os.path.join(tests, 'fuzz'))
    stems = sorted(f[:-2] for f in sources if f.startswith(prefix) and f.endswith('.c'))
    return [os.path.join(folder(name), 'tests', stem) for stem in stems]
