#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares two engines on the reference networks: prints max |error| over max |value|.

Makes a seeded input for each network that nets.py wrote, runs `trocar compare` on it and reads
its JSON. Exit status: 0 all within the limit, 1 not, 2 a comparison could not be made.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import nets
from netkit import record

SIDES = {"ref": "ref:{}", "ort": "ort:{}", "model": "{}"}


class Failed(Exception):
    pass


def compare(trocar, model, sides, files, report):
    """Runs the comparison; returns its JSON."""
    command = [str(trocar), "compare", *(SIDES[s].format(model) for s in sides)]
    for name, file in files.items():
        command += ["-i", f"{name}={file}"]
    done = subprocess.run([*command, "--json", str(report)], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise Failed(done.stderr.strip() or f"exit status {done.returncode}")
    try:
        return json.loads(report.read_text())
    except (OSError, ValueError) as err:
        raise Failed(f"{report.name}: {err}") from err


def errors(result):
    """Largest error of each output over its largest value; infinite where there is none."""
    rows = []
    for check in result.get("checks", []):
        if "max_relative_error" not in check:
            raise Failed("a check in the comparison's JSON has no max_relative_error")
        error = check["max_relative_error"]
        known = error is not None and check.get("same_form", True)
        rows.append((check.get("output", "?"), float(error) if known else math.inf))
    if not rows:
        raise Failed("no checks in the comparison's JSON")
    return rows


def agree(args, name, folder):
    """Prints a network's rows; returns its exit status."""
    files = nets.write_inputs(nets.define(name, record.Params(0)), args.seed, folder)
    begin = time.monotonic()
    report = pathlib.Path(folder) / f"{name}.json"
    try:
        model = args.nets / f"{name}.onnx"
        rows = errors(compare(args.trocar, model, (args.a, args.b), files, report))
    except Failed as err:
        print(f"{name:<12} failed: {err}", flush=True)
        return 2
    seconds = f"{time.monotonic() - begin:.1f}"
    for output, error in rows:
        verdict = "ok" if error <= args.limit else "above the limit"
        print(f"{name:<12} {output:<14} {error:>9.2e} {seconds:>8}  {verdict}", flush=True)
    # Written so that a NaN fails.
    return 0 if all(error <= args.limit for _, error in rows) else 1


def parse(argv):
    root = pathlib.Path(__file__).resolve().parent.parent
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("names", nargs="*", metavar="NAME", help="default: all in the folder")
    p.add_argument("--nets", metavar="DIR", type=pathlib.Path, required=True)
    p.add_argument("--a", choices=SIDES, default="ref")
    p.add_argument("--b", choices=SIDES, default="ort")
    # With seed 3 no pixel of the tracker's masks is within 3e-4 of its threshold.
    p.add_argument("--seed", type=int, default=3)
    p.add_argument("--limit", type=float, default=1e-4)
    p.add_argument("--trocar", metavar="FILE", type=pathlib.Path, default=root / "build/trocar")
    args = p.parse_args(argv)
    args.names = args.names or [n for n in nets.NETS if (args.nets / f"{n}.onnx").exists()]
    if not args.names:
        p.error(f"{args.nets}: no network of nets.py in it; write them with nets.py -o {args.nets}")
    missing = [n for n in args.names if not (args.nets / f"{n}.onnx").exists()]
    if missing:
        p.error(f"{args.nets}: no {missing[0]}.onnx in it")
    if not args.trocar.exists():
        p.error(f"{args.trocar}: not there; run make first")
    return args


def main(argv=None):
    args = parse(argv)
    print(f"{'network':<12} {'output':<14} {'error':>9} {'seconds':>8}  {args.a} against {args.b}")
    with tempfile.TemporaryDirectory() as folder:
        return max(agree(args, name, folder) for name in args.names)


if __name__ == "__main__":
    sys.exit(main())
