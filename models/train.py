#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the networks of models/ on the endoscopy simulator.

    python3 models/train.py --out DIR --data DIR [--only segmentation,depth] [--minutes M]
                            [--scale S] [--weights models]

Builds src/sim with the C compiler and renders procedures on all cores into the folder --data, where
a later call goes on; trains meanwhile with PyTorch on one GPU, all networks side by side; writes
NAME.onnx, NAME.json and train_log.tsv into --out. Needs a C compiler, numpy, torch and onnx.
"""
import argparse
import os
import sys
import tempfile
import time

import numpy as np

import data
import simulator

ROUND_SECONDS = 0.4  # of work on the GPU between two looks at the clock
LOAD_SECONDS = 2  # between two looks at what has been rendered
N_LOOKS = 8  # at losses

# The learning rate's top, and the share of the time in which it rises.
RATES, OTHER_RATE, WARM_UP = {'swin': 1.5e-3, 'step': 2e-3, 'tracker': 2e-3}, 3e-3, 0.03

# How much of the GPU's time each task gets beside the others.
SHARES = {'segmentation': 3, 'swin': 4, 'detector': 2.5, 'depth': 4.5, 'landmarks': 4,
          'outside': 0.2, 'bleeding': 0.6, 'step': 2.5, 'tracker': 2}


def rate_at(done):
    """Share of the learning rate's top, with the share of the time that has passed."""
    return min(done / WARM_UP, 1) * (0.5 + 0.5 * np.cos(np.pi * min(done, 1))) + 1e-4


class Trainer:
    """One task: its networks, and one step of it as a CUDA graph on a stream of its own."""

    def __init__(self, task, pool, folder):
        import torch
        self.task, self.pool, self.n_steps = task, pool, 0
        self.nets = {name: net.cuda().to(memory_format=torch.channels_last)
                     for name, net in task.networks().items()}
        if folder:
            self.load(folder)
        self.parameters = [list(net.parameters()) for net in self.nets.values()]
        self.rate = torch.tensor(1e-6, device='cuda')
        self.optimizer = torch.optim.AdamW(sum(self.parameters, []), lr=self.rate, fused=True,
                                           capturable=True, weight_decay=0.02)
        self.loss_sum = torch.zeros(len(self.nets), device='cuda')
        self.stream = torch.cuda.Stream()
        self.graph = torch.cuda.CUDAGraph()
        self.record_step()
        self.step_seconds = self.measure_step()

    def losses(self):
        import torch
        pictures, truth = self.task.batch(self.pool)
        found, teacher = [], None
        for net in self.nets.values():
            with torch.autocast('cuda', torch.bfloat16, cache_enabled=False):
                raw = self.task.run(net, pictures)
            loss = self.task.loss(net, raw, truth)
            if teacher is None:
                teacher = raw.detach()
            else:
                loss = loss + self.task.alike(net, raw, teacher)
            found.append(loss)
        return torch.stack(found)

    def step(self):
        import torch
        losses = self.losses()
        losses.sum().backward()
        for parameters in self.parameters:
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        self.optimizer.step()
        self.loss_sum += losses.detach()

    def record_step(self):
        import torch
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            for _ in range(3):
                self.optimizer.zero_grad(set_to_none=True)
                self.step()
        torch.cuda.synchronize()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(self.graph, stream=self.stream):
            self.step()
        torch.cuda.synchronize()

    def replay(self, n):
        import torch
        with torch.cuda.stream(self.stream):
            for _ in range(n):
                self.graph.replay()
        self.n_steps += n

    def measure_step(self):
        import torch
        for n in (2, 4):
            start = time.time()
            self.replay(n)
            torch.cuda.synchronize()
        return (time.time() - start) / n

    def set_rate(self, share):
        import torch
        with torch.cuda.stream(self.stream):
            self.rate.fill_(share * RATES.get(self.task.name, OTHER_RATE))

    def load(self, folder):
        """Goes on from the networks of a folder, where their weights have the sizes of today."""
        from export import weights_of
        for name, net in self.nets.items():
            own = net.state_dict()
            saved = weights_of(os.path.join(folder, name + '.onnx'))
            fits = {key: value for key, value in saved.items()
                    if key in own and value.shape == own[key].shape}
            net.load_state_dict(fits, strict=False)

    def take_losses(self, n):
        """Means since the last time."""
        found = (self.loss_sum / max(n, 1)).tolist()
        self.loss_sum.zero_()
        return found


