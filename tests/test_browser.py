#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The console's pages in Debian's chromium, driven by playwright-core (tests/browser)."""
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BROWSER = os.path.join(ROOT, 'tests', 'browser')
BUILD = os.environ.get('TROCAR_BUILD', os.path.join(ROOT, 'build'))
TROCAR = os.environ.get('TROCAR', os.path.join(BUILD, 'trocar'))
PLAYWRIGHT = os.path.join(ROOT, 'build', 'npm', 'node_modules', 'playwright-core')
SCENE = ['--procedures', '1', '--frames', '24', '--first', '4000', '--every', '0.04',
         '--size', '640x360', '--seed', '11']


def what_is_missing():
    """The reason to skip, or ''."""
    if not shutil.which('node'):
        return 'node is needed'
    if not shutil.which('chromium'):
        return 'chromium is needed'
    if not os.path.exists(os.path.join(PLAYWRIGHT, 'index.js')):
        return 'playwright-core is needed: scripts/setup-debian.sh check fetches it from npm'
    try:
        import numpy, PIL  # noqa: E401, F401
    except ImportError as e:
        return f'numpy and PIL are needed: {e}'
    return ''


def make_scene(folder):
    subprocess.run([TROCAR, 'sim', 'dataset', '-o', folder, *SCENE], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, os.path.join(BROWSER, 'scene.py'), folder], check=True)


def run(script, *arguments):
    """Its lines PASS, FAIL and SKIP are this test's."""
    env = {**os.environ, 'TROCAR_PLAYWRIGHT': PLAYWRIGHT,
           'TROCAR_CHROMIUM': shutil.which('chromium')}
    done = subprocess.run(['node', os.path.join(BROWSER, script), *arguments], env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout, end='', flush=True)
    if done.returncode != 0 and '\nFAIL ' not in '\n' + done.stdout:
        print(f'FAIL {script}: exit {done.returncode}')
    return done.returncode == 0


def run_console(folder):
    """The console as a whole, where the build has all of it."""
    trocard = os.path.join(BUILD, 'trocard')
    if not os.path.exists(trocard):
        print('SKIP end to end: the build has no trocard')
        return True
    sys.path.insert(0, BROWSER)
    import console
    config = console.prepare(folder, TROCAR)
    os.environ['TROCARD'] = trocard
    return run('end_to_end.mjs', config)


def main():
    missing = what_is_missing()
    if missing:
        print(f'SKIP browser: {missing}')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        make_scene(os.path.join(folder, 'scene'))
        is_good = run('pages.mjs', os.path.join(folder, 'scene'))
        is_good = run_console(os.path.join(folder, 'console')) and is_good
    return 0 if is_good else 1


if __name__ == '__main__':
    sys.exit(main())
