#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every check of the project.

    tests/check.py [--all] [--only SUITE,...] [--skip SUITE,...] [--list]

One line a suite, with its time; below it what failed and, with its reason, what was skipped. Logs
are in build/check/. The last line is "N passed, N failed, N skipped"; exit 1 when anything failed.

A test script (tests/test_*.py, a suite of its own; tests/cli/*, together the suite "cli") prints
"PASS name", "FAIL name: why" or "SKIP name: reason" for each test, or just ends with an exit code.
It runs in the root of the project and finds in its environment:
    TROCAR               the program under test
    TROCAR_BUILD         the folder of the build it is from
    TROCAR_ORT_LIBRARY   ONNX Runtime, where set-up could fetch it
    TROCAR_DATA          unpacked test data from outside the repository, where there is such
    TROCAR_TEST_ALL      1 when time does not matter
"""
import argparse
import os
import sys
import time

sys.dont_write_bytecode = True

from checks import programs, source  # noqa: E402
from checks.report import LOGS, ROOT, Report  # noqa: E402


def all_suites():
    """Name and function of each suite, in the order they run: the quick ones first."""
    suites = {
        'format': source.format_,
        'layers': source.layers,
        'headers': source.headers,
        'docs': source.docs,
        'unit': programs.unit,
        'exports': source.exports,
        'examples': programs.examples,
        'fuzz-replay': programs.fuzz_replay,
        'cli': programs.cli,
    }
    suites.update(programs.script_suite(path) for path in programs.test_scripts())
    suites.update({
        'cuda-networks': programs.cuda_networks,
        'minimal': programs.minimal,
        'aarch64': programs.aarch64,
        'asan': programs.asan,
        'tsan': programs.tsan,
        'cppcheck': source.cppcheck,
        'fuzz': programs.fuzz_minute,
    })
    return suites


def parse_arguments(names):
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--all', action='store_true', help='the long variants as well')
    parser.add_argument('--only', default=','.join(names), help='suites to run')
    parser.add_argument('--skip', default='', help='suites to leave out')
    parser.add_argument('--list', action='store_true', help='print the names of the suites')
    options = parser.parse_args()
    options.chosen = options.only.split(',')
    options.left_out = options.skip.split(',') if options.skip else []
    for name in options.chosen + options.left_out:
        if name not in names:
            parser.error(f'no suite "{name}"; there are: {", ".join(names)}')
    return options


class Output:
    """Standard output and build/check/summary.txt at once."""

    def __init__(self):
        self.file = open(os.path.join(LOGS, 'summary.txt'), 'w', encoding='utf-8')

    def line(self, text):
        print(text, flush=True)
        self.file.write(text + '\n')
        self.file.flush()


def run_suite(name, function, options, output):
    report = Report(name)
    start = time.monotonic()
    try:
        function(report, options)
    except Exception as e:  # a defect of the check itself must not hide the other suites
        report.failed(name, f'the check itself failed: {type(e).__name__}: {e}')
    seconds = time.monotonic() - start
    if report.has_results():
        counts = (f'{report.n_passed} passed, {len(report.failures)} failed, '
                  f'{len(report.skips)} skipped')
        output.line(f'{name:<14} {counts:<40}{seconds:7.1f} s')
    for text in report.failures:
        output.line('    FAIL ' + text.replace('\n', '\n        '))
    for text in report.skip_lines():
        output.line('    SKIP ' + text)
    return report


def main():
    os.chdir(ROOT)
    os.makedirs(LOGS, exist_ok=True)
    os.environ.setdefault('LOCPATH', os.path.join(ROOT, 'build', 'locale'))
    suites = all_suites()
    options = parse_arguments(list(suites))
    if options.list:
        print('\n'.join(suites))
        return 0
    output = Output()
    reports = [run_suite(name, function, options, output) for name, function in suites.items()
               if name in options.chosen and name not in options.left_out]
    n_failed = sum(len(r.failures) for r in reports)
    output.line(f'{sum(r.n_passed for r in reports)} passed, {n_failed} failed, '
                f'{sum(len(r.skips) for r in reports)} skipped')
    return 1 if n_failed else 0


if __name__ == '__main__':
    sys.exit(main())
