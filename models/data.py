# SPDX-License-Identifier: Apache-2.0
"""The pictures that networks learn from and are measured on, with the truth of each.

A set is a plan, a list of jobs, and the frames that its jobs render into files of one folder: frame
after frame, job after job. Kinds of jobs:

    spread    frames of any time of a procedure, each with a camera and disturbances of its own
    sequence  a frame a second, disturbances that come and go
    clip      12.5 frames a second, disturbances that stay
    outside   frames out of the body, some black, for the classifier of such frames alone
"""
import functools
import multiprocessing
import os
from dataclasses import dataclass, field

import numpy as np

from simulator import FPS, Procedure, Simulator

WIDTH, HEIGHT = 256, 144
LARGE = (640, 360)  # a part of the frames is drawn so and scaled down as `trocar` does it
LENGTH = {'spread': 16, 'sequence': 120, 'clip': 10, 'outside': 16}
LAST_SECOND = 240

# Procedures of one set never appear in another.
FIRST_SEED = {'train': 1_000_000, 'validation': 2_000_000, 'test': 3_000_000}
KIND_SEED = {'spread': 0, 'sequence': 200_000, 'clip': 400_000, 'outside': 600_000}

NOT_OF_PICTURES = ('dropped-frames', 'frozen-frames', 'black-frames', 'out-of-body')


@dataclass
class Job:
    kind: str
    seed: int
    size: tuple
    first: int = 0  # slot of its first frame in the set
    indices: list = field(default_factory=list)  # frames of the procedure
    makes: list = field(default_factory=list)
    strengths: list = field(default_factory=list)  # of each disturbance, for each frame

    def add(self, index, make, strengths):
        self.indices.append(int(index))
        self.makes.append(int(make))
        self.strengths.append(strengths)


# ---- plans -------------------------------------------------------------------------------------

def draw_strengths(rng, names, clean_share):
    """None, one or two disturbances of the picture."""
    strengths = np.zeros(len(names), np.float32)
    usable = [i for i, name in enumerate(names) if name not in NOT_OF_PICTURES]
    n = 0 if rng.random() < clean_share else rng.choice([1, 1, 2])
    for i in rng.choice(usable, n, replace=False):
        strengths[i] = rng.uniform(0.1, 1)
    return strengths


def plan_spread(job, rng, simulator):
    for second in rng.uniform(0, LAST_SECOND, LENGTH['spread']):
        job.add(second * FPS, rng.integers(simulator.n_makes),
                draw_strengths(rng, simulator.disturbances, 0.4))


def plan_sequence(job, rng, simulator):
    make, until = rng.integers(simulator.n_makes), 0
    for second in range(LENGTH['sequence']):
        if second >= until:
            strengths = draw_strengths(rng, simulator.disturbances, 0.5)
            until = second + rng.integers(8, 30)
        job.add(second * FPS, make, strengths)


def plan_clip(job, rng, simulator):
    make, second = rng.integers(simulator.n_makes), rng.uniform(0, LAST_SECOND)
    strengths = draw_strengths(rng, simulator.disturbances, 0.4)
    for i in range(LENGTH['clip']):
        job.add(second * FPS + 2 * i, make, strengths)


def plan_outside(job, rng, simulator):
    """Of eight frames five out of the body, two black ones in it, one that is just dark."""
    names = simulator.disturbances
    for i in range(LENGTH['outside']):
        strengths = draw_strengths(rng, names, 0.5)
        if i % 8 < 5:
            strengths[names.index('out-of-body')] = 1
        elif i % 8 < 7:
            strengths[names.index('black-frames')] = 1
        else:
            strengths[names.index('low-light')] = 1
        job.add(rng.uniform(0, LAST_SECOND) * FPS, rng.integers(simulator.n_makes), strengths)


PLANNERS = {'spread': plan_spread, 'sequence': plan_sequence, 'clip': plan_clip,
            'outside': plan_outside}


