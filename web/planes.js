// SPDX-License-Identifier: Apache-2.0
// Maps of labels and grids of depth as pictures, made once for each message and choice of layers.
import { colourOf, depthColour } from './colours.js';
import { models, RangeReader } from './range.js';

const FILL = 0.25;
const EDGE = 0.85;

const unpacked = new WeakMap();
const painted = new WeakMap();

// Whether a text is base64.
export function isWhole(base64) {
  return base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

// Neighbours that are known; those that are not there are like those that are, all are `first` for
// the first of all.
function lookAround(plane, at, width, first) {
  const x = at % width, hasAbove = at >= width;
  const left = x > 0 ? plane[at - 1] : hasAbove ? plane[at - width] : first;
  const above = hasAbove ? plane[at - width] : left;
  const before = hasAbove && x > 0 ? plane[at - width - 1] : above;
  const after = hasAbove && x + 1 < width ? plane[at - width + 1] : above;
  return { left, above, before, after };
}

// A label for each pixel, row by row.
export function labelsOf(map) {
  const { width, height } = map;
  const reader = new RangeReader(bytesOf(map.labels));
  const differsAbove = models(8), differsLeft = models(1), label = models(256);
  const labels = new Uint8Array(width * height);
  for (let at = 0; at < labels.length; at++) {
    const { left, above, before, after } = lookAround(labels, at, width, 0);
    const around = (left === above) + 2 * (before === above) + 4 * (after === above);
    if (!reader.bit(differsAbove, around))
      labels[at] = above;
    else if (left !== above && !reader.bit(differsLeft, 0))
      labels[at] = left;
    else
      labels[at] = reader.bits(label, 8);
  }
  return labels;
}

// Twice as wide and high, with corners cut where two neighbours agree (Scale2x).
export function doubled(labels, width, height) {
  const out = new Uint8Array(4 * labels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      const own = labels[at];
      const up = y > 0 ? labels[at - width] : own;
      const down = y + 1 < height ? labels[at + width] : own;
      const left = x > 0 ? labels[at - 1] : own;
      const right = x + 1 < width ? labels[at + 1] : own;
      const to = 4 * y * width + 2 * x;
      const cut = up !== down && left !== right;
      out[to] = cut && left === up ? left : own;
      out[to + 1] = cut && up === right ? right : own;
      out[to + 2 * width] = cut && left === down ? left : own;
      out[to + 2 * width + 1] = cut && down === right ? right : own;
    }
  }
  return out;
}

const present = new WeakMap();

// Labels that a map has, each once.
export function labelsIn(map) {
  return remembered(present, map, () => new Set(remembered(unpacked, map, () => labelsOf(map))));
}

function remembered(memory, key, make) {
  if (!memory.has(key))
    memory.set(key, make());
  return memory.get(key);
}

function isEdge(labels, at, width) {
  const label = labels[at];
  return labels[at + 1] !== label || labels[at - 1] !== label || labels[at + width] !== label
    || labels[at - width] !== label;
}

function picture(width, height, pixelAt) {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const pixel = pixelAt(at);
    if (pixel)
      image.data.set(pixel, at * 4);
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

// The map's labels whose names are chosen, tinted, with an outline. `key` tells choices apart.
export function maskPicture(map, names, isChosen, key) {
  const known = painted.get(map);
  if (known?.key === key)
    return known.canvas;
  const labels = doubled(remembered(unpacked, map, () => labelsOf(map)), map.width, map.height);
  const width = 2 * map.width;
  const tints = names.map((name) => (isChosen(name) ? colourOf(name) : null));
  const canvas = picture(width, 2 * map.height, (at) => {
    const tint = tints[labels[at]];
    return tint && [...tint, 255 * (isEdge(labels, at, width) ? EDGE : FILL)];
  });
  painted.set(map, { key, canvas });
  return canvas;
}

const DIFFERENCE_BITS = 8;

// How much a step is above (0, 1, ...) or below (-1, ...) what was expected.
function takeDifference(reader, isLonger, bits) {
  let n = 0;
  while (n < DIFFERENCE_BITS && reader.bit(isLonger, n))
    n++;
  const folded = 2 ** n + reader.bits(bits[n], n);
  return folded % 2 ? (folded - 1) / 2 : -folded / 2;
}

// Coded as differences from the plane through the neighbours, kept between these.
export function stepsOf(grid) {
  const { width, height } = grid;
  const reader = new RangeReader(bytesOf(grid.steps));
  const isLonger = models(DIFFERENCE_BITS);
  const bits = Array.from({ length: DIFFERENCE_BITS + 1 }, (_, n) => models(2 ** n));
  const steps = new Uint8Array(width * height);
  for (let at = 0; at < steps.length; at++) {
    const { left, above, before } = lookAround(steps, at, width, 128);
    const expected = Math.max(Math.min(left + above - before, Math.max(left, above)),
      Math.min(left, above));
    steps[at] = expected + takeDifference(reader, isLonger, bits);
  }
  return steps;
}

export function depthOf(grid) {
  return remembered(unpacked, grid, () => Float32Array.from(stepsOf(grid), (step) => (
    step > 0 ? grid.near + (step - 1) * (grid.far - grid.near) / 254 : 0)));
}

// { canvas, near, far }: what is known between the 2nd and the 98th percentile, in mm.
export function depthPicture(grid) {
  return remembered(painted, grid, () => {
    const mm = depthOf(grid);
    const known = mm.filter((v) => v > 0).sort();
    const near = known[Math.floor(known.length * 0.02)] ?? 0;
    const far = known[Math.floor(known.length * 0.98)] ?? 1;
    const span = Math.max(far - near, 1);
    const canvas = picture(grid.width, grid.height, (at) => (
      mm[at] > 0 ? [...depthColour((mm[at] - near) / span), 150] : null));
    return { canvas, near, far };
  });
}
