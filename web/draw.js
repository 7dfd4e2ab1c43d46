// SPDX-License-Identifier: Apache-2.0
// The expert draws: by pointer, or by keys with a cross. What is drawn belongs to the frame that
// was on the screen when it was begun.
//
// Events: `mark` (a message for the console), `change` (draw again).
const MAX_POINTS = 256;
const MAX_TEXT_BYTES = 255;
const STEP = 0.01;
const LONG_STEP = 0.05;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Every second inner point goes, as often as it takes.
export function thin(points, most) {
  let kept = points;
  while (kept.length > most)
    kept = kept.filter((_, i) => i % 2 === 0 || i === kept.length - 1);
  return kept;
}

export function cutText(value, most) {
  const encoder = new TextEncoder();
  let kept = [...value.replace(/\p{Cc}/gu, ' ').trim()];
  while (encoder.encode(kept.join('')).length > most)
    kept = kept.slice(0, -1);
  return kept.join('');
}

function makeId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

export class Drawing extends EventTarget {
  // frameId() tells the frame on the screen, 0 while it is not known.
  constructor(area, textField, frameId) {
    super();
    this.area = area;
    this.textField = textField;
    this.frameId = frameId;
    this.tool = 'point';
    this.draft = null;
    this.cross = null;
    area.addEventListener('pointerdown', (e) => this.pointerDown(e));
    area.addEventListener('pointermove', (e) => this.pointerMove(e));
    area.addEventListener('pointerup', (e) => this.pointerUp(e));
    area.addEventListener('pointercancel', () => this.cancel());
    area.addEventListener('keydown', (e) => this.keyDown(e));
    area.addEventListener('blur', () => this.showCross(null));
    textField.addEventListener('keydown', (e) => this.textKey(e));
    textField.addEventListener('blur', () => this.closeText());
  }

  choose(tool) {
    this.cancel();
    this.tool = tool;
  }

  changed() {
    this.dispatchEvent(new Event('change'));
  }

  placeOf(event) {
    const box = this.area.getBoundingClientRect();
    const clamp = (v) => Math.min(Math.max(v, 0), 1);
    return [clamp((event.clientX - box.left) / box.width),
      clamp((event.clientY - box.top) / box.height)];
  }

  begin(point) {
    const frame = this.frameId();
    if (frame === 0)
      return false;
    this.draft = { id: makeId(), kind: this.tool, frame, points: [point], isDraft: true };
    return true;
  }

  pointerDown(event) {
    if (event.button !== 0 || event.target.closest('button, input'))
      return;
    this.cross = null;
    if (!this.begin(this.placeOf(event)))
      return;
    this.area.setPointerCapture(event.pointerId);
    this.isPointer = true;
    this.changed();
  }

  pointerMove(event) {
    if (!this.draft || !this.isPointer)
      return;
    for (const e of event.getCoalescedEvents?.() ?? [event])
      this.extend(this.placeOf(e));
    this.changed();
  }

  pointerUp(event) {
    if (!this.draft || !this.isPointer)
      return;
    this.extend(this.placeOf(event));
    this.isPointer = false;
    this.finish();
  }

  extend(point) {
    const { kind, points } = this.draft;
    if (kind === 'stroke')
      points.push(point);
    else if (kind === 'arrow')
      points[1] = point;
  }

  // What is too short to be meant becomes nothing.
  finish() {
    const { kind, points } = this.draft;
    if (kind === 'text') {
      this.openText();
      return;
    }
    const [x0, y0] = points[0];
    const isShort = points.every(([x, y]) => Math.hypot(x - x0, y - y0) < 0.006);
    if (kind !== 'point' && isShort) {
      this.cancel();
      return;
    }
    this.give();
  }

  give() {
    const { id, kind, frame, points, text } = this.draft;
    this.draft = null;
    const rounded = thin(points, MAX_POINTS).map((p) => p.map((v) => Math.round(v * 1e4) / 1e4));
    const mark = { t: 'mark', id, kind, frame, points: rounded, text: text ?? '' };
    this.dispatchEvent(new CustomEvent('mark', { detail: mark }));
    this.changed();
  }

  cancel() {
    this.draft = null;
    this.isPointer = false;
    this.textField.hidden = true;
    this.changed();
  }

  openText() {
    const [x, y] = this.draft.points[0];
    this.textField.hidden = false;
    this.textField.value = '';
    this.textField.style.left = `${Math.min(x, 0.7) * 100}%`;
    this.textField.style.top = `${Math.min(y, 0.92) * 100}%`;
    this.textField.focus();
  }

  closeText() {
    if (!this.textField.hidden)
      this.cancel();
  }

  textKey(event) {
    event.stopPropagation();
    if (event.key === 'Escape') {
      this.cancel();
      this.area.focus();
    } else if (event.key === 'Enter' && !event.isComposing) {
      const value = cutText(this.textField.value, MAX_TEXT_BYTES);
      this.textField.hidden = true;
      if (value) {
        this.draft.text = value;
        this.give();
      } else {
        this.cancel();
      }
      this.area.focus();
    }
  }

  showCross(place) {
    this.cross = place;
    this.changed();
  }

  keyDown(event) {
    if (event.target !== this.area)
      return;
    if (KEYS[event.key])
      this.moveCross(KEYS[event.key], event.shiftKey ? LONG_STEP : STEP);
    else if (event.key === 'Enter' || event.key === ' ')
      this.putAtCross();
    else if (event.key === 'Escape')
      this.cancel();
    else
      return;
    event.preventDefault();
  }

  moveCross([dx, dy], step) {
    const [x, y] = this.cross ?? [0.5, 0.5];
    const clamp = (v) => Math.min(Math.max(v, 0), 1);
    const at = this.cross ? [clamp(x + dx * step), clamp(y + dy * step)] : [x, y];
    if (this.draft)
      this.extend(at);
    this.showCross(at);
  }

  putAtCross() {
    const at = this.cross ?? [0.5, 0.5];
    if (this.draft) {
      this.extend(at);
      this.finish();
    } else if (this.begin([...at]) && (this.tool === 'point' || this.tool === 'text')) {
      this.finish();
    }
    this.showCross(at);
  }
}
