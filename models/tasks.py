# SPDX-License-Identifier: Apache-2.0
"""What is learned: for each task the networks, what a batch is, the loss, and how the exported file
is described and judged. The second network of a task learns from the first one as well."""
import math

import torch

import augment
import losses
import metrics
import networks as nets

POINT_THRESHOLD = 0.1
MAP = (72, 128, 2)  # rows, columns, stride


class Task:
    """batch: (pictures, truth). Subclasses say what of it is what."""
    name = output = None
    batch_size = 16
    use = 'inside'  # what of a set it learns from
    kinds = ('spread',)  # of jobs, that must be in the set
    judged = ('inside',)  # and is judged on
    light = 1  # how much pictures are changed

    def __init__(self, simulator):
        self.simulator = simulator

    def draw(self, pool):
        return pool.draw(self.use, self.batch_size)

    def batch(self, pool):
        slots = self.draw(pool)
        flips = augment.draw_flips(len(slots), 1, slots.device)
        pictures = augment.augment(pool.pictures(slots), flips, light=self.light)
        return pictures, self.truth(pool, slots, flips)

    def run(self, net, pictures):
        return net(pictures)

    def optics(self, pool, slots):
        """What `finish` of the networks takes beside their raw output."""
        return ()

    def wanted(self, arrays, slot, facts):
        """What the metrics compare the output of one frame with, in NumPy."""
        raise NotImplementedError


def fact_of(arrays, slot, facts, name):
    return float(arrays['facts'][slot, facts.index(name)])


def points_of(arrays, slot, facts, names):
    return [[fact_of(arrays, slot, facts, f'{name}-{what}') for what in ('x', 'y', 'visible')]
            for name in names]


# ---- classes of pixels -------------------------------------------------------------------------

class Segmentation(Task):
    name, output = 'segmentation', 'logits'

    def networks(self):
        n = len(self.simulator.classes)
        return {'endoscopy_unet': nets.UNet((16, 24, 32, 48, 64), n),
                'endoscopy_unet_small': nets.UNet((8, 12, 20, 28, 36), n)}

    def truth(self, pool, slots, flips):
        return augment.mirror(pool.label[slots], flips).long()

    def loss(self, net, raw, truth):
        return losses.classes(raw, truth)

    def alike(self, net, raw, teacher):
        return losses.classes_alike(raw, teacher)

    def record(self):
        return {'decode': 'classes', 'names': self.simulator.classes}

    def metadata(self):
        return {'trocar.task': 'segmentation', 'trocar.classes': ','.join(self.simulator.classes),
                'trocar.palette': ','.join(self.simulator.palette())}

    def metric(self):
        return metrics.Classes(len(self.simulator.classes))

    def wanted(self, arrays, slot, facts):
        return arrays['label'][slot]


class AccurateSegmentation(Segmentation):
    name = 'swin'

    def networks(self):
        return {'endoscopy_swin': nets.SwinUNet(len(self.simulator.classes))}


# ---- boxes, depth, points ----------------------------------------------------------------------

class Detection(Task):
    name, output = 'detector', 'detections'
    least_pixels = 12

    def networks(self):
        n = len(self.simulator.kinds)
        return {'endoscopy_detector': nets.Detector((16, 24, 40, 64, 88), 48, n),
                'endoscopy_detector_small': nets.Detector((8, 16, 24, 40, 56), 24, n)}

    def truth(self, pool, slots, flips):
        boxes = pool.boxes(slots)
        x0, x1 = boxes[..., 0], boxes[..., 2]
        width = pool.rgb.shape[2]
        flipped = torch.stack([width - x1, width - x0], -1)
        sides = torch.where(flips[:, None, None], flipped, torch.stack([x0, x1], -1))
        return torch.stack([sides[..., 0], boxes[..., 1], sides[..., 1], boxes[..., 3],
                            boxes[..., 4], boxes[..., 5]], -1)

    def loss(self, net, raw, truth):
        return losses.boxes(raw, net, truth, truth[..., 5] >= self.least_pixels)

    def alike(self, net, raw, teacher):
        return losses.boxes_alike(raw, teacher, net)

    def record(self):
        return {'decode': 'boxes', 'score_threshold': 0.1, 'iou_threshold': 0.6, 'max': 10,
                'names': self.simulator.kinds}

    def metric(self):
        return metrics.Boxes(len(self.simulator.kinds))

    def wanted(self, arrays, slot, facts):
        return [[fact_of(arrays, slot, facts, f'{side}-{what}')
                 for what in ('x0', 'y0', 'x1', 'y1', 'kind', 'pixels')]
                for side in ('left', 'right')]


class DepthTask(Task):
    name, output = 'depth', 'depth'
    light = 0.3  # brightness tells distance

    def networks(self):
        return {'endoscopy_depth': nets.Depth((24, 32, 48, 80), 2),
                'endoscopy_depth_small': nets.Depth((12, 16, 24, 40), 1)}

    def truth(self, pool, slots, flips):
        mm = augment.mirror(pool.depth[slots], flips).float()
        usual = nets.Depth.USUAL_MM * pool.fact(slots, 'focal-length')[:, None, None]
        return torch.log(mm.clamp(min=1) / usual), mm > 0

    def loss(self, net, raw, truth):
        return losses.depth(raw, *truth)

    def alike(self, net, raw, teacher):
        known = torch.ones_like(raw[:, 0], dtype=torch.bool)
        return losses.depth(raw, teacher[:, 0].float(), known)

    def optics(self, pool, slots):
        return (pool.fact(slots, 'focal-length')[:, None, None, None],)

    def record(self):
        return {'decode': 'linear'}

    def metric(self):
        return metrics.Depth()

    def wanted(self, arrays, slot, facts):
        return arrays['depth'][slot]


