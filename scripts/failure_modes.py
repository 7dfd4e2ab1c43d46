#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How the networks of models/ fail: "make failure-modes".

    scripts/failure_modes.py [-o DIR] [--procedures N] [--frames N] [--size WxH]
                             [--only TASK,...] [--keep]

Renders procedures that training never saw, clean and under each disturbance at four strengths,
evaluates every network on them, tiers of one task side by side, and writes to build/failure-modes

    TASK.html, TASK.json    the evaluation of a task's networks (trocar eval)
    index.html              all tasks: figures over the strength of each disturbance

Networks with states see clips instead: frames one after the other. models/gates.json says what must
be reached; the exit code is 1 when it is not. --keep takes data sets that are there already.
"""
import argparse
import html
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEED = 5000003
STRENGTHS = '0.25,0.5,0.75,1'

# Frames of a data set: options of "trocar sim dataset", given the numbers asked for.
SETS = {
    'frames': lambda procedures, frames: [
        '--procedures', procedures, '--frames', frames, '--every', 11, '--first', 50,
        '--strengths', STRENGTHS, '--cameras'],
    # The network that tells steps takes a picture a second, the tracker what moves.
    'seconds': lambda procedures, frames: [
        '--procedures', max(procedures // 2, 1), '--frames', 10 * frames, '--every', 1,
        '--strengths', '0.5,1'],
    'clips': lambda procedures, frames: [
        '--procedures', max(procedures // 3, 1), '--frames', 6 * frames, '--fps', 12.5,
        '--every', 0.08, '--first', 100, '--strengths', '0.5,1'],
}


class Metric:
    """A figure of an evaluation: where it stands in its JSON, and how it is drawn."""

    def __init__(self, key, text, unit='', most=1.0, less_is_better=False):
        self.key, self.text, self.unit = key, text, unit
        self.most, self.less_is_better = most, less_is_better

    def of(self, group):
        """None where it is not defined."""
        return group.get(self.key)

    def show(self, value):
        if value is None:
            return '-'
        if self.unit == '%':
            return f'{100 * value:.1f} %'
        return f'{value:.2f} {self.unit}' if self.unit else f'{value:.3f}'

    def misses(self, value, limit):
        return value > limit if self.less_is_better else value < limit


METRICS = {
    'classes': [Metric('pooled-miou', 'mean IoU')],
    'boxes': [Metric('map50', 'mAP50')],
    'linear': [Metric('mean-abs-rel', 'mean of |depth - true| / true', '%', 0.4, True)],
    'peaks': [Metric('mean-point-error', 'distance of points', 'px', 12, True),
              Metric('mean-point-recall', 'share of points found')],
    'scores': [Metric('flag-accuracy', 'share of right answers'),
               Metric('mean-step-accuracy', 'share of right steps')],
}


# ---- networks ------------------------------------------------------------------------------


class Network:
    def __init__(self, path):
        self.path = path
        self.name = os.path.splitext(os.path.basename(path))[0]
        with open(self.record, encoding='utf-8') as f:
            record = json.load(f)
        output = next(iter(record['outputs'].values()))
        self.decode, self.names = output['decode'], tuple(output.get('names', ()))
        self.has_states = bool(record.get('states'))

    @property
    def record(self):
        return self.path[:-len('.onnx')] + '.json'

    @property
    def tier(self):
        return self.name.removeprefix('endoscopy_')

    @property
    def plan(self):
        return self.name + '.plan'

    @property
    def n_bytes(self):
        return os.path.getsize(self.path)


class Task:
    """Networks that find the same, the largest first."""

    def __init__(self, networks):
        self.networks = sorted(networks, key=lambda n: (-n.n_bytes, n.name))
        first = self.networks[0]
        self.metrics = METRICS[first.decode]
        self.name = first.tier.removesuffix('_small')
        if first.decode == 'classes':
            self.name = 'segmentation'
        if not first.has_states:
            self.set = 'frames'
        else:
            self.set = 'seconds' if first.decode == 'scores' else 'clips'


def find_tasks(folder):
    by_kind = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith('.onnx') and os.path.exists(os.path.join(folder, name[:-5] + '.json')):
            network = Network(os.path.join(folder, name))
            by_kind.setdefault((network.decode, network.names), []).append(network)
    order = list(METRICS)
    tasks = [Task(networks) for networks in by_kind.values()]
    return sorted(tasks, key=lambda t: (order.index(t.networks[0].decode), t.name))


# ---- running -------------------------------------------------------------------------------


def trocar(options, *arguments, codes=(0,)):
    command = [options.trocar, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in codes:
        sys.stdout.write(done.stdout)
        sys.exit(f'{" ".join(command)}: exit {done.returncode}')
    return done


def render(options, name):
    folder = os.path.join(options.output, f'set-{name}')
    if options.keep and os.path.exists(os.path.join(folder, 'frames.jsonl')):
        return folder
    print(f'rendering {name}', flush=True)
    trocar(options, 'sim', 'dataset', '-o', folder, '--size', options.size, '--seed', SEED,
           *SETS[name](options.procedures, options.frames))
    return folder


def evaluate(options, task, folder, gates):
    """The evaluation as JSON; gates: {"gates": [...]} or None."""
    plans = []
    out = os.path.join(options.output, task.name)
    for network in task.networks:
        plans.append(os.path.join(options.output, network.plan))
        trocar(options, 'build', network.path, '--record', network.record, '-o', plans[-1])
    print(f'evaluating {", ".join(n.tier for n in task.networks)}', flush=True)
    extra = []
    if gates:
        with open(out + '.gates.json', 'w', encoding='utf-8') as f:
            json.dump(gates, f)
        extra = ['--gate', out + '.gates.json']
    done = trocar(options, 'eval', folder, *plans, '--json', out + '.json', '--html',
                  out + '.html', *extra, codes=(0, 1))
    for line in done.stdout.splitlines():
        if line.startswith('gate: '):
            print(line)
    with open(out + '.json', encoding='utf-8') as f:
        return json.load(f)


# ---- figures -------------------------------------------------------------------------------


class Curves:
    """Figures of a metric: {network: {disturbance: [(strength, value)]}}, with the clean slice at
    strength 0."""

    def __init__(self, task, metric, result, gates):
        self.metric, self.task = metric, task
        self.clean, self.lines, self.latency_ms = [], [], []
        names = {}
        for network in task.networks:
            groups = [g for g in result['groups']
                      if os.path.basename(g['engine']) == network.plan]
            slices = {g['group']: metric.of(g) for g in groups if g['kind'] == 'slice'}
            everything = next(g for g in groups if g['kind'] == 'all')
            self.clean.append(slices.get('clean'))
            self.latency_ms.append(everything['latency_p50_ms'])
            self.lines.append(self.split(slices, names))
        self.disturbances = list(names)
        bounds = [self.bounds(network, gates) for network in task.networks]
        self.targets, self.limits = zip(*bounds)

    @staticmethod
    def split(slices, names):
        lines = {}
        for name, value in slices.items():
            disturbance, _, strength = name.rpartition('-')
            try:
                strength = float(strength)
            except ValueError:
                continue
            names[disturbance] = True
            if value is not None:
                lines.setdefault(disturbance, []).append((strength, value))
        for line in lines.values():
            if slices['clean'] is not None:
                line.append((0.0, slices['clean']))
            line.sort()
        return lines

    def bounds(self, network, gates):
        """What must be reached on clean frames, and where a disturbance has made it fail."""
        found = {}
        for gate in (gates or {}).get('gates', []):
            is_for = gate.get('engine', network.plan) == network.plan
            if gate['metric'] == self.metric.key and is_for:
                bound = gate['max'] if self.metric.less_is_better else gate['min']
                found[gate.get('slice', '')] = bound
        clean = found.get('clean')
        return clean, found.get('*-0.5', clean)

    @property
    def limit(self):
        """Of the first network."""
        return self.limits[0]

    def at(self, network, strength):
        """Mean over disturbances at a strength."""
        values = [v for line in self.lines[network].values() for s, v in line if s == strength]
        return sum(values) / len(values) if values else None

    def fails_at(self, network, disturbance):
        """The strength from which on the limit is missed, between two that were tried linearly;
        None: at none."""
        line, limit = self.lines[network].get(disturbance, []), self.limits[network]
        for i, (strength, value) in enumerate(line):
            if not self.metric.misses(value, limit):
                continue
            if i == 0:
                return strength
            before, good = line[i - 1]
            return before + (strength - before) * (limit - good) / (value - good)
        return None


# ---- the page ------------------------------------------------------------------------------

STYLE = '''
:root { color-scheme: light dark; --ink: #1c2430; --dim: #5d6878; --paper: #fff; --line: #dfe4ec;
        --limit: #c0392b; --c0: #1f6fc4; --c1: #d0641c; --c2: #2b8a4b; --c3: #7a4bc2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ee; --dim: #98a3b3; --paper: #14181e; --line: #2b323c; --limit: #ff7b6b;
          --c0: #63a8f2; --c1: #f2974f; --c2: #5fc983; --c3: #b08cf0; } }
@media print {
  :root { --ink: #000; --dim: #444; --paper: #fff; --line: #ccc; --limit: #b00; --c0: #1f6fc4;
          --c1: #d0641c; --c2: #2b8a4b; --c3: #7a4bc2; }
  section, figure, table { break-inside: avoid; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 1180px; margin: 2em auto; padding: 0 1.2em; }
h1 { font-size: 1.6em; margin-bottom: 0.2em; } h2 { margin: 2em 0 0.1em; font-size: 1.25em; }
p.note { color: var(--dim); margin: 0.2em 0 0.8em; }
table { border-collapse: collapse; margin: 0.6em 0; font-variant-numeric: tabular-nums; }
td, th { padding: 0.2em 0.7em; text-align: right; border-bottom: 1px solid var(--line);
         font-weight: normal; }
td:first-child, th:first-child { text-align: left; }
th { color: var(--dim); font-size: 0.88em; vertical-align: bottom; }
table.map { width: 100%; table-layout: fixed; } table.map th:first-child { width: 9.6em; }
 table.map td, table.map th { padding: 0.25em 0.3em; text-align: center;
         font-size: 0.78em; border: 2px solid var(--paper); }
table.map td:first-child { text-align: left; white-space: nowrap; font-size: 0.95em; }
table.map th { line-height: 1.15; }
td.cell { color: #111; border-radius: 3px; print-color-adjust: exact;
          -webkit-print-color-adjust: exact; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(205px, 1fr)); gap: 10px; }
figure { margin: 0; } figcaption { font-size: 0.86em; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--dim); font-size: 9px; }
.key { display: inline-block; width: 1.4em; height: 0.28em; vertical-align: 0.25em;
       margin-right: 0.4em; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.bad { color: var(--limit); }
'''
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 210, 118, 30, 6, 6, 18


def colour(network):
    return f'var(--c{network % 4})'


def chart(curves, disturbance):
    most = curves.metric.most

    def x(strength):
        return LEFT + strength * (WIDTH - LEFT - RIGHT)

    def y(value):
        return TOP + (1 - min(max(value / most, 0), 1)) * (HEIGHT - TOP - BOTTOM)

    out = [f'<figure><figcaption>{html.escape(disturbance)}</figcaption>'
           f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           f'aria-label="{html.escape(curves.metric.text)} over {html.escape(disturbance)}">']
    for i in range(5):
        value = most * i / 4
        out.append(f'<path d="M{x(0):.1f} {y(value):.1f}H{x(1):.1f}" stroke="var(--line)"/>')
        if i % 2 == 0:
            text = f'{100 * value:.0f} %' if curves.metric.unit == '%' else f'{value:g}'
            out.append(f'<text x="{LEFT - 4}" y="{y(value) + 3:.1f}" text-anchor="end">{text}'
                       f'</text><text x="{x(i / 4):.1f}" y="{HEIGHT - 4}" text-anchor="middle">'
                       f'{i / 4:g}</text>')
    if curves.limit is not None:
        out.append(f'<path d="M{x(0):.1f} {y(curves.limit):.1f}H{x(1):.1f}" stroke="var(--limit)" '
                   'stroke-dasharray="3 3"/>')
    for i in reversed(range(len(curves.lines))):
        line = curves.lines[i].get(disturbance, [])
        points = ' '.join(f'{x(s):.1f},{y(v):.1f}' for s, v in line)
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour(i)}" '
                   'stroke-width="1.8" stroke-linejoin="round"/>')
        for s, v in line:
            out.append(f'<circle cx="{x(s):.1f}" cy="{y(v):.1f}" r="2.2" fill="{colour(i)}">'
                       f'<title>{curves.task.networks[i].tier}, {s:g}: '
                       f'{curves.metric.show(v)}</title></circle>')
    out.append('</svg></figure>')
    return ''.join(out)


def table(curves):
    metric = curves.metric
    out = ['<table><tr><th>network</th><th>size</th><th>ms</th><th>clean</th>'
           '<th>half strength</th><th>full strength</th>']
    out.append('<th>misses its limit under</th></tr>' if curves.limit is not None else '</tr>')
    for i, network in enumerate(curves.task.networks):
        clean = curves.clean[i]
        target = curves.targets[i]
        is_bad = target is not None and (clean is None or metric.misses(clean, target))
        out.append(f'<tr><td><span class="key" style="background:{colour(i)}"></span>'
                   f'{html.escape(network.tier)}</td><td>{network.n_bytes / 1e6:.1f} MB</td>'
                   f'<td>{curves.latency_ms[i]:.1f}</td>'
                   f'<td{" class=bad" if is_bad else ""}>{metric.show(clean)}</td>'
                   f'<td>{metric.show(curves.at(i, 0.5))}</td>'
                   f'<td>{metric.show(curves.at(i, 1.0))}</td>')
        if curves.limits[i] is not None:
            n = sum(curves.fails_at(i, d) is not None for d in curves.disturbances)
            out.append(f'<td>{n} of {len(curves.disturbances)}</td>')
        out.append('</tr>')
    return ''.join(out) + '</table>'


def section(curves):
    metric, task = curves.metric, curves.task
    limits = ''
    if curves.targets[0] is not None:
        limits = (f' On clean frames {metric.show(curves.targets[0])} must be reached; the dashed '
                  f'line is at {metric.show(curves.limit)}.')
    better = 'less is better' if metric.less_is_better else 'more is better'
    charts = ''.join(chart(curves, d) for d in curves.disturbances)
    return (f'<section><h2>{html.escape(task.name)}: {html.escape(metric.text)}</h2>'
            f'<p class="note">Over the strength of each disturbance; {better}.{limits} '
            f'<a href="{task.name}.html">Whole evaluation</a></p>{table(curves)}'
            f'<div class="charts">{charts}</div></section>\n')


def cell(strength):
    """From red, fails at once, to green, fails at none."""
    share = 1 if strength is None else strength
    text = 'holds' if strength is None else f'{strength:.2f}'
    hue = 4 + 118 * share
    return f'<td class="cell" style="background:hsl({hue:.0f} 62% 68%)">{text}</td>'


def overview(all_curves):
    """Strengths at which the first network of each task fails."""
    judged = [c for c in all_curves if c.limit is not None]
    names = list(dict.fromkeys(d for c in judged for d in c.disturbances))
    if not judged:
        return ''
    out = ['<section><h2>Where they fail</h2><p class="note">The strength of a disturbance, from 0 '
           'to 1, at which the largest network of a task misses its limit.</p>'
           '<table class="map"><tr><th></th>']
    out += [f'<th>{html.escape(n.replace("-", " "))}</th>' for n in names]
    for c in judged:
        out.append(f'</tr><tr><td>{html.escape(c.task.name)}</td>')
        out += [cell(c.fails_at(0, n)) for n in names]
    return ''.join(out) + '</tr></table></section>\n'


def write_page(path, all_curves, failed, about):
    verdict = ('<p class="bad">Gates were missed: ' + ', '.join(failed) + '.</p>' if failed
               else '<p class="note">All gates were passed.</p>')
    with open(path, 'w', encoding='utf-8') as f:
        f.write('<!doctype html><html lang="en"><head><meta charset="utf-8">'
                '<meta name="viewport" content="width=device-width"><title>Failure modes</title>'
                f'<style>{STYLE}</style></head><body><h1>Failure modes</h1>'
                f'<p class="note">{about}</p>{verdict}\n{overview(all_curves)}')
        f.writelines(section(c) for c in all_curves)
        f.write('</body></html>\n')


# ---- the program ---------------------------------------------------------------------------


def parse():
    p = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    p.add_argument('-o', '--output', default=os.path.join(ROOT, 'build', 'failure-modes'))
    p.add_argument('--procedures', type=int, default=6, help='how many, seeds in a row (6)')
    p.add_argument('--frames', type=int, default=4, help='of each procedure (4)')
    p.add_argument('--size', default='256x144', help='of frames in pixels (256x144)')
    p.add_argument('--models', default=os.path.join(ROOT, 'models'), help='folder of networks')
    p.add_argument('--only', default='', help='tasks, with commas')
    p.add_argument('--keep', action='store_true', help='take data sets that are there')
    p.add_argument('--trocar', default=os.path.join(ROOT, 'build', 'trocar'))
    options = p.parse_args()
    if options.procedures < 1 or options.frames < 1:
        p.error('expected 1 or more procedures and frames')
    if not os.path.exists(options.trocar):
        p.error(f'{options.trocar} is missing: run make first')
    return options


def choose_tasks(options):
    tasks = find_tasks(options.models)
    names = [t.name for t in tasks]
    wanted = options.only.split(',') if options.only else names
    for name in wanted:
        if name not in names:
            sys.exit(f'--only: expected one of {", ".join(names)}, found {name}')
    return [t for t in tasks if t.name in wanted]


def main():
    options = parse()
    tasks = choose_tasks(options)
    gates_path = os.path.join(options.models, 'gates.json')
    gates = {}
    if os.path.exists(gates_path):
        with open(gates_path, encoding='utf-8') as f:
            gates = json.load(f)
    os.makedirs(options.output, exist_ok=True)
    folders = {name: render(options, name) for name in dict.fromkeys(t.set for t in tasks)}
    all_curves, failed = [], []
    for task in tasks:
        result = evaluate(options, task, folders[task.set], gates.get(task.name))
        if not result['pass']:
            failed.append(task.name)
        all_curves += [Curves(task, m, result, gates.get(task.name)) for m in task.metrics
                       if any(m.of(group) is not None for group in result['groups'])]
    about = (f'{options.procedures} procedures from seed {SEED}, {options.frames} frames of each, '
             f'{options.size} pixels; networks with states on clips.')
    page = os.path.join(options.output, 'index.html')
    write_page(page, all_curves, failed, about)
    print(f'{os.path.relpath(page)}' + (f': gates missed: {", ".join(failed)}' if failed else ''))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