def judge(task, net, pool, n_frames):
    """The task's metrics on the first frames, or runs of frames, of a set."""
    import torch
    arrays, metric = pool.data.arrays(), task.metric()
    net.eval()
    for use in task.judged:
        starts = pool.starts[use][pool.starts[use] + data.LENGTH.get(use, 1) <= pool.n_loaded]
        starts = starts[:: max(len(starts) // n_frames, 1)]
        for i in range(0, len(starts), 32):
            slots = torch.from_numpy(starts[i:i + 32]).cuda()
            add_outputs(task, net, pool, slots, arrays, metric)
    net.train()
    return metric.result()


def add_outputs(task, net, pool, slots, arrays, metric):
    import torch
    import augment
    n_alike = data.LENGTH.get(task.use, 1)
    slots = (slots[:, None] + torch.arange(n_alike, device='cuda')).flatten()
    with torch.no_grad():
        pictures = augment.normalize(pool.pictures(slots))
        if n_alike > 1:
            pictures = pictures.unflatten(0, (-1, n_alike))
        outputs = net.finish(task.run(net, pictures).float(), *task.optics(pool, slots))
        outputs = outputs.flatten(0, 1) if n_alike > 1 else outputs
    for output, slot in zip(outputs.cpu().numpy(), slots.tolist()):
        metric.add(output, task.wanted(arrays, slot, pool.fact_names))


class Log:
    """train_log.tsv: a row for each network at each look."""

    def __init__(self, folder):
        self.start = time.time()
        self.file = open(os.path.join(folder, 'train_log.tsv'), 'w', encoding='utf-8')
        self.write('seconds', 'network', 'steps', 'loss', 'on_validation')

    def write(self, *cells):
        line = '\t'.join(str(c) for c in cells)
        self.file.write(line + '\n')
        self.file.flush()
        print(line, flush=True)

    def seconds(self):
        return round(time.time() - self.start)


def look(trainers, last_steps, validation, log, n_frames):
    """Losses since the last look; accuracy on so many frames of validation."""
    import torch
    torch.cuda.synchronize()
    validation.load()
    for trainer in trainers:
        losses = trainer.take_losses(trainer.n_steps - last_steps.get(trainer, 0))
        last_steps[trainer] = trainer.n_steps
        for loss, (name, net) in zip(losses, trainer.nets.items()):
            found = judge(trainer.task, net, validation, n_frames) if n_frames else {}
            text = ' '.join(f'{key}={value:.4f}' for key, value in found.items())
            log.write(log.seconds(), name, trainer.n_steps, f'{loss:.4f}', text)


def train(trainers, pool, validation, rendering, args, log):
    """Rounds in which each task makes steps for its share of the time."""
    import torch
    whole = sum(SHARES[t.task.name] for t in trainers)
    n_each = [max(round(ROUND_SECONDS * SHARES[t.task.name] / whole / t.step_seconds), 1)
              for t in trainers]
    log.write(log.seconds(), '#', 'ms a step, steps a round',
              *(f'{t.task.name} {1000 * t.step_seconds:.1f} {n}' for t, n in zip(trainers, n_each)))
    start, looks, last_steps, last_load = time.time(), 0, {}, 0
    seconds = args.minutes * 60
    while (passed := (time.time() - start) / seconds) < 1:
        if passed > (looks + 1) / N_LOOKS:
            looks += 1
            log.write(log.seconds(), '#', pool.n_loaded, 'frames', '')
            look(trainers, last_steps, validation, log, 24 if 2 * looks == N_LOOKS else 0)
        for trainer, n in zip(trainers, n_each):
            trainer.set_rate(args.rate * rate_at(passed))
            trainer.replay(n)
        torch.cuda.synchronize()
        if time.time() - last_load > LOAD_SECONDS:
            last_load = time.time()
            if rendering.poll():
                pool.load()
    look(trainers, last_steps, validation, log, 0)


def check_exports(tasks, folder):
    """Untrained networks through the exporter: what fails there fails before the work is done."""
    from export import export
    for task in tasks:
        for name, net in task.networks().items():
            n_bytes = export(task, name, net, folder)
            n_parameters = sum(p.numel() for p in net.parameters())
            print(f'{name}\t{n_parameters} parameters\t{n_bytes} bytes', flush=True)


def wait_for(rendering, sets, n_train):
    """Until there is enough to begin with."""
    while sets['train'].ready < min(n_train, len(sets['train'].plan)):
        rendering.poll(1)


def run(args, sim, rendering, sets):
    import torch
    from pool import Pool
    from tasks import make_tasks
    torch.manual_seed(1)
    torch.backends.cudnn.benchmark = True
    os.makedirs(args.out, exist_ok=True)
    log, tasks = Log(args.out), make_tasks(sim, args.only)
    if not args.skip_check:
        check_exports(tasks, args.out)
    wait_for(rendering, sets, args.first_jobs)
    log.write(log.seconds(), '#', 'first frames', '', '')
    pools = {which: Pool(sets[which], sim.facts, 'cuda') for which in ('train', 'validation')}
    for pool in pools.values():
        pool.load()
    trainers = []
    for task in tasks:
        trainers.append(Trainer(task, pools['train'], args.weights))
        log.write(log.seconds(), '#', f'{task.name} is ready', '', '')
    train(trainers, pools['train'], pools['validation'], rendering, args, log)
    from export import export
    for trainer in trainers:
        for name, net in trainer.nets.items():
            export(trainer.task, name, net, args.out)
    log.write(log.seconds(), '#', pools['train'].n_loaded, 'frames', 'done')


def main():
    from tasks import kinds_of
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--out', required=True, help='folder of the networks')
    parser.add_argument('--data', required=True, help='folder of the frames')
    parser.add_argument('--only', type=lambda text: text.split(','), help='tasks, see tasks.py')
    parser.add_argument('--minutes', type=float, default=10, help='of training')
    parser.add_argument('--scale', type=float, default=1, help='of the set to train on')
    parser.add_argument('--weights', help='folder of NAME.onnx to go on from')
    parser.add_argument('--rate', type=float, default=1, help='share of the usual learning rates')
    parser.add_argument('--skip-jobs', type=int, default=0,
                        help='procedures that were learned from before')
    parser.add_argument('--skip-check', action='store_true', help='of exports before training')
    parser.add_argument('--first-jobs', type=int, default=40, help='to have before training')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = simulator.build(folder)
        sim = simulator.Simulator(library)
        sets = data.open_sets(args.data, args.scale, sim, kinds_of(sim, args.only), args.skip_jobs)
        rendering = data.Rendering(library, sets, max(os.cpu_count() - 1, 1), args.first_jobs)
        try:
            run(args, sim, rendering, sets)
        finally:
            rendering.stop()


if __name__ == '__main__':
    sys.exit(main())
