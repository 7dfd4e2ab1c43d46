# SPDX-License-Identifier: Apache-2.0
"""What training makes small. Raw outputs of networks against the truth, or a small network's
against those of the large one that it learns from."""
import torch
import torch.nn.functional as F

SIGMA = 1.5  # of a point in a heat map, elements


# ---- classes of pixels -------------------------------------------------------------------------

def classes(logits, label):
    """Cross entropy plus one minus the mean overlap of the classes."""
    log_p = torch.log_softmax(logits.float(), 1)
    rows = torch.arange(logits.shape[1], device=label.device)[:, None, None]
    truth = label[:, None] == rows
    p = log_p.exp()
    both, either = (p * truth).sum((0, 2, 3)), p.sum((0, 2, 3)) + truth.sum((0, 2, 3))
    overlap = (2 * both + 1) / (either + 1)
    return F.nll_loss(log_p, label) + 1 - overlap.mean()


def classes_alike(logits, teacher):
    log_p = torch.log_softmax(logits.float() / 2, 1)
    p = torch.softmax(teacher.float() / 2, 1)
    return -(p * log_p).sum(1).mean()


# ---- depth -------------------------------------------------------------------------------------

SLOPES = 0.3


def depth(raw, log_depth, is_known):
    """Mean difference of logarithms, and that of their slopes."""
    off = torch.where(is_known, raw[:, 0].float() - log_depth, 0)
    n = is_known.sum() + 1
    across = (off[:, :, 1:] - off[:, :, :-1]) * (is_known[:, :, 1:] & is_known[:, :, :-1])
    along = (off[:, 1:] - off[:, :-1]) * (is_known[:, 1:] & is_known[:, :-1])
    return (off.abs().sum() + SLOPES * (across.abs().sum() + along.abs().sum())) / n


# ---- points ------------------------------------------------------------------------------------

def maps_of(points, height, width, stride):
    """Heat maps [.., n, height, width] of points [.., n, 3] (x, y in pixels, whether visible)."""
    x = torch.arange(width, device=points.device)
    y = torch.arange(height, device=points.device)
    at_x, at_y = points[..., 0] / stride - 0.5, points[..., 1] / stride - 0.5
    across = torch.exp(-(x - at_x[..., None]) ** 2 / (2 * SIGMA ** 2))
    along = torch.exp(-(y - at_y[..., None]) ** 2 / (2 * SIGMA ** 2))
    return along[..., :, None] * across[..., None, :] * points[..., 2, None, None]


def maps(raw, wanted):
    """Cross entropy. Without more weight where a point is: weight spreads the peaks of points whose
    place is not sure, and a map would tell less of where they are."""
    return F.binary_cross_entropy_with_logits(raw.float(), wanted) * 60


# ---- scores ------------------------------------------------------------------------------------

def flags(raw, wanted):
    return F.binary_cross_entropy_with_logits(raw.float(), wanted)


def steps(raw, wanted):
    return F.cross_entropy(raw.float().flatten(0, 1), wanted.flatten())


def steps_alike(raw, teacher):
    log_p, p = torch.log_softmax(raw.float(), -1), torch.softmax(teacher.float(), -1)
    return -(p * log_p).sum(-1).mean()


# ---- boxes -------------------------------------------------------------------------------------

N_BEST = 10  # cells that answer for a box


def area(size):
    return size[..., 0] * size[..., 1]


def overlaps(a, b):
    """IoU of boxes [.., 4] by their corners, with what CIoU subtracts from it."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    both = area((high - low).clamp(min=0))
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    either = area(size_a) + area(size_b) - both
    iou = both / (either + 1e-6)
    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    apart = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2).sum(-1) / 4
    distance = apart / ((hull ** 2).sum(-1) + 1e-6)
    angle = torch.atan2(size_a[..., 0], size_a[..., 1]) - torch.atan2(size_b[..., 0],
                                                                      size_b[..., 1])
    shape = 0.405 * angle ** 2
    share = (shape / (1 - iou + shape + 1e-6)).detach()
    return iou, distance + share * shape


@torch.no_grad()
def assign(scores, corners, boxes, middles):
    """How much each cell answers for each box, [n, boxes, cells]: those with the middle inside it
    whose score and overlap are best, as much as the overlap (task-aligned assignment)."""
    inside = torch.minimum(middles - boxes[:, :, None, :2], boxes[:, :, None, 2:4] - middles)
    is_inside = (inside.amin(-1) > 0) & (boxes[:, :, 5] > 0)[:, :, None]
    iou, _ = overlaps(corners[:, None], boxes[:, :, None, :4])
    kinds = boxes[:, :, 4].long()[:, :, None].expand(-1, -1, scores.shape[2])
    of_kind = scores.transpose(1, 2).gather(2, kinds.transpose(1, 2)).transpose(1, 2)
    fit = (of_kind.sqrt() * iou ** 6 + 1e-9) * is_inside
    best = fit.topk(N_BEST, 2).values
    fit = torch.where(fit >= best[:, :, -1:], fit, 0)
    fit = torch.where(iou >= iou.amax(1, keepdim=True), fit, 0)
    most = (iou * (fit > 0)).amax(2, keepdim=True)
    return fit / (fit.amax(2, keepdim=True) + 1e-12) * most


def boxes(raw, net, wanted, is_known):
    """wanted: x0, y0, x1, y1, kind, pixels [n, boxes, 6]."""
    raw = raw.float()
    corners = net.corners(raw).transpose(1, 2)
    logits = raw[:, 4:]
    weight = assign(torch.sigmoid(logits), corners, wanted, net.cells[:2].T)
    weight = weight * is_known[:, :, None]
    rows = torch.arange(logits.shape[1], device=raw.device)
    kinds = (wanted[:, :, 4, None] == rows).float()
    truth = (weight[:, :, None] * kinds[..., None]).amax(1)
    total = weight.sum() + 1
    score_loss = F.binary_cross_entropy_with_logits(logits, truth, reduction='none').sum() / total
    iou, penalty = overlaps(corners[:, None], wanted[:, :, None, :4])
    box_loss = ((1 - iou + penalty) * weight).sum() / total
    return score_loss + 3 * box_loss


def boxes_alike(raw, teacher, net):
    raw, teacher = raw.float(), teacher.float()
    p = torch.sigmoid(teacher[:, 4:])
    sure = p.amax(1)
    total = sure.sum() + 1
    score_loss = F.binary_cross_entropy_with_logits(raw[:, 4:], p, reduction='none').sum() / total
    iou, penalty = overlaps(net.corners(raw).transpose(1, 2), net.corners(teacher).transpose(1, 2))
    return score_loss + 3 * ((1 - iou + penalty) * sure).sum() / total
