#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains models/endoscopy_unet.onnx, the demo's segmentation network, on the endoscopy simulator.

    python3 models/train_unet.py --out DIR [--minutes M]

Builds src/sim with the C compiler, renders procedures on all cores, trains a small U-Net with
PyTorch on a GPU, measures it on procedures that training never saw, and writes into DIR
endoscopy_unet.onnx, train_log.tsv, accuracy.tsv and weights.pt. Needs a C compiler, numpy, torch,
onnx and onnxruntime.
"""
import argparse
import ctypes
import glob
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WIDTH, HEIGHT = 256, 192
CHANNELS = (16, 24, 32, 40, 56)  # at full size, half, quarter, ...
BATCH = 32

# Seeds from here on: procedures of one set never appear in another.
TRAIN_SEEDS, VALIDATION_SEEDS, TEST_SEEDS = 1_000_000, 2_000_000, 3_000_000


# ---- the simulator -----------------------------------------------------------------------------

class Opts(ctypes.Structure):
    """struct tro_endoscopy_opts."""
    _fields_ = [('seed', ctypes.c_uint64), ('width', ctypes.c_int), ('height', ctypes.c_int),
                ('fps', ctypes.c_double), ('make', ctypes.c_int),
                ('disturb', ctypes.c_float * 15)]


class Frame(ctypes.Structure):
    """struct tro_endoscopy_frame."""
    _fields_ = [(name, ctypes.c_void_p) for name in ('rgb', 'label', 'instance', 'depth', 'truth')]


class ClassInfo(ctypes.Structure):
    """struct tro_endoscopy_class_info."""
    _fields_ = [('name', ctypes.c_char_p), ('rgb', ctypes.c_uint8 * 3)]


def build_simulator(folder):
    """Compiles src/sim and src/base into a shared library, with the flags of the project."""
    path = os.path.join(folder, 'libendoscopy.so')
    sources = sorted(glob.glob(os.path.join(ROOT, 'src/sim/*.c')) +
                     glob.glob(os.path.join(ROOT, 'src/base/*.c')))
    subprocess.run(['cc', '-std=c17', '-O2', '-D_GNU_SOURCE', '-ffp-contract=off',
                    '-fno-math-errno', '-shared', '-fPIC', '-I', os.path.join(ROOT, 'src'),
                    '-I', os.path.join(ROOT, 'include'), *sources, '-o', path, '-lm', '-lpthread'],
                   check=True)
    return path


def load_simulator(path):
    lib = ctypes.CDLL(path)
    lib.tro_endoscopy_create.restype = ctypes.c_void_p
    lib.tro_endoscopy_create.argtypes = [ctypes.POINTER(Opts), ctypes.c_void_p]
    lib.tro_endoscopy_destroy.argtypes = [ctypes.c_void_p]
    lib.tro_endoscopy_render.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.POINTER(Frame),
                                         ctypes.c_void_p]
    return lib


def class_infos(path):
    """[(name, (r, g, b))] by label."""
    lib, rows = load_simulator(path), []
    table = (ClassInfo * 256).in_dll(lib, 'tro_endoscopy_classes')
    with open(os.path.join(ROOT, 'src/sim/endoscopy.h'), encoding='utf-8') as f:
        n = sum(line.lstrip().startswith('X(') for line in f)
    for i in range(n):
        rows.append((table[i].name.decode(), tuple(table[i].rgb)))
    return rows


def render_procedure(job):
    """Frames of one procedure, spread over it: (n, H, W, 3) and (n, H, W), uint8."""
    path, seed, n_frames = job
    lib = load_simulator(path)
    opts = Opts(seed, WIDTH, HEIGHT, 1.0)
    handle = lib.tro_endoscopy_create(ctypes.byref(opts), None)
    if not handle:
        raise MemoryError(f'procedure {seed}')
    rgb = np.empty((n_frames, HEIGHT, WIDTH, 3), np.uint8)
    label = np.empty((n_frames, HEIGHT, WIDTH), np.uint8)
    for i in range(n_frames):
        second = 3 * i + seed % 3
        frame = Frame(rgb[i].ctypes.data, label[i].ctypes.data)
        if lib.tro_endoscopy_render(handle, second, ctypes.byref(frame), None) < 0:
            raise ValueError(f'procedure {seed}, second {second}')
    lib.tro_endoscopy_destroy(handle)
    return rgb, label


def render(path, first_seed, n_procedures, n_frames):
    """(procedures * frames, ...) arrays, in the order of the seeds."""
    os.environ['TROCAR_THREADS'] = '1'
    jobs = [(path, first_seed + i, n_frames) for i in range(n_procedures)]
    with multiprocessing.get_context('fork').Pool() as pool:
        parts = pool.map(render_procedure, jobs, chunksize=4)
    return (np.concatenate([rgb for rgb, _ in parts]),
            np.concatenate([label for _, label in parts]))


# ---- the network -------------------------------------------------------------------------------

def make_network(n_classes):
    import torch
    from torch import nn

    def block(n_in, n_out):
        return nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
                             nn.BatchNorm2d(n_out), nn.ReLU(),
                             nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
                             nn.BatchNorm2d(n_out), nn.ReLU())

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList([block(a, b) for a, b in zip((3, *CHANNELS), CHANNELS)])
            self.pool = nn.MaxPool2d(2)
            steps = list(zip(CHANNELS[:0:-1], CHANNELS[-2::-1]))
            self.up = nn.ModuleList([nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in steps])
            self.join = nn.ModuleList([block(2 * b, b) for _, b in steps])
            self.head = nn.Conv2d(CHANNELS[0], n_classes, 1)

        def forward(self, x):
            skips = []
            for i, down in enumerate(self.down):
                x = down(self.pool(x) if i else x)
                skips.append(x)
            for up, join, skip in zip(self.up, self.join, skips[-2::-1]):
                x = join(torch.cat([up(x), skip], 1))
            return self.head(x)

    return UNet()


def augment(rgb, label):
    """Light changes that the optics of another camera could make; rgb is 0..255 float."""
    import torch
    n, device = rgb.shape[0], rgb.device

    def draw(low, high, *shape):
        return torch.rand(n, *shape, device=device) * (high - low) + low

    flip = torch.rand(n, device=device) < 0.5
    rgb = torch.where(flip[:, None, None, None], rgb.flip(3), rgb)
    label = torch.where(flip[:, None, None], label.flip(2), label)
    x = (rgb / 255) ** draw(0.8, 1.25, 1, 1, 1)
    x = x * draw(0.8, 1.2, 1, 1, 1) * draw(0.92, 1.08, 3, 1, 1)
    grey = x.mean(1, keepdim=True)
    x = grey + (x - grey) * draw(0.8, 1.2, 1, 1, 1)
    x = x + torch.randn_like(x) * draw(0, 0.03, 1, 1, 1)
    return (x * 255).clamp(0, 255), label


def loss_of(logits, label, n_classes):
    """Cross entropy plus one minus the mean overlap of the classes."""
    import torch
    import torch.nn.functional as F
    logits = logits.float()
    truth = F.one_hot(label, n_classes).permute(0, 3, 1, 2).float()
    p = torch.softmax(logits, 1)
    both, either = (p * truth).sum((0, 2, 3)), (p + truth).sum((0, 2, 3))
    overlap = (2 * both + 1) / (either + 1)
    return F.cross_entropy(logits, label) + 1 - overlap.mean()


def confusion_of(predicted, label, n_classes):
    """[truth, predicted] counts from label arrays (numpy)."""
    pairs = label.reshape(-1).astype(np.int64) * n_classes + predicted.reshape(-1)
    return np.bincount(pairs, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def iou_of(confusion):
    both = np.diag(confusion).astype(float)
    either = confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    return both / np.maximum(either, 1)


def predict(net, rgb, mean, std):
    """Labels for uint8 pictures, batch by batch."""
    import torch
    net.eval()
    parts = []
    with torch.no_grad():
        for i in range(0, len(rgb), 64):
            x = rgb[i:i + 64].float()
            parts.append(net((x / 255 - mean) / std).argmax(1).to(torch.uint8).cpu().numpy())
    return np.concatenate(parts)


def to_device(rgb, label):
    import torch
    return (torch.from_numpy(rgb).permute(0, 3, 1, 2).contiguous().cuda(),
            torch.from_numpy(label).cuda())


def train(net, data, validation, mean, std, seconds, log):
    """Cosine schedule over the time that is left; validation once an epoch."""
    import torch
    n_classes = net.head.out_channels
    rgb, label = data
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2)
    top_rate, start, step, epoch = 6e-3, time.time(), 0, 0
    log.write('epoch\tsteps\tseconds\trate\ttrain_loss\tvalidation_miou\n')
    while time.time() - start < seconds:
        net.train()
        order, total, n = torch.randperm(len(rgb), device='cuda'), 0.0, 0
        for i in range(0, len(order) - BATCH + 1, BATCH):
            done = min((time.time() - start) / seconds, 1)
            rate = top_rate * min(step / 300, 1) * (0.5 + 0.5 * np.cos(np.pi * done)) + 1e-6
            for group in optimizer.param_groups:
                group['lr'] = rate
            pick = order[i:i + BATCH]
            x, y = augment(rgb[pick].float(), label[pick].long())
            x = ((x / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
            with torch.autocast('cuda', dtype=torch.bfloat16):
                logits = net(x)
            loss = loss_of(logits, y, n_classes)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step += 1
            if n % 20 == 0:
                total += 20 * loss.item()
            n += 1
        epoch += 1
        confusion = confusion_of(predict(net, validation[0], mean, std),
                                 validation[1].cpu().numpy(), n_classes)
        line = (f'{epoch}\t{step}\t{time.time() - start:.0f}\t{rate:.2e}\t'
                f'{total / max(n, 1):.4f}\t{iou_of(confusion).mean():.4f}')
        log.write(line + '\n')
        log.flush()
        print(line, flush=True)


# ---- the file ----------------------------------------------------------------------------------

def export(net, path, mean, std, classes):
    """ONNX as research code exports it: batch normalization stays; what the input expects and what
    the outputs mean goes into the metadata."""
    import torch
    weights = {name: value.float().cpu().contiguous() for name, value in net.state_dict().items()}
    net = make_network(len(classes))
    net.load_state_dict(weights)
    net.eval()
    x = torch.zeros(1, 3, HEIGHT, WIDTH)
    torch.onnx.export(net, (x,), path, opset_version=17, input_names=['image'],
                      output_names=['logits'], dynamo=False,
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    clean(path, {
        'trocar.input.layout': 'nchw',
        'trocar.input.colour': 'rgb',
        'trocar.input.scale': repr(1 / 255),
        'trocar.input.mean': ','.join(f'{v:g}' for v in mean),
        'trocar.input.std': ','.join(f'{v:g}' for v in std),
        'trocar.task': 'segmentation',
        'trocar.classes': ','.join(name for name, _ in classes),
        'trocar.palette': ','.join('#%02x%02x%02x' % rgb for _, rgb in classes),
    })


def clean(path, metadata):
    """Leaves no trace of the machine: no stack traces, no paths, no documentation strings."""
    import onnx
    model = onnx.load(path)
    model.doc_string = ''
    model.graph.doc_string = ''
    model.graph.name = 'endoscopy_unet'
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input,
                 *model.graph.output, *model.graph.initializer):
        part.doc_string = ''
        if hasattr(part, 'metadata_props'):
            del part.metadata_props[:]
    del model.metadata_props[:]
    for key, value in metadata.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def measure_file(path, rgb, label, mean, std, n_classes):
    """Confusion of the exported file in ONNX Runtime, one picture at a time as it will be used."""
    import onnxruntime
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    total = np.zeros((n_classes, n_classes), np.int64)
    for picture, truth in zip(rgb, label):
        x = (picture.transpose(2, 0, 1)[None].astype(np.float32) / 255 - mean) / std
        logits = session.run(None, {'image': x.astype(np.float32)})[0]
        total += confusion_of(logits[0].argmax(0), truth, n_classes)
    return total


def write_accuracy(path, confusion, classes):
    iou = iou_of(confusion)
    recall = np.diag(confusion) / np.maximum(confusion.sum(1), 1)
    precision = np.diag(confusion) / np.maximum(confusion.sum(0), 1)
    share = confusion.sum(1) / confusion.sum()
    with open(path, 'w', encoding='utf-8') as f:
        f.write('class\tiou\trecall\tprecision\tshare_of_pixels\n')
        for i, (name, _) in enumerate(classes):
            f.write(f'{name}\t{iou[i]:.4f}\t{recall[i]:.4f}\t{precision[i]:.4f}\t{share[i]:.4f}\n')
        f.write(f'mean\t{iou.mean():.4f}\t{recall.mean():.4f}\t{precision.mean():.4f}\t1\n')
    with open(path, encoding='utf-8') as f:
        print(f.read())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', required=True)
    parser.add_argument('--minutes', type=float, default=5, help='of training, after rendering')
    parser.add_argument('--procedures', type=int, default=1500, help='to train on')
    parser.add_argument('--only-render', action='store_true', help='stop after the first pictures')
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        library = build_simulator(folder)
        classes = class_infos(library)
        print(*[name for name, _ in classes])
        if not args.only_render:
            check_export(args.out, classes)
        print(f'{time.time() - start:.0f} s: rendering', flush=True)
        train_set = render(library, TRAIN_SEEDS, args.procedures, 8)
        validation_set = render(library, VALIDATION_SEEDS, max(args.procedures // 25, 1), 8)
        test_set = render(library, TEST_SEEDS, max(args.procedures // 15, 1), 8)
    counts = np.bincount(train_set[1].reshape(-1), minlength=len(classes))
    print(f'{time.time() - start:.0f} s: {len(train_set[0])} pictures, shares of the classes',
          *(f'{v:.4f}' for v in counts / counts.sum()), flush=True)
    if args.only_render:
        return
    run(args, classes, train_set, validation_set, test_set, start)


def check_export(out, classes):
    """An untrained network through the exporter: what fails there fails before the work is done."""
    import torch
    path = os.path.join(out, 'untrained.onnx')
    net = make_network(len(classes))
    export(net, path, (0.5,) * 3, (0.25,) * 3, classes)
    n_parameters = sum(p.numel() for p in net.parameters())
    print(f'{n_parameters} parameters, {os.path.getsize(path)} bytes, torch {torch.__version__}')
    os.remove(path)


def run(args, classes, train_set, validation_set, test_set, start):
    import torch
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    sample = train_set[0][::16].astype(np.float32) / 255
    mean = np.round(sample.mean((0, 1, 2)), 3)
    std = np.round(sample.std((0, 1, 2)), 3)
    mean_gpu = torch.tensor(mean, device='cuda', dtype=torch.float32)[None, :, None, None]
    std_gpu = torch.tensor(std, device='cuda', dtype=torch.float32)[None, :, None, None]
    net = make_network(len(classes)).cuda().to(memory_format=torch.channels_last)
    with open(os.path.join(args.out, 'train_log.tsv'), 'w', encoding='utf-8') as log:
        train(net, to_device(*train_set), to_device(*validation_set), mean_gpu, std_gpu,
              args.minutes * 60, log)
    torch.save(net.state_dict(), os.path.join(args.out, 'weights.pt'))
    path = os.path.join(args.out, 'endoscopy_unet.onnx')
    export(net, path, mean, std, classes)
    print(f'{time.time() - start:.0f} s: exported {os.path.getsize(path)} bytes, mean {mean}, '
          f'std {std}', flush=True)
    confusion = measure_file(path, *test_set, mean[:, None, None], std[:, None, None], len(classes))
    write_accuracy(os.path.join(args.out, 'accuracy.tsv'), confusion, classes)
    print(f'{time.time() - start:.0f} s: done')


if __name__ == '__main__':
    sys.exit(main())
