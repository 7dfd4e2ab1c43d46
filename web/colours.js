// SPDX-License-Identifier: Apache-2.0
// One colour for each name, on all pages: the daemon's where it says one, else of these.
const NAMED = {
  'abdominal-wall': [178, 112, 214],
  liver: [214, 64, 64],
  gallbladder: [64, 200, 96],
  fat: [240, 204, 48],
  bowel: [255, 140, 180],
  artery: [255, 64, 160],
  'instrument-shaft': [48, 128, 240],
  'instrument-wrist': [120, 120, 250],
  'instrument-tip': [64, 232, 240],
};
const OTHERS = [[110, 200, 255], [255, 190, 90], [150, 230, 150], [240, 140, 240], [250, 240, 130],
  [130, 230, 220], [255, 150, 130], [180, 180, 255]];
const EXPERTS = ['#5ee0ff', '#ffd166', '#b9f27c', '#ff9ecf', '#c8b6ff', '#ffb38a'];
const told = new Map();

function hash(name) {
  let h = 2166136261;
  for (const c of name)
    h = Math.imul(h ^ c.codePointAt(0), 16777619) >>> 0;
  return h;
}

// From "#rrggbb" or [r, g, b].
export function tellColour(name, colour) {
  if (Array.isArray(colour))
    told.set(name, colour);
  else if (/^#[0-9a-f]{6}$/i.test(colour ?? ''))
    told.set(name, [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)));
}

export function colourOf(name) {
  return told.get(name) ?? NAMED[name] ?? OTHERS[hash(name) % OTHERS.length];
}

export function cssColour(name, opacity = 1) {
  return `rgb(${colourOf(name).join(' ')} / ${opacity})`;
}

export function expertColour(name) {
  return EXPERTS[hash(name) % EXPERTS.length];
}

// Depth from near (warm) to far (cold), 0..1.
export function depthColour(share) {
  const stops = [[255, 236, 150], [246, 140, 70], [180, 50, 110], [80, 30, 130], [20, 20, 80]];
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const i = Math.min(Math.floor(at), stops.length - 2);
  return stops[i].map((v, k) => v + (stops[i + 1][k] - v) * (at - i));
}
