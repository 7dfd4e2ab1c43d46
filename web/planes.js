// SPDX-License-Identifier: Apache-2.0
// Maps of labels and grids of depth as pictures, made once for each message and choice of layers.
import { colourOf, depthColour } from './colours.js';

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

// A length of 7 bits a byte, the least significant first.
function takeLength(reader) {
  for (let length = 0, factor = 1; ; factor *= 128) {
    const byte = reader.bytes[reader.at++] ?? 0;
    length += (byte & 127) * factor;
    if (byte < 128)
      return length;
  }
}

// Ends of a row's runs: in full, or how far they lie from those of the row above.
function takeRow(reader, row, width) {
  const n = reader.bytes[reader.at++] ?? 0;
  if (n === 0) {
    row.ends = row.ends.map((end, i) => (i + 1 < row.ends.length
      ? end + (reader.bytes[reader.at++] ?? 128) - 128 : width));
    return;
  }
  row.labels = [];
  row.ends = [];
  for (let i = 0, end = 0; i < n; i++) {
    row.labels.push(reader.bytes[reader.at++] ?? 0);
    end += takeLength(reader);
    row.ends.push(end);
  }
}

// A label for each pixel, row by row.
export function labelsOf(map) {
  const reader = { bytes: bytesOf(map.rows), at: 0 };
  const labels = new Uint8Array(map.width * map.height);
  const row = { labels: [], ends: [] };
  for (let y = 0; y < map.height; y++) {
    takeRow(reader, row, map.width);
    let begin = 0;
    row.ends.forEach((end, i) => {
      const stop = Math.min(end, map.width);
      labels.fill(row.labels[i], y * map.width + begin, y * map.width + stop);
      begin = Math.max(begin, stop);
    });
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

export function depthOf(grid) {
  return remembered(unpacked, grid, () => {
    const bytes = bytesOf(grid.steps);
    const mm = new Float32Array(grid.width * grid.height);
    for (let i = 0; i < mm.length; i++)
      mm[i] = bytes[i] > 0 ? grid.near + (bytes[i] - 1) * (grid.far - grid.near) / 254 : 0;
    return mm;
  });
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
