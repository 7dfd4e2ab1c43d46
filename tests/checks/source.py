# SPDX-License-Identifier: Apache-2.0
"""Suites that read the source: format, layers, exports, public headers, static analysis."""
import os
import re
from concurrent.futures import ThreadPoolExecutor

from . import builds
from . import report as rp

WEB = ('.js', '.mjs', '.css', '.html')
C_FOLDERS = ('include', 'src', 'tools', 'demo', 'tests', 'examples')


def _files(folders, extensions):
    for top in folders:
        for folder, _, names in os.walk(os.path.join(rp.ROOT, top)):
            for name in sorted(names):
                if name.endswith(extensions):
                    yield os.path.relpath(os.path.join(folder, name), rp.ROOT)


def _read(path):
    with open(os.path.join(rp.ROOT, path), encoding='utf-8') as f:
        return f.read()


def _text_problems(path):
    """Rules that hold for every text: its licence on top, no tabs, no trailing blanks; 100 columns
    where the format has no tables of its own."""
    lines = _read(path).split('\n')
    problems = []
    head = lines[1] if lines[0].startswith('#!') and len(lines) > 1 else lines[0]
    if 'SPDX-License-Identifier: Apache-2.0' not in head:
        problems.append('no SPDX line on top')
    for i, line in enumerate(lines, 1):
        if '\t' in line and path != 'Makefile':
            problems.append(f'line {i} has a tab')
        if line != line.rstrip():
            problems.append(f'line {i} ends in blanks')
        if len(line) > 100 and not path.endswith('.def'):
            problems.append(f'line {i} has {len(line)} columns, at most 100 expected')
    if lines[-1] != '':
        problems.append('no newline at the end')
    return problems[:3]


def _script_problems(path):
    """Pages' scripts are modules: parsed as such, whatever their names end in."""
    code, out = rp.run(['sh', '-c', 'node --input-type=module --check - <"$1"', 'sh', path])
    return [] if code == 0 else re.findall(r'^\w*Error.*', out, re.M) or [out]


def format_(report, _):
    tool = 'clang-format-14' if rp.run(['clang-format-14', '--version'])[0] == 0 else 'clang-format'
    version = rp.run([tool, '--version'])[1]
    if 'version 14.' not in version:
        report.skipped('clang-format', f'version 14 is needed, found: {version.strip()}')
        tool = None
    has_node = rp.run(['node', '--version'])[0] == 0
    if not has_node:
        report.skipped('scripts of pages', 'node is needed to parse them')

    def problems_of(path):
        problems = _text_problems(path)
        if tool and path.endswith(('.c', '.h')):
            code, out = rp.run([tool, '--dry-run', '-Werror', path])
            report.write(out)
            if code != 0:
                first = re.search(r':(\d+):\d+: error', out)
                problems.append('not formatted' + (f' at line {first.group(1)}' if first else '')
                                + ', run "make format"')
        if has_node and path.endswith(('.js', '.mjs')):
            problems += _script_problems(path)
        return path, problems

    folders = (*C_FOLDERS, 'scripts', 'bench', 'models', 'web')
    paths = [*_files(folders, ('.c', '.h', '.def', '.py', '.sh', 'meson.build', *WEB)),
             'Makefile', 'meson.build', 'meson_options.txt', 'scripts/layers.txt']
    with ThreadPoolExecutor(rp.N_JOBS) as pool:
        for path, problems in pool.map(problems_of, paths):
            report.check(path, problems)


def read_layers():
    """Folder name: height, lowest 0, as scripts/layers.txt says."""
    lines = [line for line in _read('scripts/layers.txt').splitlines()
             if line and not line.startswith('#')]
    return {name: height for height, line in enumerate(lines) for name in line.split()}


def _layer(path, height):
    """The layer of a file: its folder, or two levels of folders where these are layers."""
    first, second = path.split('/')[:2]
    return f'{first}/{second}' if f'{first}/{second}' in height else first


