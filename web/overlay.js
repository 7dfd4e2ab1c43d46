// SPDX-License-Identifier: Apache-2.0
// Draws what belongs to the frame on the screen: findings, guidance, marks. Places come in pixels
// of the frame, marks in widths and heights of it.
import { cssColour, expertColour } from './colours.js';
import { depthPicture, maskPicture } from './planes.js';
import { nameText, text } from './text.js';

// Confidence below which a mark is drawn as unsure: TRO_MARK_SURE of the daemon.
export const sureMark = 0.65;

const FONT = '"Inter", "Segoe UI", system-ui, "DejaVu Sans", "WenQuanYi Micro Hei", sans-serif';
const HIDDEN = new Set(['outside', 'background']);

// 1 while young, falling while fading, then 0.
export function opacityAt(age, limits) {
  if (age <= limits.max_age_ms)
    return 1;
  return Math.max(0, 1 - (age - limits.max_age_ms) / limits.fade_ms);
}

export function isMaskName(name) {
  return !HIDDEN.has(name);
}

export class Overlay {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d');
  }

  // Sizes in CSS pixels are the same on all screens.
  begin(width, height) {
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (this.canvas.width !== Math.round(w * ratio) || this.canvas.height !== Math.round(h * ratio))
      [this.canvas.width, this.canvas.height] = [Math.round(w * ratio), Math.round(h * ratio)];
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, w, h);
    this.context.lineJoin = this.context.lineCap = 'round';
    [this.width, this.height] = [w, h];
    [this.scaleX, this.scaleY] = [w / width, h / height];
    this.tags = [];
  }

  place([x, y]) {
    return [x * this.scaleX, y * this.scaleY];
  }

  masks(findings, names, isChosen, key) {
    this.context.drawImage(maskPicture(findings.map, names, isChosen, key), 0, 0, this.width,
      this.height);
  }

  depth(findings) {
    const { canvas, near, far } = depthPicture(findings.grid);
    this.context.drawImage(canvas, 0, 0, this.width, this.height);
    this.tag(this.width - 8, this.height - 8, `${near.toFixed(0)} – ${far.toFixed(0)} mm`,
      '#f0b060', { isRight: true, isAbove: true });
  }

  // A dark plate below the text, moved until it covers no other one.
  tag(x, y, label, colour, { isRight = false, isAbove = false, size = 12 } = {}) {
    const c = this.context;
    c.font = `600 ${size}px ${FONT}`;
    const [w, h] = [c.measureText(label).width + 12, size + 8];
    const box = { x: isRight ? x - w : x, y: isAbove ? y - h : y, w, h };
    box.x = Math.min(Math.max(box.x, 2), this.width - w - 2);
    box.y = Math.min(Math.max(box.y, 2), this.height - h - 2);
    const hits = (t) => box.x < t.x + t.w && t.x < box.x + w
      && box.y < t.y + t.h && t.y < box.y + h;
    for (let i = 0; i < 6 && this.tags.some(hits); i++)
      box.y = Math.min(box.y + h + 2, this.height - h - 2);
    this.tags.push(box);
    c.fillStyle = 'rgb(8 12 17 / 0.78)';
    c.beginPath();
    c.roundRect(box.x, box.y, w, h, 4);
    c.fill();
    c.fillStyle = colour;
    c.textBaseline = 'middle';
    c.textAlign = 'left';
    c.fillText(label, box.x + 6, box.y + h / 2 + 0.5);
  }

  // Strokes twice, so that a line shows on bright and on dark tissue.
  stroke(colour, width) {
    const c = this.context;
    c.strokeStyle = 'rgb(0 0 0 / 0.6)';
    c.lineWidth = width + 2.5;
    c.stroke();
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.stroke();
  }

  box(item) {
    const [x0, y0] = this.place(item.box.slice(0, 2));
    const [x1, y1] = this.place(item.box.slice(2));
    const colour = cssColour(item.name);
    const isCarried = item.age_ms > 0;
    this.context.setLineDash(isCarried ? [6, 5] : []);
    this.context.beginPath();
    this.context.roundRect(x0, y0, x1 - x0, y1 - y0, 4);
    this.stroke(colour, 2);
    this.context.setLineDash([]);
    const track = item.track ? ` ${item.track}` : '';
    const score = item.score === undefined ? '' : `  ${Math.round(100 * item.score)} %`;
    this.tag(x0, y0 - 2, nameText(item.name) + track + score, colour, { isAbove: true });
  }

  landmark(item) {
    const [x, y] = this.place([item.x, item.y]);
    const colour = cssColour(item.name);
    const c = this.context;
    c.beginPath();
    c.moveTo(x, y - 7);
    c.lineTo(x + 7, y);
    c.lineTo(x, y + 7);
    c.lineTo(x - 7, y);
    c.closePath();
    this.stroke(colour, 2);
    c.beginPath();
    c.arc(x, y, 1.8, 0, 7);
    c.fillStyle = colour;
    c.fill();
    this.tag(x + 11, y - 10, nameText(item.name), colour);
  }

  line(points) {
    this.context.beginPath();
    points.forEach(([x, y], i) => (i ? this.context.lineTo(x, y) : this.context.moveTo(x, y)));
  }

  arrow(points, colour, width) {
    const [x1, y1] = points[points.length - 1];
    const [x0, y0] = points[Math.max(0, points.length - 2)];
    const angle = Math.atan2(y1 - y0, x1 - x0);
    const head = 14;
    this.line(points);
    for (const side of [-0.45, 0.45]) {
      this.context.moveTo(x1, y1);
      this.context.lineTo(x1 - head * Math.cos(angle + side), y1 - head * Math.sin(angle + side));
    }
    this.stroke(colour, width);
  }

  guidance(drawing) {
    const points = drawing.points.map((p) => this.place(p));
    const colour = /^#[0-9a-f]{6}$/i.test(drawing.colour) ? drawing.colour : '#ffd23c';
    if (points.length === 0)
      return;
    if (drawing.kind === 'circle') {
      const [[x, y], rim] = points;
      const radius = rim ? Math.hypot(rim[0] - x, rim[1] - y) : this.width * 0.035;
      this.context.beginPath();
      this.context.arc(x, y, radius, 0, 7);
      this.stroke(colour, 3);
    } else if (drawing.kind === 'arrow') {
      this.arrow(points, colour, 4);
    } else {
      this.context.setLineDash([12, 9]);
      this.line(points);
      this.stroke(colour, 4);
      this.context.setLineDash([]);
    }
  }

  mark(mark, isMine) {
    const points = mark.points.map(([x, y]) => [x * this.width, y * this.height]);
    const colour = expertColour(mark.name ?? '');
    const isUnsure = mark.confidence !== undefined && mark.confidence < sureMark;
    const c = this.context;
    c.setLineDash(isUnsure || mark.isDraft ? [5, 5] : []);
    const [x, y] = points[points.length - 1];
    if (mark.kind === 'arrow' && points.length > 1) {
      this.arrow(points, colour, 3.5);
    } else if (mark.kind === 'stroke') {
      this.line(points);
      this.stroke(colour, 3.5);
    } else {
      c.beginPath();
      c.arc(x, y, mark.kind === 'text' ? 3 : 9, 0, 7);
      this.stroke(colour, 3);
    }
    c.setLineDash([]);
    const who = isMine ? text('marks.you') : mark.name;
    const said = [mark.text, who].filter(Boolean).join(' · ');
    if (said)
      this.tag(x + 12, y + 6, said, colour, { size: mark.kind === 'text' ? 15 : 12 });
  }

  cross(x, y) {
    const c = this.context;
    const [px, py] = [x * this.width, y * this.height];
    c.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      c.moveTo(px + 5 * dx, py + 5 * dy);
      c.lineTo(px + 16 * dx, py + 16 * dy);
    }
    this.stroke('#ffffff', 2);
  }

  faded(opacity, draw) {
    this.context.globalAlpha = opacity;
    draw();
    this.context.globalAlpha = 1;
  }
}
