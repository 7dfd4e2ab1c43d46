#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the reference networks as ONNX: random weights, measured normalization statistics.

The same seed gives the same bytes. In a program, to_torch(name) gives the same network, with the
same weights, as a PyTorch module. Needs python3-numpy and python3-onnx.
"""
import argparse
import dataclasses
import pathlib
import sys
from typing import Callable

import numpy as np

from netkit import cnn, detector, evaluate, record, swin, tracker


@dataclasses.dataclass
class Spec:
    define: Callable
    size: tuple  # height, width
    sample: tuple  # what the statistics are measured on: batch, height, width
    title: str


NETS = {
    "resnet50": Spec(cnn.resnet50, (224, 224), (2, 224, 224), "ResNet-50"),
    "unet": Spec(cnn.unet, (512, 512), (1, 128, 128), "U-Net, 64 to 1024 channels"),
    "yolov8s": Spec(detector.yolov8s, (640, 640), (2, 448, 448), "YOLOv8-s shaped detector"),
    "mobilenetv3": Spec(cnn.mobilenetv3, (224, 224), (4, 224, 224), "MobileNetV3-Large"),
    "deeplabv3": Spec(cnn.deeplabv3, (512, 512), (3, 384, 384), "DeepLabV3 on MobileNetV3-Large"),
    "efficientnet_b0": Spec(cnn.efficientnet_b0, (224, 224), (4, 224, 224), "EfficientNet-B0"),
    "swin_t": Spec(swin.swin_t, (224, 224), (1, 224, 224), "Swin-T"),
    "swin_unet": Spec(swin.swin_unet, (224, 224), (1, 224, 224), "Swin-UNet"),
    "tracker": Spec(tracker.tracker, (480, 854), (1, 160, 286), "ConvLSTM instrument tracker"),
}


def define(name, params, size=None, batch=1):
    """The records of a network, weights not yet made."""
    net = record.Net(name, params)
    NETS[name].define(net, tuple(size or NETS[name].size), batch)
    return net


def build(name, seed=0):
    """A network with weights and statistics."""
    params = record.Params(seed)
    batch, *size = NETS[name].sample
    evaluate.calibrate(define(name, params, size, batch), seed)
    return define(name, params)


def read(path):
    """The network of a file that was written here, with its weights; the name tells which."""
    from netkit import onnx_out

    params = record.Params(0)
    net = define(pathlib.Path(path).stem, params)
    onnx_out.read_params(net, str(path))
    return net


def to_torch(name, seed=0):
    """The network as a torch.nn.Module on the CPU, in evaluation mode."""
    from netkit import torch_out

    return torch_out.to_module(build(name, seed))


def write_inputs(net, seed, folder):
    """Writes a picture, and states, for each input; returns {input: file}."""
    files = {}
    for name, array in evaluate.feeds(net, seed).items():
        files[name] = pathlib.Path(folder) / f"{net.name}.{name}.npy"
        np.save(files[name], array)
    return files


def show_list():
    print(f"{'name':<15} {'parameters':>12} {'MACs':>10}  {'input':<17} network")
    for name, spec in NETS.items():
        net = define(name, record.Params(0))
        shape = "x".join(str(d) for d in next(iter(net.inputs.values())).shape)
        macs = f"{net.macs() / 1e9:.2f} G"
        print(f"{name:<15} {net.params.count():>12,} {macs:>10}  {shape:<17} {spec.title}")


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("names", nargs="*", metavar="NAME", help="default: all of --list")
    p.add_argument("-o", "--output", metavar="DIR", type=pathlib.Path, help="folder to write to")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--list", action="store_true", help="names, parameters, multiply-accumulates")
    args = p.parse_args(argv)
    for name in args.names:
        if name not in NETS:
            p.error(f"no network '{name}': choose from {', '.join(NETS)}")
    if not args.list and not args.output:
        p.error("-o DIR is needed")
    return args


def main(argv=None):
    args = parse(argv)
    if args.list:
        show_list()
        return 0
    from netkit import onnx_out

    args.output.mkdir(parents=True, exist_ok=True)
    for name in args.names or NETS:
        path = args.output / f"{name}.onnx"
        onnx_out.save(build(name, args.seed), str(path))
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