def plan_job(which, kind, i, simulator):
    seed = FIRST_SEED[which] + KIND_SEED[kind] + i
    is_large = kind == 'spread' and i % 8 == 0
    job = Job(kind, seed, LARGE if is_large else (WIDTH, HEIGHT))
    PLANNERS[kind](job, np.random.default_rng(seed), simulator)
    return job


def make_plan(which, n_jobs, simulator, first=0):
    """n_jobs by kind. Kinds are mixed evenly, so that a part of the set is a smaller such set."""
    order = sorted(((i + 0.5) / n, kind, i) for kind, n in n_jobs.items() for i in range(n))
    plan, slot = [], 0
    for _, kind, i in order:
        job = plan_job(which, kind, first + i, simulator)
        job.first = slot
        slot += LENGTH[kind]
        plan.append(job)
    return plan


def n_frames(plan):
    return plan[-1].first + LENGTH[plan[-1].kind]


def starts_of(plan, kind):
    """Slots of the first frames of the jobs of a kind."""
    return np.array([job.first for job in plan if job.kind == kind], np.int64)


def slots_of(plan, kinds):
    """Slots of all their frames."""
    runs = [np.arange(job.first, job.first + LENGTH[job.kind]) for job in plan if job.kind in kinds]
    return np.concatenate([np.zeros(0, np.int64), *runs])


def is_clean(plan):
    """For each slot whether its picture is undisturbed."""
    return np.concatenate([np.array(job.strengths).max(1) == 0 for job in plan])


# ---- files -------------------------------------------------------------------------------------

def open_arrays(folder, plan, n_facts, mode):
    """Arrays over files; mode 'w+' makes them anew, 'r' reads, 'r+' writes into them."""
    n = n_frames(plan)
    shapes = {'rgb': ((n, HEIGHT, WIDTH, 3), np.uint8), 'label': ((n, HEIGHT, WIDTH), np.uint8),
              'depth': ((n, HEIGHT, WIDTH), np.float16), 'facts': ((n, n_facts), np.float32)}
    return {name: np.memmap(os.path.join(folder, name), dtype, mode, shape=shape)
            for name, (shape, dtype) in shapes.items()}


# ---- rendering ---------------------------------------------------------------------------------

@functools.cache
def scaling(n_from, n_to):
    """For each of n_to pixels: the two of n_from around its centre, the second one's weight, and
    the nearest one."""
    at = np.clip((np.arange(n_to) + 0.5) * n_from / n_to - 0.5, 0, n_from - 1)
    low = np.floor(at).astype(int)
    nearest = (2 * np.arange(n_to) + 1) * n_from // (2 * n_to)
    return low, np.minimum(low + 1, n_from - 1), (at - low).astype(np.float32), nearest


def scale_down(rgb):
    """Bilinear, pixel centres at half, not widened: as a record's resize."""
    top, bottom, weight, _ = scaling(rgb.shape[0], HEIGHT)
    rows = rgb[top] + weight[:, None, None] * (rgb[bottom].astype(np.float32) - rgb[top])
    left, right, weight, _ = scaling(rgb.shape[1], WIDTH)
    both = rows[:, left] + weight[None, :, None] * (rows[:, right] - rows[:, left])
    return (both + 0.5).astype(np.uint8)


def scale_facts(facts, names, x_scale, y_scale):
    for i, name in enumerate(names):
        if name.endswith(('-x', '-x0', '-x1')):
            facts[i] *= x_scale
        elif name.endswith(('-y', '-y0', '-y1')):
            facts[i] *= y_scale
        elif name.endswith('-pixels'):
            facts[i] *= x_scale * y_scale


def store(procedure, slot, arrays):
    width, height = procedure.width, procedure.height
    rows, columns = scaling(height, HEIGHT)[3], scaling(width, WIDTH)[3]
    is_large = (width, height) != (WIDTH, HEIGHT)
    arrays['rgb'][slot] = scale_down(procedure.rgb) if is_large else procedure.rgb
    arrays['label'][slot] = procedure.label[rows][:, columns]
    arrays['depth'][slot] = procedure.depth[rows][:, columns]
    facts = procedure.facts.copy()
    scale_facts(facts, procedure.simulator.facts, WIDTH / width, HEIGHT / height)
    arrays['facts'][slot] = facts


