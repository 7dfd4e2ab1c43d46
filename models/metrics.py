# SPDX-License-Identifier: Apache-2.0
"""How good outputs of networks are, in NumPy, frame by frame. docs/metrics.md defines the figures;
`trocar eval` computes the ones that count, from files."""
import numpy as np


class Classes:
    def __init__(self, n_classes):
        self.confusion = np.zeros((n_classes, n_classes), np.int64)

    def add(self, output, label):
        n = len(self.confusion)
        pairs = label.reshape(-1).astype(np.int64) * n + output.argmax(0).reshape(-1)
        self.confusion += np.bincount(pairs, minlength=n * n).reshape(n, n)

    def iou(self):
        both = np.diag(self.confusion).astype(float)
        return both / np.maximum(self.confusion.sum(0) + self.confusion.sum(1) - both, 1)

    def result(self):
        return {'mean-iou': self.iou().mean(), 'least-iou': self.iou().min()}


class Depth:
    def __init__(self):
        self.off = []

    def add(self, output, depth):
        known = depth > 0
        depth = depth[known].astype(np.float32)
        self.off.append((np.abs(output[0][known] - depth) / depth).mean())

    def result(self):
        return {'abs-rel': np.mean(self.off)}


def peak_of(heat):
    """x, y in elements and score of the greatest element, by the parabolas through it."""
    y, x = np.unravel_index(heat.argmax(), heat.shape)

    def shift(before, here, after):
        bend = before - 2 * here + after
        return 0 if bend == 0 else 0.5 * (before - after) / bend

    at_x, at_y = float(x), float(y)
    if 0 < x < heat.shape[1] - 1:
        at_x += shift(heat[y, x - 1], heat[y, x], heat[y, x + 1])
    if 0 < y < heat.shape[0] - 1:
        at_y += shift(heat[y - 1, x], heat[y, x], heat[y + 1, x])
    return at_x, at_y, float(heat[y, x])


class Points:
    """Points are x, y in pixels and whether visible; a map's stride is 2."""

    def __init__(self, threshold):
        self.threshold, self.error, self.found, self.false = threshold, [], [], []

    def add(self, output, points):
        for heat, (x, y, is_visible) in zip(output, points):
            at_x, at_y, score = peak_of(heat)
            is_found = score >= self.threshold
            (self.found if is_visible else self.false).append(is_found)
            if is_visible and is_found:
                self.error.append(np.hypot(2 * at_x + 1 - x, 2 * at_y + 1 - y))

    def result(self):
        error = self.error or [np.nan]
        return {'error-px': np.mean(error), 'median-px': np.median(error),
                'recall': np.mean(self.found or [np.nan]),
                'false': np.mean(self.false or [np.nan])}


def iou_of(a, b):
    both = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    either = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / max(either, 1e-9)


def suppress(boxes, scores, threshold=0.6):
    """Indices of the boxes that stay, the best first."""
    kept = []
    for i in np.argsort(-scores, kind='stable')[:100]:
        if all(iou_of(boxes[i], boxes[k]) <= threshold for k in kept):
            kept.append(i)
    return kept


class Boxes:
    """Average precision at IoU 0.5 of each kind, 101 recalls as COCO has it."""

    def __init__(self, n_kinds):
        self.n_kinds, self.found, self.n_true = n_kinds, [], np.zeros(n_kinds, int)

    def add(self, output, wanted):
        """wanted: rows x0, y0, x1, y1, kind, pixels."""
        wanted = [w for w in wanted if w[5] > 0]
        for w in wanted:
            self.n_true[int(w[4])] += 1
        low, high = output[:2] - output[2:4] / 2, output[:2] + output[2:4] / 2
        boxes = np.concatenate([low, high]).T
        for kind in range(self.n_kinds):
            self.match(boxes, output[4 + kind], kind, [w for w in wanted if w[4] == kind])

    def match(self, boxes, scores, kind, wanted):
        likely = np.flatnonzero(scores > 0.05)
        left = list(wanted)
        for i in suppress(boxes[likely], scores[likely]):
            fits = [iou_of(boxes[likely[i]], w) for w in left]
            is_true = bool(fits) and max(fits) >= 0.5
            if is_true:
                left.pop(int(np.argmax(fits)))
            self.found.append((float(scores[likely[i]]), kind, is_true))

    def average_precision(self, kind):
        true = np.array([t for _, k, t in sorted(self.found, key=lambda f: -f[0]) if k == kind])
        if not len(true):
            return 0.0
        recall = true.cumsum() / self.n_true[kind]
        precision = np.maximum.accumulate((true.cumsum() / (np.arange(len(true)) + 1))[::-1])[::-1]
        at = np.searchsorted(recall, np.linspace(0, 1, 101))
        return float(np.mean([precision[i] if i < len(precision) else 0 for i in at]))

    def result(self):
        return {'map50': np.mean([self.average_precision(k) for k in range(self.n_kinds)
                                  if self.n_true[k]])}


class Flags:
    def __init__(self):
        self.scores, self.truth = [], []

    def add(self, output, wanted):
        self.scores.append(float(output[0]))
        self.truth.append(bool(wanted))

    def result(self):
        scores, truth = np.array(self.scores), np.array(self.truth)
        yes, no = scores[truth][:, None], scores[~truth][None]
        area = np.mean((yes > no) + 0.5 * (yes == no)) if yes.size and no.size else np.nan
        return {'auc': area, 'accuracy': np.mean((scores > 0) == truth)}


class Steps:
    def __init__(self):
        self.right = []

    def add(self, output, wanted):
        self.right.append(output.argmax() == wanted)

    def result(self):
        return {'accuracy': np.mean(self.right)}
