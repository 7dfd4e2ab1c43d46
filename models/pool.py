# SPDX-License-Identifier: Apache-2.0
"""A set's frames in the memory of the GPU, drawn at random there: no step waits for the host."""
import torch

from data import HEIGHT, LENGTH, WIDTH, n_frames, slots_of, starts_of

# Where a draw may begin, and how many frames belong to it.
USES = {'inside': 1, 'outside': 1, 'sequence': LENGTH['sequence'], 'clip': LENGTH['clip']}


class Pool:
    def __init__(self, data, fact_names, device):
        n = n_frames(data.plan)
        self.data, self.device, self.n_loaded = data, device, 0
        self.fact_names = fact_names
        self.rgb = torch.empty(n, HEIGHT, WIDTH, 3, dtype=torch.uint8, device=device)
        self.label = torch.empty(n, HEIGHT, WIDTH, dtype=torch.uint8, device=device)
        self.depth = torch.empty(n, HEIGHT, WIDTH, dtype=torch.float16, device=device)
        self.facts = torch.empty(n, len(fact_names), device=device)
        starts = {'inside': slots_of(data.plan, ('spread', 'sequence', 'clip')),
                  'outside': slots_of(data.plan, ('outside',)),
                  'sequence': starts_of(data.plan, 'sequence'),
                  'clip': starts_of(data.plan, 'clip')}
        self.starts = starts
        self.tables = {use: torch.from_numpy(table).to(device) for use, table in starts.items()}
        self.counts = {use: torch.zeros((), device=device) for use in USES}

    def load(self):
        """What has been rendered since; nothing may run on the GPU meanwhile."""
        arrays, first, end = self.data.arrays(), self.n_loaded, self.data.n_frames_ready()
        for name in ('rgb', 'label', 'depth', 'facts'):
            to = getattr(self, name)
            for i in range(first, end, 1024):
                part = arrays[name][i:min(i + 1024, end)]
                to[i:i + len(part)] = torch.from_numpy(part.copy()).to(self.device)
        self.n_loaded = end
        for use, n in USES.items():
            self.counts[use].fill_(float((self.starts[use] + n <= end).sum()))
        if self.device != 'cpu':
            torch.cuda.synchronize()

    def draw(self, use, n):
        """n random slots, the same ones again at times."""
        at = torch.rand(n, device=self.device) * self.counts[use]
        return self.tables[use][at.long().clamp(max=len(self.tables[use]) - 1)]

    def draw_runs(self, use, n):
        """n runs of slots, [n, frames]."""
        steps = torch.arange(USES[use], device=self.device)
        return self.draw(use, n)[:, None] + steps

    def fact(self, slots, name):
        return self.facts[:, self.fact_names.index(name)][slots]

    def fact_rows(self, slots, owners, whats):
        """[.., owners, whats] of the facts OWNER-WHAT."""
        rows = [torch.stack([self.fact(slots, f'{owner}-{what}') for what in whats], -1)
                for owner in owners]
        return torch.stack(rows, -2)

    def points(self, slots, names):
        """x, y and whether it is visible of each named point: [.., names, 3]."""
        return self.fact_rows(slots, names, ('x', 'y', 'visible'))

    def boxes(self, slots):
        """Of each instrument: [.., 2, 6]."""
        return self.fact_rows(slots, ('left', 'right'), ('x0', 'y0', 'x1', 'y1', 'kind', 'pixels'))

    def pictures(self, slots):
        """[n, 3, H, W], 0 to 255, channels last in memory."""
        return self.rgb[slots].permute(0, 3, 1, 2).float()
