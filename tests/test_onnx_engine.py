#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX's conformance tests through the optimizing engine: all passes, CPU kernels.

    tests/test_onnx_engine.py [PATTERN...]     only tests whose name holds one of the patterns

The cases, what is skipped and what is allowed are those of test_onnx_node.py, which judges the
reference kernels. Cases run one after the other in few processes (tests/tool_cases.c); when one
ends a process, that case has failed and the rest goes on in a new one.
"""
import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import onnx

import test_onnx_node as nodes

BUILD = os.environ.get('TROCAR_BUILD', os.path.join(nodes.ROOT, 'build'))
TOOL = os.path.join(BUILD, 'tests', 'tool_cases')


class Worker:
    """A process that runs cases; another one follows when it ends."""

    def __init__(self):
        self.process = None

    def start(self):
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors='replace')

    def run(self, fields):
        """"ok", or what went wrong."""
        if self.process is None:
            self.start()
        timer = threading.Timer(nodes.TIMEOUT, self.process.kill)
        timer.start()
        said = []
        try:
            self.process.stdin.write('\t'.join(fields) + '\n')
            self.process.stdin.flush()
            said = list(self.answer())
        except BrokenPipeError:
            pass
        is_late = not timer.is_alive()
        timer.cancel()
        if is_late:
            self.stop([])
            return f'not done after {nodes.TIMEOUT} s'
        return said[-1][2:] if said and said[-1].startswith('= ') else self.stop(said)

    def answer(self):
        """Lines up to the one that ends a case."""
        for line in self.process.stdout:
            yield line.strip()
            if line.startswith('= '):
                return

    def stop(self, said):
        code = self.process.wait()
        self.process = None
        how = f'killed by {signal.Signals(-code).name}' if code < 0 else f'exit {code}'
        return '; '.join([how, *(line for line in said if line)][:6])


def verdict(case, worker):
    model = onnx.load(case.model, load_external_data=False)
    reason = nodes.out_of_scope(model, case.inputs)
    if reason:
        return f'SKIP {case.name}: {reason}'
    with tempfile.TemporaryDirectory() as folder:
        nodes.redeclare(case, model, folder)
        nodes.saturate(case, model, folder)
        nodes.widen_for_bfloat16(case, model)
        n_threads = nodes.N_JOBS if '/light/' in case.name else 1
        fields = [case.model, str(case.rtol), str(case.atol), str(n_threads), '-i',
                  *nodes.input_files(model, case.inputs), '-o', *case.outputs]
        answer = worker.run(fields)
    return f'PASS {case.name}' if answer == 'ok' else f'FAIL {case.name}: {answer}'


def main(patterns):
    local = threading.local()

    def run(case):
        if not hasattr(local, 'worker'):
            local.worker = Worker()
        return verdict(case, local.worker)

    with tempfile.TemporaryDirectory() as folder:
        cases, missing = nodes.all_cases(folder)
        print('\n'.join(missing), end='\n' if missing else '')
        chosen = [c for c in cases if not patterns or any(p in c.name for p in patterns)]
        n_failed = 0
        with ThreadPoolExecutor(nodes.N_JOBS) as pool:
            for line in pool.map(run, chosen):
                print(line, flush=True)
                n_failed += line.startswith('FAIL')
    return 1 if n_failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
