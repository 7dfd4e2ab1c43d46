#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The metrics of src/eval against SciPy, scikit-image and definitions written out in NumPy."""
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np

try:
    from scipy import ndimage, stats
    from skimage import draw, metrics
except ImportError as e:
    print(f'SKIP eval: SciPy and scikit-image are needed: {e}')
    sys.exit(0)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('TROCAR_BUILD', os.path.join(ROOT, 'build'))
TOOL = os.path.join(BUILD, 'tests', 'tool_eval')
FAILED = []


def tool(kind, data):
    """Lines of numbers."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        done = subprocess.run([TOOL, kind, f.name], check=True, capture_output=True, text=True)
    return [[float(v) for v in line.split()] for line in done.stdout.splitlines()]


def judge(name, got, want, tolerance=1e-12):
    got, want = np.asarray(got, float), np.asarray(want, float)
    if got.shape == want.shape and np.allclose(got, want, rtol=tolerance, atol=tolerance,
                                               equal_nan=True):
        print(f'PASS {name}')
        return
    print(f'FAIL {name}: expected {want}, found {got}')
    FAILED.append(name)


# ---- masks ---------------------------------------------------------------------------------


def blobs(rng, height, width, share):
    """Smooth random shapes, islands and holes."""
    noise = ndimage.gaussian_filter(rng.standard_normal((height, width)), rng.uniform(0.5, 4))
    return noise > np.quantile(noise, 1 - share)


def outline(mask):
    return mask & ~ndimage.binary_erosion(mask)


def outline_metrics(truth, found, tolerance):
    if not truth.any() and not found.any():
        return np.nan, np.nan
    if not truth.any() or not found.any():
        return np.hypot(*truth.shape), 0.0
    a, b = outline(truth), outline(found)
    to_b = ndimage.distance_transform_edt(~b)[a]
    to_a = ndimage.distance_transform_edt(~a)[b]
    hd95 = max(np.percentile(to_b, 95), np.percentile(to_a, 95))
    nsd = ((to_b <= tolerance).sum() + (to_a <= tolerance).sum()) / (len(to_a) + len(to_b))
    return hd95, nsd


def ratio(a, b):
    return a / b if b else np.nan


def mask_cases():
    rng = np.random.default_rng(5)
    for i in range(120):
        height, width = rng.integers(1, 70, 2)
        truth = blobs(rng, height, width, rng.uniform(0.02, 0.9)) & (i % 10 > 0)
        found = np.roll(truth, rng.integers(-3, 4, 2), (0, 1)) if i % 3 else \
            blobs(rng, height, width, rng.uniform(0.02, 0.9))
        yield truth, found & (i % 7 > 0), rng.choice([0.0, 1.0, 1.5, 2.0, 5.0])
    edge = np.zeros((9, 300), bool)
    edge[0, 0] = True
    yield edge, edge[::-1, ::-1].copy(), 2.0
    yield np.ones((5, 5), bool), np.ones((5, 5), bool), 0.0


def test_masks():
    data, want = b'', []
    cases = list(mask_cases())
    for truth, found, tolerance in cases:
        both = (truth & found).sum()
        want.append([ratio(both, (truth | found).sum()),
                     ratio(2 * both, truth.sum() + found.sum()),
                     *outline_metrics(truth, found, tolerance)])
        data += struct.pack('=iiid', truth.shape[1], truth.shape[0], 3, tolerance)
        data += (truth * 3).astype(np.uint8).tobytes() + (found * 3).astype(np.uint8).tobytes()
    got = tool('masks', struct.pack('=i', len(cases)) + data)
    for i, name in enumerate(('IoU', 'Dice', 'HD95', 'NSD')):
        judge(f'masks, {name} of {len(cases)} pairs', [row[i] for row in got],
              [row[i] for row in want])


def test_hausdorff():
    """At 100 % the percentile is the Hausdorff distance, which scikit-image has too: pairs of
    single pixels, for which all percentiles are one."""
    rng = np.random.default_rng(6)
    data, want = b'', []
    for _ in range(30):
        a, b = np.zeros((40, 50), np.uint8), np.zeros((40, 50), np.uint8)
        a[rng.integers(40), rng.integers(50)] = 1
        b[rng.integers(40), rng.integers(50)] = 1
        want.append(metrics.hausdorff_distance(a > 0, b > 0))
        data += struct.pack('=iiid', 50, 40, 1, 1.0) + a.tobytes() + b.tobytes()
    judge('masks, distances as scikit-image has them',
          [row[2] for row in tool('masks', struct.pack('=i', 30) + data)], want)


# ---- boxes ---------------------------------------------------------------------------------


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def average_precision(pictures, label, threshold):
    """COCO's, from its definition: one list over all pictures."""
    found = [(-f[4], p, i) for p, (_, fs) in enumerate(pictures)
             for i, f in enumerate(fs) if f[5] == label]
    n_truth = sum(t[5] == label for ts, _ in pictures for t in ts)
    if not n_truth:
        return np.nan
    free = [[t[5] == label for t in ts] for ts, _ in pictures]
    hits = []
    for _, p, i in sorted(found):
        truths, detection = pictures[p][0], pictures[p][1][i]
        fits = [(iou(t, detection), -k) for k, t in enumerate(truths) if free[p][k]]
        best = max(fits, default=(0, 0))
        hit = bool(fits) and best[0] >= threshold
        if hit:
            free[p][-best[1]] = False
        hits.append(hit)
    hits = np.array(hits, bool)
    true = np.cumsum(hits)
    precision, recall = true / np.arange(1, len(hits) + 1), true / n_truth
    return np.mean([max(precision[recall >= r], default=0) for r in np.arange(101) / 100])


