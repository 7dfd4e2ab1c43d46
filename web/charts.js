// SPDX-License-Identifier: Apache-2.0
// The dashboard's drawings: the budget as a bar, the pipeline with its times, small histories.
import { svg } from './dom.js';
import { text } from './text.js';

export function ms(value) {
  if (!Number.isFinite(value))
    return '–';
  return value < 0.095 ? value.toFixed(2) : value < 9.95 ? value.toFixed(1) : value.toFixed(0);
}

// Least distance between texts beside each other, in pixels.
function spread(marks, least) {
  let end = -Infinity;
  return marks.map((mark) => {
    const x = Math.max(mark.x, end + least);
    end = x;
    return { ...mark, textX: x };
  });
}

// Quantiles of the time used, on a scale that has the budget at four fifths unless they go beyond.
export function drawBudget(node, budget) {
  const width = node.clientWidth || 800;
  const most = Math.max(budget.budget_ms * 1.25, (budget.used.max_ms ?? 0) * 1.05);
  const at = (value) => Math.min((value ?? 0) / most, 1) * width;
  const bar = (name, from, to) => svg('rect', { class: name, x: from, y: 18, height: 20,
    width: Math.max(to - from, 0), rx: 3 });
  const limit = at(budget.budget_ms);
  const { p50_ms: p50, p95_ms: p95, p99_ms: p99, max_ms: max } = budget.used;
  const marks = spread([['p50', p50], ['p95', p95], ['p99', p99], ['max', max]]
    .filter(([, value]) => Number.isFinite(value))
    .map(([name, value]) => ({ x: at(value), said: `${name} ${ms(value)}` })), 70);
  node.replaceChildren(
    bar('ground', 0, width), bar('over', limit, width), bar('max', 0, at(max)),
    bar('p99', 0, at(p99)), bar('p50', 0, at(p50)),
    svg('line', { class: 'limit', x1: limit, x2: limit, y1: 12, y2: 44 }),
    svg('text', { x: limit, y: 9, 'text-anchor': 'middle', 'font-weight': 600 },
      text('budget.limit', { ms: ms(budget.budget_ms) })),
    ...marks.map(({ x }) => svg('line', { class: 'tick', x1: x, x2: x, y1: 38, y2: 43 })),
    ...marks.map(({ textX, said }) => svg('text', { class: 'quiet', x: Math.min(textX, width - 60),
      y: 56 }, said)));
}

// Columns and rows of the pipeline's nodes; a wire leads to each from the one it names.
const NODES = [
  ['capture', 0, 1], ['display', 1, 0, 'capture'], ['ring', 1, 1, 'capture'],
  ['queue', 2, 1, 'ring'], ['run', 3, 1, 'queue'], ['findings', 4, 1, 'run'],
  ['rules', 5, 1, 'findings'], ['encode', 1, 2, 'capture'], ['send', 2, 2, 'encode'],
];
const BOX = { width: 140, height: 56, stepX: 170, stepY: 63 };

function placeOf([, column, row]) {
  return [column * BOX.stepX + 1, row * BOX.stepY + 1];
}

function wire(from, to) {
  const [x0, y0] = placeOf(from);
  const [x1, y1] = placeOf(to);
  const [ax, ay] = [x0 + BOX.width, y0 + BOX.height / 2];
  const by = y1 + BOX.height / 2;
  const middle = (ax + x1) / 2;
  const d = `M${ax} ${ay}C${middle} ${ay} ${middle} ${by} ${x1} ${by}`;
  return svg('path', { class: 'wire', d });
}

function stageNode(entry, stage, budgetMs) {
  const [x, y] = placeOf(entry);
  const time = stage?.time ?? { n: 0 };
  const node = svg('g', { class: 'node' },
    svg('title', {}, stage?.what ?? ''),
    svg('rect', { x, y, width: BOX.width, height: BOX.height, rx: 8 }),
    svg('text', { class: 'name', x: x + 12, y: y + 17 }, text('stage.' + entry[0])),
    svg('text', { class: 'time', x: x + 12, y: y + 36 },
      time.n > 0 ? `${ms(time.p50_ms)} ms` : '–'),
    svg('text', { class: 'more', x: x + 12, y: y + 50 },
      time.n > 0 ? `p95 ${ms(time.p95_ms)} · max ${ms(time.max_ms)}` : text('stage.silent')));
  if (time.p95_ms > budgetMs)
    node.dataset.tone = 'bad';
  else if (time.p95_ms > 0.5 * budgetMs)
    node.dataset.tone = 'warn';
  return node;
}

export function drawPipeline(node, stages, budgetMs) {
  const byName = new Map(stages.map((stage) => [stage.name, stage]));
  const entry = new Map(NODES.map((e) => [e[0], e]));
  node.setAttribute('viewBox',
    `0 0 ${5 * BOX.stepX + BOX.width + 2} ${2 * BOX.stepY + BOX.height + 2}`);
  node.replaceChildren(
    ...NODES.filter((e) => e[3]).map((e) => wire(entry.get(e[3]), e)),
    ...NODES.map((e) => stageNode(e, byName.get(e[0]), budgetMs)));
}

// A line of values over time with its limit; values beyond it are warm.
export function drawHistory(canvas, values, limit) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [canvas.clientWidth || 120, canvas.clientHeight || 30];
  [canvas.width, canvas.height] = [w * ratio, h * ratio];
  const c = canvas.getContext('2d');
  c.scale(ratio, ratio);
  const most = Math.max(limit * 1.2, ...values.filter(Number.isFinite));
  const y = (v) => h - 2 - (h - 4) * v / most;
  c.strokeStyle = '#5a6b7a';
  c.setLineDash([3, 3]);
  c.beginPath();
  c.moveTo(0, y(limit));
  c.lineTo(w, y(limit));
  c.stroke();
  c.setLineDash([]);
  c.lineWidth = 1.5;
  const x = (i) => w - 2 - (values.length - 1 - i) * (w - 4) / 119;
  for (let i = 1; i < values.length; i++) {
    if (!Number.isFinite(values[i - 1]) || !Number.isFinite(values[i]))
      continue;
    c.strokeStyle = values[i] > limit ? '#ffb454' : '#4fd1c5';
    c.beginPath();
    c.moveTo(x(i - 1), y(values[i - 1]));
    c.lineTo(x(i), y(values[i]));
    c.stroke();
  }
}