# ---- sets --------------------------------------------------------------------------------------

class Set:
    """A plan and the folder of its frames; `ready` jobs of it, the first ones, are rendered."""

    def __init__(self, which, folder, n_jobs, simulator, first):
        self.plan = make_plan(which, n_jobs, simulator, first)
        self.folder = os.path.join(folder, which)
        self.n_facts = len(simulator.facts)
        self.ready = 0
        if os.path.exists(self.ready_path()):
            with open(self.ready_path(), encoding='utf-8') as f:
                self.ready = int(f.read())
        else:
            os.makedirs(self.folder, exist_ok=True)
            self.arrays('w+')

    def ready_path(self):
        return os.path.join(self.folder, 'ready')

    def set_ready(self, ready):
        self.ready = ready
        with open(self.ready_path(), 'w', encoding='utf-8') as f:
            f.write(str(ready))

    def arrays(self, mode='r'):
        return open_arrays(self.folder, self.plan, self.n_facts, mode)

    def n_frames_ready(self):
        return self.plan[self.ready].first if self.ready < len(self.plan) else n_frames(self.plan)


def open_sets(folder, scale, simulator, kinds, first=0):
    """Of these kinds of jobs. Scale and number of the first job are of the set to train on."""
    sizes = {'validation': {'spread': 16, 'sequence': 6, 'clip': 16, 'outside': 8},
             'test': {'spread': 40, 'sequence': 12, 'clip': 40, 'outside': 16},
             'train': {'spread': round(1900 * scale), 'sequence': round(320 * scale),
                       'clip': round(1000 * scale), 'outside': round(250 * scale)}}
    return {which: Set(which, folder, {k: n for k, n in n_jobs.items() if k in kinds}, simulator,
                       first if which == 'train' else 0)
            for which, n_jobs in sizes.items()}


worker = {}  # of this process: simulator, sets, arrays by set


def start_worker(library, sets):
    worker.update(simulator=Simulator(library), sets=sets, arrays={})


def render_job(task):
    which, i = task
    arrays, job = worker['arrays'], worker['sets'][which].plan[i]
    if which not in arrays:
        arrays[which] = worker['sets'][which].arrays('r+')
    with Procedure(worker['simulator'], job.seed, *job.size) as procedure:
        for k, index in enumerate(job.indices):
            procedure.render(index, job.makes[k], job.strengths[k])
            store(procedure, job.first + k, arrays[which])
    return task


def tasks_of(sets, n_first):
    """What is not rendered yet: some jobs to train on, the other sets, the rest to train on."""
    tasks = {which: [(which, i) for i in range(s.ready, len(s.plan))] for which, s in sets.items()}
    train = tasks['train']
    return train[:n_first] + tasks['validation'] + tasks['test'] + train[n_first:]


class Rendering:
    """Fills the sets by other processes. Must start before CUDA does."""

    def __init__(self, library, sets, n_processes, n_first):
        self.sets = sets
        tasks = tasks_of(sets, n_first)
        context = multiprocessing.get_context('fork')
        self.pool = context.Pool(n_processes, start_worker, (library, sets))
        self.done = self.pool.imap(render_job, tasks)
        self.n_left = len(tasks)

    def poll(self, seconds=0):
        """Notes what is done by now; whether something was, waiting for it for some seconds."""
        had_some = False
        while self.n_left:
            try:
                which, i = self.done.next(timeout=0 if had_some else seconds)
            except multiprocessing.TimeoutError:
                break
            self.n_left -= 1
            self.sets[which].set_ready(i + 1)
            had_some = True
        return had_some

    def stop(self):
        self.pool.terminate()
