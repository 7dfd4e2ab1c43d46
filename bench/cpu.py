#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Times Trocar's CPU engine against ONNX Runtime on the same files, in turns, on one machine.

    bench/cpu.py --nets DIR [--data DIR] [NAME...]

Networks are those that nets.py wrote to --nets, and the trained ones of a folder of test data with
recorded inputs. Outputs are compared before anything is timed. A ratio is ONNX Runtime's time over
ours, of the medians and of the minima; the geometric mean is over the six reference networks, and
apart over the trained ones. Exit status: 0, or 1 when outputs differ or a network could not run.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import nets
from netkit import record

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIX = ("resnet50", "unet", "yolov8s", "mobilenetv3", "deeplabv3", "swin_t")
LIMIT = 1e-4


class Failed(Exception):
    pass


class Case:
    def __init__(self, name, path, group, files):
        self.name, self.path, self.group, self.files = name, path, group, files

    def shapes(self):
        return {n: "x".join(map(str, np.load(f).shape)) or "scalar" for n, f in self.files.items()}


def reference_cases(args, folder):
    for name in nets.NETS:
        path = args.nets / f"{name}.onnx"
        if path.exists():
            files = nets.write_inputs(nets.define(name, record.Params(0)), 3, folder)
            yield Case(name, path, "reference" if name in SIX else "more", files)


def trained_cases(args):
    for listing in sorted(args.data.glob("*/io.txt")):
        folder = listing.parent
        rows = [line.split("\t") for line in listing.read_text().splitlines()]
        files = {tensor: folder / file for kind, tensor, file in rows if kind == "input"}
        yield Case(folder.name, folder / "model.onnx", "trained", files)


def call(args, *command):
    done = subprocess.run([str(args.trocar), *map(str, command)], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise Failed(done.stderr.strip() or f"exit status {done.returncode}")


def engine(args, case, folder):
    """What is timed: the model as it is, or a tuned plan of it."""
    if args.tune == 0:
        return case.path
    plan = folder / f"{case.name}.plan"
    options = ["--tune", args.tune, "--threads", args.threads]
    if args.cache:
        options += ["--cache", args.cache]
    for name, shape in case.shapes().items():
        options += ["--shapes", f"{name}={shape}"]
    call(args, "build", case.path, "-o", plan, *options)
    return plan


def check(args, case, ours, folder):
    """Greatest error over greatest value against ONNX Runtime."""
    report = folder / "compare.json"
    inputs = [a for name, file in case.files.items() for a in ("-i", f"{name}={file}")]
    call(args, "compare", f"ort:{case.path}", ours, *inputs, "--json", report)
    checks = json.loads(report.read_text())["checks"]
    errors = [c["max_relative_error"] for c in checks]
    return max(math.inf if e is None else float(e) for e in errors)


def measure(args, case, folder):
    ours = engine(args, case, folder)
    error = None if args.no_check else check(args, case, ours, folder)
    report = folder / "bench.json"
    options = ["--duration", args.duration, "--threads", args.threads, "--json", report]
    if ours == case.path:
        for name, shape in case.shapes().items():
            options += ["--shapes", f"{name}={shape}"]
    call(args, "bench", ours, f"ort:{case.path}", *options)
    own, other = (side["latency_ms"] for side in json.loads(report.read_text())["sides"])
    return {"net": case.name, "group": case.group, "error": error,
            "ours_ms": {k: own[k] for k in ("p50", "min")},
            "ort_ms": {k: other[k] for k in ("p50", "min")},
            "ratio": {k: other[k] / own[k] for k in ("p50", "min")}}


def show(row):
    error = "-" if row["error"] is None else f"{row['error']:.1e}"
    print(f"{row['net']:<26} {row['ours_ms']['p50']:>9.3f} {row['ours_ms']['min']:>9.3f} "
          f"{row['ort_ms']['p50']:>9.3f} {row['ort_ms']['min']:>9.3f} "
          f"{row['ratio']['p50']:>7.2f} {row['ratio']['min']:>7.2f}  {error}", flush=True)


def mean(rows, group, key):
    logs = [math.log(r["ratio"][key]) for r in rows if r["group"] == group]
    return math.exp(sum(logs) / len(logs)) if logs else None


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("names", nargs="*", metavar="NAME", help="default: all that are there")
    p.add_argument("--nets", metavar="DIR", type=pathlib.Path, default=ROOT / "build/nets")
    p.add_argument("--data", metavar="DIR", type=pathlib.Path, default=ROOT / "build/data")
    p.add_argument("--duration", type=float, default=2, help="seconds for each side (2)")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--tune", type=int, default=0, help="of trocar build; 0 times the model (0)")
    p.add_argument("--cache", metavar="FILE", help="timings of the tuner, kept")
    p.add_argument("--no-check", action="store_true", help="do not compare outputs first")
    p.add_argument("--json", metavar="FILE", type=pathlib.Path)
    p.add_argument("--trocar", metavar="FILE", type=pathlib.Path, default=ROOT / "build/trocar")
    return p.parse_args(argv)


def run_all(args, folder):
    rows, is_bad = [], False
    for case in (*reference_cases(args, folder), *trained_cases(args)):
        if args.names and case.name not in args.names:
            continue
        try:
            rows.append(measure(args, case, folder))
            show(rows[-1])
            # Quantized networks may differ by a quantum.
            is_bad |= case.group != "trained" and not (rows[-1]["error"] or 0) <= LIMIT
        except Failed as err:
            print(f"{case.name:<26} failed: {err}", flush=True)
            is_bad = True
    return rows, is_bad


def main(argv=None):
    args = parse(argv)
    print(f"{'network':<26} {'ours ms':>9} {'min':>9} {'ORT ms':>9} {'min':>9} {'ratio':>7} "
          f"{'of min':>7}  error")
    with tempfile.TemporaryDirectory() as folder:
        rows, is_bad = run_all(args, pathlib.Path(folder))
    means = {g: {k: mean(rows, g, k) for k in ("p50", "min")} for g in ("reference", "trained")}
    for group, values in means.items():
        if values["p50"]:
            print(f"geometric mean, {group:<10} {values['p50']:>50.2f} {values['min']:>7.2f}")
    if args.json:
        args.json.write_text(json.dumps({"threads": args.threads, "tune": args.tune, "nets": rows,
                                         "geometric_mean": means}, indent=2) + "\n")
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main())