def layers(report, _):
    height = read_layers()
    for path in _files(('src', 'tools'), ('.c', '.h', '.def', '.inc')):
        own = _layer(path[len('src/'):], height) if path.startswith('src/') else 'tools'
        problems = []
        if own not in height:
            problems.append(f'folder {own} is not in scripts/layers.txt')
        for included in re.findall(r'^\s*#\s*include\s+"([^"]+)"', _read(path), re.M):
            if '/' not in included:
                # What the compiler of kernels gets lies in no folder.
                if own != 'tools' and not path.startswith('src/cuda/kernels/'):
                    problems.append(f'includes "{included}", expected "{own}/{included}"')
                continue
            other = _layer(included, height)
            if other not in height:
                problems.append(f'includes "{included}": {other} is not in scripts/layers.txt')
            elif other != own and height[other] >= height.get(own, 99):
                problems.append(f'includes "{included}": {other} is not below {own}')
        report.check(path, problems)


def _declared():
    """Names that the public headers declare as TRO_API."""
    names = set()
    for path in _files(['include'], ('.h',)):
        text = re.sub(r'/\*.*?\*/', '', _read(path), flags=re.S)
        names |= set(re.findall(r'^TRO_API\b[^;(]*?\b(\w+)\s*\(', text, re.M))
    return names


def exports(report, _):
    if not builds.build(report, 'native'):
        return
    library = os.path.join(builds.folder('native'), 'libtrocar.so')
    code, out = rp.run(['nm', '-D', '--defined-only', library])
    report.write(out)
    if code != 0:
        report.failed('nm', rp.cause(code, out, 600))
        return
    exported = {line.split()[-1].split('@')[0] for line in out.splitlines()}
    declared = _declared()
    for name in sorted(exported | declared):
        problems = []
        if name not in declared:
            problems.append('exported, but no public header declares it')
        if name not in exported:
            problems.append('declared as TRO_API, but libtrocar.so does not export it')
        if not name.startswith('tro_'):
            problems.append('does not begin with tro_')
        report.check(name, problems)


COMPILERS = (['gcc', '-x', 'c', '-std=c17'], ['clang', '-x', 'c', '-std=c17'],
             ['g++', '-x', 'c++', '-std=c++17'], ['clang++', '-x', 'c++', '-std=c++17'])


def headers(report, _):
    """Each public header compiles alone."""
    for path in _files(['include'], ('.h',)):
        for compiler in COMPILERS:
            code, out = rp.run([*compiler, '-Wall', '-Wextra', '-Wpedantic', '-Wundef', '-Werror',
                                '-fsyntax-only', '-Iinclude', '-include', path, '/dev/null'])
            report.write(out)
            if code == 0:
                report.passed()
            else:
                report.failed(f'{path} with {compiler[0]}', out.split('\n')[0])


def docs(report, _):
    """Generated pages are up to date, and links within the project lead somewhere."""
    rp.run_script(report, 'scripts/docs.py', ['scripts/docs.py', '--check'], 60)
    for path in ['README.md', *_files(['docs', 'bench', 'models'], ('.md',))]:
        folder = os.path.dirname(os.path.join(rp.ROOT, path))
        links = re.findall(r'\]\(([^)#\s]+)(?:#[^)]*)?\)', _read(path))
        lost = [link for link in links
                if '://' not in link and not os.path.exists(os.path.join(folder, link))]
        report.check(path, [f'link to {link} leads nowhere' for link in lost])


def cppcheck(report, _):
    cache = os.path.join(rp.LOGS, 'cppcheck')
    os.makedirs(cache, exist_ok=True)
    code, out = rp.run(['cppcheck', '-q', '-j', str(rp.N_JOBS), '--std=c11', '--max-configs=1',
                        '--enable=warning,portability', '--inline-suppr', '--error-exitcode=1',
                        '--suppressions-list=tests/cppcheck.supp',
                        '--template={file}:{line}: {id}: {message}',
                        '--cppcheck-build-dir=' + cache, '-Iinclude', '-Isrc', '-Itools', '-Idemo',
                        *[f for f in ('src', 'tools', 'demo', 'examples')
                          if os.path.isdir(os.path.join(rp.ROOT, f))]], 900)
    report.write(out)
    findings = re.findall(r'^(\S+:\d+): (\w+): (.*)$', out, re.M)
    for place, kind, text in findings:
        if kind == 'internalAstError':
            report.skipped(place, 'cppcheck does not understand the file from here on')
        else:
            report.failed(place, f'{kind}: {text}')
    if code == 0:
        report.passed()
    elif not findings:
        report.failed('cppcheck', rp.cause(code, out, 900))