def random_boxes(rng):
    pictures = []
    for _ in range(40):
        truths, found = [], []
        for _ in range(rng.integers(0, 6)):
            x, y, w, h = rng.uniform((0, 0, 5, 5), (80, 80, 40, 40)).astype(np.float32)
            label = int(rng.integers(3))
            truths.append((x, y, np.float32(x + w), np.float32(y + h), np.float32(1), label))
            for _ in range(rng.integers(0, 3)):
                moved = np.float32([x, y, x + w, y + h]) + rng.normal(0, 3, 4).astype(np.float32)
                score = np.float32(np.round(rng.uniform(), 2))
                found.append((*moved, score, label if rng.uniform() < 0.9 else 1))
        pictures.append((truths, found))
    return pictures


def test_boxes():
    pictures = random_boxes(np.random.default_rng(7))
    data = struct.pack('=ii', len(pictures), 4)
    for part in (boxes for picture in pictures for boxes in picture):
        data += struct.pack('=i', len(part)) + b''.join(struct.pack('=5fi', *b) for b in part)
    doubles = [[[tuple(float(v) for v in b[:5]) + (b[5],) for b in part] for part in picture]
               for picture in pictures]
    want = [[average_precision(doubles, label, 0.5 + 0.05 * t) for t in range(10)]
            for label in range(4)]
    judge('boxes, AP of 4 labels at 10 thresholds', tool('boxes', data), want)


# ---- shapes --------------------------------------------------------------------------------


def draw_here(cases):
    data = struct.pack('=i', len(cases))
    for width, height, is_runs, numbers in cases:
        numbers = np.ravel(numbers).astype(float)
        data += struct.pack('=iiii', width, height, is_runs, len(numbers)) + numbers.tobytes()
    planes = tool('shapes', data)
    return [np.array(p, bool).reshape(h, w) for p, (w, h, _, _) in zip(planes, cases)]


def test_polygons():
    """Corners at random, so that no pixel's centre lies on an edge: scikit-image has pixels at
    whole numbers. Outlines that cross themselves and leave the picture are among them."""
    rng = np.random.default_rng(12)
    cases, want = [], []
    for i in range(150):
        width, height = (int(v) for v in rng.integers(1, 60, 2))
        n = int(rng.integers(3, 4 + i % 20))
        if i % 2:
            corners = rng.uniform((-10, -10), (width + 10, height + 10), (n, 2))
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, n))[:, None]
            corners = np.hstack([np.cos(angles), np.sin(angles)]) * rng.uniform(1, 30) + \
                rng.uniform((0, 0), (width, height))
        cases.append((width, height, 0, corners))
        want.append(draw.polygon2mask((height, width), corners[:, ::-1] - 0.5))
    got = draw_here(cases)
    judge(f'polygons, pixels that differ in {len(cases)} shapes',
          [(a != b).sum() for a, b in zip(got, want)], [0] * len(cases))


def test_axis_aligned():
    """A pixel whose centre is on an edge belongs to the shape on its right or below it."""
    rng = np.random.default_rng(13)
    cases, want = [], []
    for _ in range(60):
        x0, x1 = sorted(rng.integers(0, 41, 2) / 2)
        y0, y1 = sorted(rng.integers(0, 31, 2) / 2)
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        cases.append((20, 15, 0, corners[::-1] if len(cases) % 2 else corners))
        mask = np.zeros((15, 20), bool)
        x, y = np.arange(20) + 0.5, np.arange(15) + 0.5
        mask[np.ix_((y >= y0) & (y < y1), (x >= x0) & (x < x1))] = True
        want.append(mask)
    judge('polygons, rectangles at halves',
          [(a != b).sum() for a, b in zip(draw_here(cases), want)], [0] * len(cases))


