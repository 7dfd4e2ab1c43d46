# SPDX-License-Identifier: Apache-2.0
"""The networks. Each takes normalized pictures [n, 3, 144, 256]; `finish` is what the exported file
does with their raw output."""
import torch
import torch.nn.functional as F
from torch import nn


def conv(n_in, n_out, stride=1, size=3):
    return nn.Sequential(nn.Conv2d(n_in, n_out, size, stride, size // 2, bias=False),
                         nn.BatchNorm2d(n_out), nn.ReLU())


def block(n_in, n_out):
    return nn.Sequential(*conv(n_in, n_out), *conv(n_out, n_out))


class Residual(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.body = block(n, n)

    def forward(self, x):
        return x + self.body(x)


class Context(nn.Module):
    """Adds to each place what the mean over all of them says."""

    def __init__(self, n):
        super().__init__()
        self.first, self.second = nn.Conv2d(n, n, 1), nn.Conv2d(n, n, 1)

    def forward(self, x):
        return x + self.second(F.relu(self.first(x.mean((2, 3), keepdim=True))))


class Network(nn.Module):
    """OPTICS: of what `finish` also needs of the camera, name of the input: name in the record."""
    OPTICS = {}

    def finish(self, raw):
        return raw


# ---- U-Nets: classes, depth, points ------------------------------------------------------------

class UNet(Network):
    """channels at full size, half, quarter, ...; n_deep more blocks at the least size, which then
    also knows the mean over the picture."""

    def __init__(self, channels, n_out, n_in=3, n_deep=0):
        super().__init__()
        n = channels[-1]
        deep = [layer for _ in range(n_deep) for layer in (Residual(n), Context(n))]
        self.down = nn.ModuleList([block(a, b) for a, b in zip((n_in, *channels), channels)])
        self.pool = nn.MaxPool2d(2)
        self.deep = nn.Sequential(*deep)
        steps = list(zip(channels[:0:-1], channels[-2::-1]))
        self.up = nn.ModuleList([nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in steps])
        self.join = nn.ModuleList([block(2 * b, b) for _, b in steps])
        self.head = nn.Conv2d(channels[0], n_out, 1)

    def forward(self, x):
        skips = []
        for i, down in enumerate(self.down):
            x = down(self.pool(x) if i else x)
            skips.append(x)
        x = self.deep(x)
        for up, join, skip in zip(self.up, self.join, skips[-2::-1]):
            x = join(torch.cat([up(x), skip], 1))
        return self.head(x)


class Depth(Network):
    """Works at half size. Raw: logarithm of the depth over a usual one, as a camera sees it whose
    focal length is the width of its picture: what is twice as far looks the same through a lens of
    twice the focal length."""
    USUAL_MM = 106.0
    OPTICS = {'focal': 'focal_length'}

    def __init__(self, channels, n_deep):
        super().__init__()
        n = channels[0]
        self.stem = conv(3, n, 2)
        self.body = UNet(channels, n, n, n_deep)
        self.enlarge = nn.Sequential(nn.BatchNorm2d(n), nn.ReLU(), nn.ConvTranspose2d(n, 8, 2, 2),
                                     nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, x):
        return self.enlarge(self.body(self.stem(x)))

    def finish(self, raw, focal):
        return torch.exp(raw) * self.USUAL_MM * focal


class Points(Network):
    """A heat map for each point, at half size; raw: before the sigmoid."""

    def __init__(self, channels, n_points, n_deep):
        super().__init__()
        self.stem = conv(3, channels[0], 2)
        self.body = UNet(channels, n_points, channels[0], n_deep)
        nn.init.constant_(self.body.head.bias, -4)

    def forward(self, x):
        return self.body(self.stem(x))

    def finish(self, raw):
        return torch.sigmoid(raw)


# ---- Swin-UNet ---------------------------------------------------------------------------------

class WindowAttention(nn.Module):
    """Attention within windows of 9 rows and 8 columns of tokens, with a bias by relative place."""
    ROWS, COLUMNS = 9, 8

    def __init__(self, n, n_heads):
        super().__init__()
        self.n_heads, self.scale = n_heads, (n // n_heads) ** -0.5
        self.qkv, self.out = nn.Linear(n, 3 * n), nn.Linear(n, n)
        places = (2 * self.ROWS - 1) * (2 * self.COLUMNS - 1)
        self.bias = nn.Parameter(torch.zeros(n_heads, places))
        self.register_buffer('place', self.relative_places().flatten(), persistent=False)

    def relative_places(self):
        row = torch.arange(self.ROWS).repeat_interleave(self.COLUMNS)
        column = torch.arange(self.COLUMNS).repeat(self.ROWS)
        rows = row[:, None] - row[None, :] + self.ROWS - 1
        columns = column[:, None] - column[None, :] + self.COLUMNS - 1
        return rows * (2 * self.COLUMNS - 1) + columns

    def forward(self, x, mask):
        """x: [pictures * windows, tokens, n]; mask: [windows, 1, tokens, tokens] or None."""
        n_tokens, n = x.shape[1], x.shape[2]
        qkv = self.qkv(x).reshape(-1, n_tokens, 3 * self.n_heads, n // self.n_heads)
        q, k, v = qkv.transpose(1, 2).split(self.n_heads, 1)
        bias = self.bias.index_select(1, self.place).reshape(-1, n_tokens, n_tokens)
        scores = q @ k.transpose(2, 3) * self.scale + bias
        if mask is not None:
            n_windows = mask.shape[0]
            scores = scores.reshape(-1, n_windows, self.n_heads, n_tokens, n_tokens) + mask
            scores = scores.reshape(-1, self.n_heads, n_tokens, n_tokens)
        mixed = torch.softmax(scores, -1) @ v
        return self.out(mixed.transpose(1, 2).reshape(-1, n_tokens, n))


class SwinBlock(nn.Module):
    """x: [pictures, rows, columns, n]."""

    def __init__(self, n, n_heads, size, is_shifted):
        super().__init__()
        self.size = size
        rows, columns = size
        self.shift = [0, 0]
        if is_shifted:
            self.shift = [4 if rows > WindowAttention.ROWS else 0, WindowAttention.COLUMNS // 2]
        self.before, self.after = nn.LayerNorm(n), nn.LayerNorm(n)
        self.attention = WindowAttention(n, n_heads)
        self.mlp = nn.Sequential(nn.Linear(n, 2 * n), nn.GELU(), nn.Linear(2 * n, n))
        self.register_buffer('mask', self.make_mask(rows, columns) if is_shifted else None,
                             persistent=False)

    def windows(self, x):
        rows, columns = self.size
        high, wide, n = WindowAttention.ROWS, WindowAttention.COLUMNS, x.shape[-1]
        x = x.reshape(-1, high, columns // wide, wide * n).transpose(1, 2)
        return x.reshape(-1, high * wide, n)

    def unwindows(self, x):
        rows, columns = self.size
        high, wide, n = WindowAttention.ROWS, WindowAttention.COLUMNS, x.shape[-1]
        x = x.reshape(-1, columns // wide, high, wide * n).transpose(1, 2)
        return x.reshape(-1, rows, columns, n)

    def make_mask(self, rows, columns):
        """Tokens that the shift brought together from opposite borders do not see one another."""
        region = torch.zeros(1, rows, columns, 1)
        region[:, rows - self.shift[0]:] += 1
        region[:, :, columns - self.shift[1]:] += 2
        region = self.windows(region)[..., 0]
        differs = region[:, None, :, None] != region[:, None, None, :]
        return differs.float() * -100

    def forward(self, x):
        y = self.before(x)
        if self.mask is not None:
            y = torch.roll(y, [-s for s in self.shift], (1, 2))
        y = self.unwindows(self.attention(self.windows(y), self.mask))
        if self.mask is not None:
            y = torch.roll(y, self.shift, (1, 2))
        x = x + y
        return x + self.mlp(self.after(x))


class SwinStage(nn.Module):
    """A plain and a shifted block; takes and gives [pictures, n, rows, columns]."""

    def __init__(self, n, size):
        super().__init__()
        self.blocks = nn.Sequential(*[SwinBlock(n, n // 16, size, i == 1) for i in range(2)])

    def forward(self, x):
        return self.blocks(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SwinUNet(Network):
    """Convolutions at full and half size, Swin stages at a quarter, an eighth and a sixteenth."""

    def __init__(self, n_out, fine=(16, 24), coarse=(48, 96, 144), size=(36, 64)):
        super().__init__()
        sizes = [(size[0] >> i, size[1] >> i) for i in range(3)]
        a, b, c = coarse
        self.stem, self.shrink = conv(3, fine[0]), conv(fine[0], fine[1], 2)
        self.embed = conv(fine[1], a, 2)
        self.down = nn.ModuleList([SwinStage(n, s) for n, s in zip(coarse, sizes)])
        self.merge = nn.ModuleList([nn.Conv2d(a, b, 2, 2), nn.Conv2d(b, c, 2, 2)])
        self.expand = nn.ModuleList([nn.ConvTranspose2d(c, b, 2, 2),
                                     nn.ConvTranspose2d(b, a, 2, 2)])
        self.join = nn.ModuleList([nn.Conv2d(2 * b, b, 1), nn.Conv2d(2 * a, a, 1)])
        self.up = nn.ModuleList([SwinStage(b, sizes[1]), SwinStage(a, sizes[0])])
        self.to_half = nn.ConvTranspose2d(a, fine[1], 2, 2)
        self.at_half = block(2 * fine[1], fine[1])
        self.to_full = nn.ConvTranspose2d(fine[1], fine[0], 2, 2)
        self.at_full = block(2 * fine[0], fine[0])
        self.head = nn.Conv2d(fine[0], n_out, 1)

    def forward(self, x):
        full = self.stem(x)
        half = self.shrink(full)
        x = self.down[0](self.embed(half))
        skips = [x]
        for merge, down in zip(self.merge, self.down[1:]):
            x = down(merge(x))
            skips.append(x)
        for expand, join, up, skip in zip(self.expand, self.join, self.up, skips[-2::-1]):
            x = up(join(torch.cat([expand(x), skip], 1)))
        x = self.at_half(torch.cat([self.to_half(x), half], 1))
        x = self.at_full(torch.cat([self.to_full(x), full], 1))
        return self.head(x)


# ---- detector ----------------------------------------------------------------------------------

class Detector(Network):
    """One stage, no anchor boxes. Raw: [n, 4 + kinds, cells], for each cell of three grids the
    distances to the sides of a box and the scores of kinds, before their activations."""
    STRIDES = (8, 16, 32)
    GRIDS = ((18, 32), (9, 16), (5, 8))

    def __init__(self, channels, n_neck, n_kinds):
        super().__init__()
        a, b, c, d, e = channels
        self.stem = nn.Sequential(conv(3, a, 2), conv(a, b, 2), Residual(b))
        self.stages = nn.ModuleList([
            nn.Sequential(conv(b, c, 2), Residual(c)),
            nn.Sequential(conv(c, d, 2), Residual(d)),
            nn.Sequential(conv(d, e, 2), Residual(e), Context(e))])
        self.lateral = nn.ModuleList([conv(n, n_neck, size=1) for n in (c, d, e)])
        self.smooth = nn.ModuleList([conv(n_neck, n_neck) for _ in range(2)])
        self.sides = nn.ModuleList([self.head(n_neck, 4, 2) for _ in self.STRIDES])
        self.kinds = nn.ModuleList([self.head(n_neck, n_kinds, -4) for _ in self.STRIDES])
        self.register_buffer('cells', self.make_cells(), persistent=False)

    @staticmethod
    def head(n, n_out, bias):
        out = nn.Conv2d(n, n_out, 1)
        nn.init.constant_(out.bias, bias)
        return nn.Sequential(conv(n, n), out)

    def make_cells(self):
        """x, y of the middle and the stride of each cell, in pixels: [3, cells]."""
        parts = []
        for stride, (rows, columns) in zip(self.STRIDES, self.GRIDS):
            y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing='ij')
            middle = torch.stack([x.flatten(), y.flatten()]) * stride + stride / 2
            parts.append(torch.cat([middle, torch.full_like(middle[:1], stride)]))
        return torch.cat(parts, 1)

    def features(self, x):
        """Of the three grids, the finest one first."""
        x, found = self.stem(x), []
        for stage, lateral in zip(self.stages, self.lateral):
            x = stage(x)
            found.append(lateral(x))
        for i in (1, 0):
            rows = found[i].shape[2]
            above = F.interpolate(found[i + 1], scale_factor=2.0, mode='nearest')[:, :, :rows]
            found[i] = self.smooth[i](found[i] + above)
        return found

    def forward(self, x):
        parts = [torch.cat([sides(f), kinds(f)], 1).flatten(2)
                 for f, sides, kinds in zip(self.features(x), self.sides, self.kinds)]
        return torch.cat(parts, 2)

    def corners(self, raw):
        """x0, y0, x1, y1 in pixels: [n, 4, cells]."""
        sides = F.softplus(raw[:, :4]) * self.cells[2]
        return torch.cat([self.cells[:2] - sides[:, :2], self.cells[:2] + sides[:, 2:]], 1)

    def finish(self, raw):
        corners = self.corners(raw)
        low, high = corners[:, :2], corners[:, 2:]
        return torch.cat([(low + high) * 0.5, high - low, torch.sigmoid(raw[:, 4:])], 1)


# ---- flags -------------------------------------------------------------------------------------

class Classifier(Network):
    """One score of the whole picture, before the sigmoid."""

    def __init__(self, channels):
        super().__init__()
        layers, n_in = [], 3
        for i, n in enumerate(channels):
            layers += [conv(n_in, n, 2), Residual(n)] if i else [conv(n_in, n, 2)]
            n_in = n
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(2 * n_in, 1)

    def forward(self, x):
        x = self.body(x)
        return self.head(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))


# ---- with memory -------------------------------------------------------------------------------

class GateCell(nn.Module):
    """A gated recurrent unit from its formula."""

    def __init__(self, n_in, n):
        super().__init__()
        self.of_input, self.of_state = nn.Linear(n_in, 3 * n), nn.Linear(n, 3 * n)
        self.n = n

    def forward(self, x, state):
        reset_x, keep_x, new_x = self.of_input(x).split(self.n, 1)
        reset_h, keep_h, new_h = self.of_state(state).split(self.n, 1)
        keep = torch.sigmoid(keep_x + keep_h)
        new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
        return new + keep * (state - new)


class StepNetwork(Network):
    """Which step the operation is at, from a picture a second."""
    STATES = {'state': 'state_next'}

    def __init__(self, channels, n_state, n_steps):
        super().__init__()
        layers, n_in = [nn.AvgPool2d(2, count_include_pad=False)], 3
        for i, n in enumerate(channels):
            layers += [conv(n_in, n, 2), Residual(n)] if i else [conv(n_in, n, 2)]
            n_in = n
        self.body = nn.Sequential(*layers)
        self.squeeze = nn.Linear(2 * n_in, n_state)
        self.cell = GateCell(n_state, n_state)
        self.head = nn.Linear(n_state, n_steps)

    def encode(self, x):
        x = self.body(x)
        return F.relu(self.squeeze(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)))

    def start(self, n, device):
        return [torch.zeros(n, self.cell.n, device=device)]

    def forward(self, x, state):
        state = self.cell(self.encode(x), state)
        return self.head(state), state

    def sequence(self, x):
        """[n, frames, 3, H, W] to scores [n, frames, steps], the memory empty at first."""
        features = self.encode(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        state, = self.start(len(x), x.device)
        states = []
        for i in range(x.shape[1]):
            state = self.cell(features[:, i], state)
            states.append(state)
        return self.head(torch.stack(states, 1))


class Tracker(Network):
    """Heat maps of the tips, with a convolutional memory at an eighth of the size."""
    STATES = {'hidden': 'hidden_next', 'cell': 'cell_next'}
    GRID = (18, 32)

    def __init__(self, channels, n_points):
        super().__init__()
        a, b, c = channels
        self.n = c
        self.stem, self.quarter = conv(3, a, 2), nn.Sequential(conv(a, b, 2), Residual(b))
        self.eighth = nn.Sequential(conv(b, c, 2), Residual(c))
        self.gates = nn.Conv2d(2 * c, 4 * c, 3, padding=1)
        self.context = Context(c)
        self.to_quarter, self.at_quarter = nn.ConvTranspose2d(c, b, 2, 2), conv(2 * b, b)
        self.to_half, self.at_half = nn.ConvTranspose2d(b, a, 2, 2), conv(2 * a, a)
        self.head = nn.Conv2d(a, n_points, 1)
        nn.init.constant_(self.head.bias, -4)

    def start(self, n, device):
        return [torch.zeros(n, self.n, *self.GRID, device=device) for _ in range(2)]

    def encode(self, x):
        half = self.stem(x)
        quarter = self.quarter(half)
        return half, quarter, self.eighth(quarter)

    def remember(self, x, hidden, cell):
        enter, keep, leave, new = self.gates(torch.cat([x, hidden], 1)).split(self.n, 1)
        cell = torch.sigmoid(keep + 1) * cell + torch.sigmoid(enter) * torch.tanh(new)
        return torch.sigmoid(leave) * torch.tanh(cell), cell

    def decode(self, half, quarter, hidden):
        x = self.at_quarter(torch.cat([self.to_quarter(self.context(hidden)), quarter], 1))
        return self.head(self.at_half(torch.cat([self.to_half(x), half], 1)))

    def forward(self, x, hidden, cell):
        half, quarter, eighth = self.encode(x)
        hidden, cell = self.remember(eighth, hidden, cell)
        return self.decode(half, quarter, hidden), hidden, cell

    def finish(self, raw):
        return torch.sigmoid(raw)

    def sequence(self, x):
        """[n, frames, 3, H, W] to raw maps [n, frames, points, h, w]."""
        half, quarter, eighth = self.encode(x.flatten(0, 1))
        eighth = eighth.unflatten(0, x.shape[:2])
        hidden, cell = self.start(len(x), x.device)
        all_hidden = []
        for i in range(x.shape[1]):
            hidden, cell = self.remember(eighth[:, i], hidden, cell)
            all_hidden.append(hidden)
        maps = self.decode(half, quarter, torch.stack(all_hidden, 1).flatten(0, 1))
        return maps.unflatten(0, x.shape[:2])