class Landmarks(Task):
    name, output = 'landmarks', 'maps'
    points = ('fundus', 'neck', 'origin', 'insertion')

    def networks(self):
        return {'endoscopy_landmarks': nets.Points((24, 32, 48, 80), 4, 2),
                'endoscopy_landmarks_small': nets.Points((12, 16, 24, 40), 4, 1)}

    def truth(self, pool, slots, flips):
        return augment.mirror(losses.maps_of(pool.points(slots, self.points), *MAP), flips)

    def loss(self, net, raw, truth):
        return losses.maps(raw, truth)

    def alike(self, net, raw, teacher):
        return losses.maps(raw, torch.sigmoid(teacher.float()))

    def record(self):
        return {'decode': 'peaks', 'max': 1, 'radius': 2, 'threshold': POINT_THRESHOLD,
                'refine': 'parabola', 'space': 'network', 'names': self.names()}

    def names(self):
        return self.simulator.landmarks

    def metric(self):
        return metrics.Points(POINT_THRESHOLD)

    def wanted(self, arrays, slot, facts):
        return points_of(arrays, slot, facts, self.points)


# ---- flags of pictures -------------------------------------------------------------------------

class Flag(Task):
    output = 'score'
    fact = None

    def truth(self, pool, slots, flips):
        return pool.fact(slots, self.fact)[:, None]

    def loss(self, net, raw, truth):
        return losses.flags(raw, truth)

    def alike(self, net, raw, teacher):
        return losses.flags(raw, torch.sigmoid(teacher.float()))

    def record(self):
        return {'decode': 'scores', 'activation': 'sigmoid', 'names': [self.fact]}

    def metric(self):
        return metrics.Flags()

    def wanted(self, arrays, slot, facts):
        return fact_of(arrays, slot, facts, self.fact)


class Outside(Flag):
    name, fact = 'outside', 'out-of-body'
    kinds = ('spread', 'outside')
    judged = ('inside', 'outside')

    def draw(self, pool):
        half = self.batch_size // 2
        return torch.cat([pool.draw('inside', half), pool.draw('outside', half)])

    def networks(self):
        return {'endoscopy_outside': nets.Classifier((12, 24, 32, 48)),
                'endoscopy_outside_small': nets.Classifier((8, 16, 24, 40))}


class Bleeding(Flag):
    name, fact = 'bleeding', 'bleeding'

    def networks(self):
        return {'endoscopy_bleeding': nets.Classifier((16, 24, 40, 64)),
                'endoscopy_bleeding_small': nets.Classifier((8, 16, 24, 40))}


# ---- sequences ---------------------------------------------------------------------------------

class Sequence(Task):
    """Batches are runs of frames; wanted and plain batches too."""

    def batch(self, pool):
        slots = pool.draw_runs(self.use, self.batch_size)
        flips = augment.draw_flips(slots.numel(), slots.shape[1], slots.device)
        x = augment.augment(pool.pictures(slots.flatten()), flips, slots.shape[1])
        return x.unflatten(0, slots.shape), self.truth(pool, slots, flips)

    def run(self, net, pictures):
        return net.sequence(pictures)


class Steps(Sequence):
    name, output = 'step', 'scores'
    use, batch_size, judged = 'sequence', 8, ('sequence',)
    kinds = ('sequence',)

    def networks(self):
        n = len(self.simulator.steps)
        return {'endoscopy_step': nets.StepNetwork((16, 32, 48, 80), 80, n),
                'endoscopy_step_small': nets.StepNetwork((8, 16, 32, 56), 48, n)}

    def truth(self, pool, slots, flips):
        return pool.fact(slots, 'step').long()

    def loss(self, net, raw, truth):
        return losses.steps(raw, truth)

    def alike(self, net, raw, teacher):
        return losses.steps_alike(raw, teacher)

    def record(self):
        return {'decode': 'scores', 'activation': 'softmax', 'names': self.simulator.steps}

    def metric(self):
        return metrics.Steps()

    def wanted(self, arrays, slot, facts):
        return fact_of(arrays, slot, facts, 'step')


class Tracking(Sequence):
    name, output = 'tracker', 'maps'
    use, batch_size, judged = 'clip', 8, ('clip',)
    kinds = ('clip',)
    points = ('left-tip', 'right-tip')

    def networks(self):
        return {'endoscopy_tracker': nets.Tracker((16, 32, 48), 2)}

    def truth(self, pool, slots, flips):
        maps = losses.maps_of(pool.points(slots, self.points), *MAP).flatten(0, 1)
        return torch.where(flips[:, None, None, None], maps.flip(1, 3), maps).unflatten(
            0, slots.shape)

    def loss(self, net, raw, truth):
        return losses.maps(raw, truth)

    def record(self):
        return {**Landmarks.record(self), 'names': self.names()}

    def names(self):
        return ['tip-1', 'tip-2']

    def metric(self):
        return metrics.Points(POINT_THRESHOLD)

    def wanted(self, arrays, slot, facts):
        return points_of(arrays, slot, facts, self.points)


ALL = (Segmentation, AccurateSegmentation, Detection, DepthTask, Landmarks, Outside, Bleeding,
       Steps, Tracking)


def make_tasks(simulator, only):
    """Those named, or all."""
    names = [task.name for task in ALL]
    for name in only or ():
        if name not in names:
            raise SystemExit(f'--only: expected names from {", ".join(names)}, found {name}')
    return [task(simulator) for task in ALL if not only or task.name in only]


def kinds_of(simulator, only):
    """Of jobs, that these tasks learn from."""
    return {kind for task in make_tasks(simulator, only) for kind in task.kinds}