def test_runs():
    rng = np.random.default_rng(14)
    cases, want = [], []
    for i in range(40):
        height, width = (int(v) for v in rng.integers(1, 30, 2))
        mask = rng.uniform(size=(height, width)) < rng.uniform() if i else np.ones((3, 4), bool)
        flat = np.concatenate([[False], mask.T.ravel()])
        turns = np.flatnonzero(flat[1:] != flat[:-1])
        cases.append((mask.shape[1], mask.shape[0], 1,
                      np.diff(np.concatenate([[0], turns, [mask.size]]))))
        want.append(mask)
    judge('runs, pixels that differ', [(a != b).sum() for a, b in zip(draw_here(cases), want)],
          [0] * len(cases))


# ---- the rest ------------------------------------------------------------------------------


def test_depth():
    rng = np.random.default_rng(8)
    truth = rng.uniform(20, 200, 5000).astype(np.float32) * (rng.uniform(size=5000) > 0.2)
    truth = truth.astype(np.float32)
    found = (truth * rng.normal(1, 0.15, 5000) + rng.normal(0, 2, 5000)).astype(np.float32)
    found[::500] = -1
    t, d = truth[truth > 0].astype(float), found[truth > 0].astype(float)
    above = np.maximum(d, 0.001)
    worse = np.maximum(above / t, t / above)
    want = [len(t), np.mean(abs(d - t) / t), np.mean((d - t) ** 2 / t),
            np.sqrt(np.mean((d - t) ** 2)), np.sqrt(np.mean((np.log(above) - np.log(t)) ** 2)),
            *[np.mean(worse < 1.25 ** k) for k in (1, 2, 3)]]
    got = tool('depth', struct.pack('=i', 5000) + truth.tobytes() + found.tobytes())
    judge('depth, errors of 5000 pixels', got[0], want)


def test_binary():
    rng = np.random.default_rng(9)
    for n, share in ((400, 0.3), (50, 0.0), (50, 1.0), (0, 0.5)):
        truth = rng.uniform(size=n) < share
        score = np.round(rng.normal(truth, 1), 1).astype(np.float32)
        yes = score >= 0.5
        tp, fp = (yes & truth).sum(), (yes & ~truth).sum()
        fn, tn = (~yes & truth).sum(), (~yes & ~truth).sum()
        auc = np.nan
        if truth.any() and not truth.all():
            u = stats.mannwhitneyu(score[truth], score[~truth]).statistic
            auc = u / (truth.sum() * (~truth).sum())
        want = [ratio(tp, tp + fn), ratio(tn, tn + fp), ratio(tp, tp + fp), ratio(tp + tn, n),
                ratio(2 * tp, 2 * tp + fp + fn), auc]
        data = struct.pack('=id', n, 0.5) + b''.join(
            struct.pack('=fi', s, int(t)) for s, t in zip(score, truth))
        judge(f'binary, {n} decisions, {share:.0%} yes', tool('binary', data)[0], want)


def summary_data(values, procedures, draws, less):
    head = struct.pack('=iiii', len(values), int(max(procedures, default=0)) + 1, draws, less)
    return head + b''.join(struct.pack('=dii', v, int(p), i)
                           for i, (v, p) in enumerate(zip(values, procedures)))


def test_summary():
    rng = np.random.default_rng(10)
    procedures = rng.integers(0, 12, 500)
    values = rng.normal(0.8, 0.05, 500) + rng.normal(0, 0.05, 12)[procedures]
    values[::50] = np.nan
    known = values[~np.isnan(values)]
    for less in (0, 1):
        got = tool('summary', summary_data(values, procedures, 4000, less))[0]
        worst = np.nanargmax(values) if less else np.nanargmin(values)
        judge(f'summary, {"less" if less else "more"} is better', got[:7],
              [len(known), 10, known.mean(), np.median(known),
               np.percentile(known, 95 if less else 5), values[worst], worst])
    # The interval is random: against one drawn here, which differs by its own noise.
    sums = np.bincount(procedures, np.nan_to_num(values), 12)
    counts = np.bincount(procedures, ~np.isnan(values), 12)
    drawn = rng.integers(0, 12, (20000, 12))
    want = np.percentile(sums[drawn].sum(1) / counts[drawn].sum(1), (2.5, 97.5))
    judge('summary, interval by bootstrap over procedures', got[7:], want, tolerance=3e-3)
    one = tool('summary', summary_data(values, procedures * 0, 1000, 0))[0]
    judge('summary, no interval from one procedure', one[7:], [np.nan, np.nan])
    none = tool('summary', summary_data([], [], 100, 0))[0]
    judge('summary, of nothing', none, [0, 0, np.nan, np.nan, np.nan, np.nan, -1, np.nan, np.nan])


def main():
    test_masks()
    test_hausdorff()
    test_boxes()
    test_polygons()
    test_axis_aligned()
    test_runs()
    test_depth()
    test_binary()
    test_summary()
    sys.exit(1 if FAILED else 0)


if __name__ == '__main__':
    main()
