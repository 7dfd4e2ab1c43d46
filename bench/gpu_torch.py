#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A reference network in PyTorch on a GPU, as a process that gpu.py gives orders to.

    gpu_torch.py NET.onnx FOLDER eager|inductor [cpu]    inputs NET.INPUT.npy are in FOLDER

A line on standard input is an order, a line of JSON on standard output its answer ("error" where it
failed):
    fp32                runs in single precision without TF32; writes outputs
    compile             torch.compile's default mode, once: fills its cache on the disk
    prepare             half precision, channels last, cuDNN tries its algorithms; captured in a
                        CUDA graph; writes outputs
    time WHAT SECONDS   WHAT is call or graph; medians and so on in milliseconds
"host" is from the call to the end of the wait for the device; "device" is between events right
before and behind, the device being idle at first; "queued" the same with no wait between runs.
"""
import json
import os
import pathlib
import statistics
import sys
import time
import traceback

import numpy as np
import torch

import nets
from netkit import torch_out

WARM_UP_S = 0.3
MIN_RUNS, MAX_RUNS = 200, 5000
N_BEFORE_CAPTURE = 5


def summary(ms):
    ms = sorted(ms)
    return {"median": statistics.median(ms), "min": ms[0], "p99": ms[int(len(ms) * 0.99)],
            "runs": len(ms)}


# ---- networks ------------------------------------------------------------------------------


def in_half(module):
    """Casts of the network's own, to single precision, become casts to half."""
    for node in module.graph.nodes:
        if node.op == "call_method" and node.target == "to":
            node.args = tuple(torch.float16 if a is torch.float32 else a for a in node.args)
    module.recompile()
    return module.half().to(memory_format=torch.channels_last)


def half_input(x):
    x = x.half()
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


class Job:
    def __init__(self, model, folder, kind, device):
        self.model, self.folder, self.kind = pathlib.Path(model), pathlib.Path(folder), kind
        self.device = device
        self.net = nets.read(model)
        self.files = [self.folder / f"{self.net.name}.{i}.npy" for i in self.net.inputs]
        self.inputs = self.call = self.graph = None

    def fp32(self):
        torch.backends.cudnn.benchmark = False
        module = torch_out.to_module(self.net).to(self.device)
        about = f"PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}"
        return {"outputs": self.save("fp32", module(*self.read())), "about": about}

    def compile(self):
        begin = time.monotonic()
        self.start()
        self.call(*self.inputs)
        self.wait()
        return {"seconds": time.monotonic() - begin}

    def prepare(self):
        begin = time.monotonic()
        self.start()
        outputs = self.call(*self.inputs)
        files = self.save(self.kind, outputs)
        answer = {"outputs": files, "seconds": time.monotonic() - begin}
        try:
            graph, captured = self.capture()
            graph.replay()
            self.wait()
            answer["captured"] = self.save(f"{self.kind}_graph", captured)
            self.graph = graph
        except RuntimeError as err:
            answer["graph_error"] = str(err)[:300]
        return answer

    def start(self):
        torch.backends.cudnn.benchmark = True
        module = in_half(torch_out.to_module(self.net)).to(self.device)
        self.inputs = [half_input(x) for x in self.read()]
        self.call = torch.compile(module, dynamic=False) if self.kind == "inductor" else module

    def read(self):
        return [torch.from_numpy(np.load(f)).to(self.device) for f in self.files]

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def save(self, label, outputs):
        """As arrays in the network's order; half becomes single precision."""
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        files = []
        for i, x in enumerate(outputs):
            files.append(str(self.folder / f"{self.net.name}.{label}.{i}.npy"))
            np.save(files[-1], (x.float() if x.is_floating_point() else x).cpu().numpy())
        return files

    def capture(self):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(N_BEFORE_CAPTURE):
                self.call(*self.inputs)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            outputs = self.call(*self.inputs)
        return graph, outputs

    # ---- times ---------------------------------------------------------------------------------

    def time(self, what, seconds):
        if what == "graph" and self.graph is None:
            raise RuntimeError("nothing was captured")
        step = self.graph.replay if what == "graph" else lambda: self.call(*self.inputs)
        run_for(WARM_UP_S, lambda: host_ms(step), 1, MAX_RUNS)
        host = run_for(seconds, lambda: host_ms(step), MIN_RUNS, MAX_RUNS)
        device = run_for(seconds, lambda: device_ms(step), MIN_RUNS, MAX_RUNS)
        queued = queued_ms(step)
        return {"host": summary(host), "device": summary(device), "queued": summary(queued)}


def run_for(seconds, measure, least, most):
    """Measurements for a time, some number of them at least and at most."""
    results, end = [], time.monotonic() + seconds
    while len(results) < most and (len(results) < least or time.monotonic() < end):
        results.append(measure())
    return results


def host_ms(step):
    begin = time.perf_counter_ns()
    step()
    torch.cuda.synchronize()
    return (time.perf_counter_ns() - begin) * 1e-6


def events():
    return torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)


def device_ms(step):
    begin, end = events()
    begin.record()
    step()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def queued_ms(step):
    pairs = [events() for _ in range(MIN_RUNS)]
    for begin, end in pairs:
        begin.record()
        step()
        end.record()
    torch.cuda.synchronize()
    return [begin.elapsed_time(end) for begin, end in pairs]


# ---- orders --------------------------------------------------------------------------------


def obey(job, order):
    word, *rest = order.split()
    if word == "time":
        return job.time(rest[0], float(rest[1]))
    return {"fp32": job.fp32, "compile": job.compile, "prepare": job.prepare}[word]()


def set_up():
    torch.set_grad_enabled(False)
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def tune_when_asked():
    """What Inductor measured while other processes were busy must not be believed later on."""
    from torch._inductor import config
    if hasattr(config, "autotune_local_cache"):
        config.autotune_local_cache = False


def main(argv):
    # Whatever libraries print goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    set_up()
    if argv[3] == "inductor":
        tune_when_asked()
    job = Job(*argv[1:4], argv[4] if len(argv) > 4 else "cuda")
    for line in sys.stdin:
        try:
            answer = obey(job, line)
        except Exception as err:  # told to the one who asked
            traceback.print_exc()
            answer = {"error": f"{type(err).__name__}: {str(err)[:300]}"}
        print(json.dumps(answer), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
