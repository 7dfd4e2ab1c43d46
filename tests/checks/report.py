# SPDX-License-Identifier: Apache-2.0
"""What a suite found, and running programs with their output kept in a log."""
import os
import re
import signal
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOGS = os.path.join(ROOT, 'build', 'check')
N_JOBS = len(os.sched_getaffinity(0))


class Report:
    """Counts of one suite. Each check has a name; failures and skips have a reason."""

    def __init__(self, suite):
        self.suite = suite
        self.n_passed = 0
        self.failures = []
        self.skips = []
        self.log = open(os.path.join(LOGS, suite + '.log'), 'w', encoding='utf-8')

    def passed(self, n=1):
        self.n_passed += n

    def failed(self, name, why):
        self.failures.append(f'{name}: {why}')

    def skipped(self, name, reason):
        self.skips.append((name, reason))

    def skip_lines(self):
        """One line a reason, with the names it holds for."""
        names = {}
        for name, reason in self.skips:
            names.setdefault(reason, []).append(name)
        return [f'{", ".join(names[reason])}: {reason}' for reason in names]

    def check(self, name, problems):
        """One check that passes when the list of problems is empty."""
        if problems:
            self.failed(name, '; '.join(problems))
        else:
            self.passed()

    def write(self, text):
        self.log.write(text if text.endswith('\n') else text + '\n')
        self.log.flush()

    def has_results(self):
        return self.n_passed > 0 or bool(self.failures) or bool(self.skips)


def run(command, timeout=600, env=None, cwd=ROOT):
    """Runs to its end or its time limit. Returns (exit code, output); the code is None after the
    limit, negative after a signal."""
    full_env = {**os.environ, **(env or {})}
    try:
        p = subprocess.Popen(command, cwd=cwd, env=full_env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True)
    except OSError as e:
        return 127, f'{command[0]}: {e.strerror}\n'
    try:
        out, _ = p.communicate(timeout=timeout)
        code = p.returncode
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, _ = p.communicate()
        code = None
    return code, out.decode('utf-8', 'replace')


def ended(code, timeout):
    """How a program ended, in words."""
    if code is None:
        return f'not done after {timeout} s'
    if code < 0:
        return f'killed by {signal.Signals(-code).name}'
    return f'exit {code}'


SANITIZER = re.compile(r'^(SUMMARY: \w+Sanitizer.*|.*runtime error:.*'
                       r'|\w+Sanitizer: CHECK failed.*)$', re.M)


def cause(code, out, timeout):
    """Why a program failed: a sanitizer's summary, else how it ended and its last line."""
    found = SANITIZER.search(out)
    if found:
        return found.group(1)
    lines = out.rstrip().split('\n')
    return f'{ended(code, timeout)}: {lines[-1]}' if lines[-1] else ended(code, timeout)


RESULT = re.compile(r'^(PASS|FAIL|SKIP) (.*)$', re.M)


def split_result(text):
    """Name and reason of "name: reason"."""
    name, _, reason = text.partition(': ')
    return name, reason or 'no reason given'


def run_script(report, name, command, timeout, env=None):
    code, out = run(command, timeout, env)
    count_script(report, name, command, code, out, timeout)


def count_script(report, name, command, code, out, timeout):
    """A test script prints "PASS name", "FAIL name: why" and "SKIP name: reason"; one that prints
    none of these is a single check, judged by its exit code."""
    report.write(f'$ {" ".join(command)}\n{out}')
    results = RESULT.findall(out)
    n_failed = 0
    for verdict, text in results:
        if verdict == 'PASS':
            report.passed()
        elif verdict == 'FAIL':
            n_failed += 1
            report.failures.append(text)
        else:
            report.skipped(*split_result(text))
    if code != 0 and n_failed == 0:
        report.failed(name, cause(code, out, timeout))
    elif not results:
        report.passed()
