// SPDX-License-Identifier: Apache-2.0
// Which messages of the daemon have the shape that docs/console.md gives them. What has not is
// dropped by itself; the page goes on.
import { isWhole } from './planes.js';

const MARKS = ['point', 'stroke', 'arrow', 'text'];
const STATES = ['new', 'held', 'interrupted', 'ended'];
const MAX_SIDE = 4096;

const areFinite = (...values) => values.every(Number.isFinite);
const isText = (value) => typeof value === 'string';
const isPoint = (value) => Array.isArray(value) && areFinite(value[0], value[1]);
const arePoints = (value) => Array.isArray(value) && value.length > 0 && value.every(isPoint);
const isList = (value, isMember) => Array.isArray(value) && value.every((v) => v && isMember(v));

function isItem(item) {
  if (item.kind === 'box' && !(item.box?.length === 4 && areFinite(...item.box)))
    return false;
  return isText(item.name) && (item.kind !== 'landmark' || areFinite(item.x, item.y));
}

const isFact = (why) => isText(why.fact)
  && isList(why.from ?? [], (origin) => isText(origin.network));

function isPlane(plane, field, isContent) {
  return plane === undefined || (plane && areFinite(plane.width, plane.height)
    && plane.width > 0 && plane.height > 0 && plane.width <= MAX_SIDE && plane.height <= MAX_SIDE
    && isText(plane[field]) && isContent(plane));
}

const SHAPES = {
  frame: (m) => areFinite(m.id, m.rtp, m.at),
  findings: (m) => areFinite(m.frame) && isText(m.network) && isList(m.items, isItem)
    && isPlane(m.map, 'labels', (map) => isWhole(map.labels))
    && isPlane(m.grid, 'steps', (grid) => areFinite(grid.near, grid.far)
      && isWhole(grid.steps)),
  hello: (m) => isText(m.name),
  status: (m) => typeof m.status === 'object',
  sentence: (m) => areFinite(m.seq, m.id, m.age_ms) && isText(m.text?.en)
    && STATES.includes(m.state) && isList(m.why ?? [], isFact)
    && isList(m.draw ?? [], (d) => arePoints(d.points)),
  mark: (m) => isText(m.id) && MARKS.includes(m.kind) && arePoints(m.points)
    && areFinite(m.frame),
  erase: (m) => isText(m.id),
  pong: (m) => areFinite(m.at, m.now),
};

export function isUnderstood(message) {
  return Object.hasOwn(SHAPES, message?.t) && SHAPES[message.t](message);
}
