// SPDX-License-Identifier: Apache-2.0
// The sentence of guidance: what it says, how old it is, what it rests on, what was said before.
import { byId, h, setText, setTone } from './dom.js';
import { duration, language, nameText, text } from './text.js';

const KEPT = 30;
const TONES = { new: 'good', held: '', interrupted: 'warn' };

export function sentenceText(sentence) {
  return sentence.text[language()] || sentence.text.en || '';
}

function valueText({ value, unit }) {
  if (typeof value !== 'number')
    return text('why.unknown');
  const digits = Math.abs(value) < 10 ? 2 : 1;
  return `${Number(value.toFixed(digits))}${unit ? ' ' + unit : ''}`;
}

// What a fact was made of: network, tier, frame, track, engine.
function originItem(from) {
  const parts = [nameText(from.network), text('why.tier', { tier: from.tier }),
    text('frame', { id: from.frame }), from.track ? `#${from.track}` : null].filter(Boolean);
  return h('small', {}, parts.join(' · '), ' ',
    h('code', { title: text('why.engine') }, from.engine ?? ''));
}

function factItem(why) {
  return h('li', {}, h('b', {}, nameText(why.fact)), h('em', {}, valueText(why)),
    ...(why.from ?? []).map(originItem));
}

export class Guidance {
  // pick(id) tells the console that the expert supports a sentence.
  constructor(pick) {
    this.sentence = null;
    this.seq = 0; // of the newest message
    this.history = []; // newest first
    this.picked = new Set();
    this.pick = (id) => {
      if (pick(id))
        this.picked.add(id);
      this.show();
    };
    byId('pick').addEventListener('click', () => this.pickCurrent());
    byId('why').addEventListener('click', () => this.toggleWhy());
  }

  // Another process of the console counts anew.
  forget() {
    this.seq = 0;
  }

  // Each comes twice, on two channels. What comes after a later one was said before.
  add(message, now) {
    if (message.seq > this.seq)
      this.replace(message, now);
    else if (message.id !== this.sentence?.id)
      this.remember(message);
    this.show(now);
  }

  replace(message, now) {
    this.seq = message.seq;
    const isNew = message.id !== this.sentence?.id;
    if (isNew && this.sentence)
      this.remember(this.sentence);
    if (message.state === 'ended') {
      this.remember(message);
      this.sentence = null;
    } else {
      this.sentence = { ...(isNew ? {} : this.sentence), ...message, received: now };
    }
  }

  // What the console has said before this page came: newest last.
  addHistory(sentences) {
    for (const sentence of sentences)
      if (sentence.id !== this.sentence?.id)
        this.remember(sentence);
    this.showHistory();
  }

  remember(sentence) {
    this.history = [sentence, ...this.history.filter((s) => s.id !== sentence.id)]
      .sort((a, b) => b.id - a.id).slice(0, KEPT);
  }

  ageAt(now) {
    return this.sentence.age_ms + now - this.sentence.received;
  }

  // What it draws, while its rule holds and shortly after.
  drawings(now, limits, opacityAt) {
    if (!this.sentence?.draw?.length)
      return { opacity: 0, list: [] };
    const age = this.sentence.state === 'new' ? 0 : this.ageAt(now);
    return { opacity: opacityAt(age, limits), list: this.sentence.draw };
  }

  pickCurrent() {
    if (this.sentence && !this.picked.has(this.sentence.id))
      this.pick(this.sentence.id);
  }

  toggleWhy() {
    const panel = byId('why-panel');
    panel.hidden = !panel.hidden;
    byId('why').setAttribute('aria-expanded', String(!panel.hidden));
    if (!panel.hidden)
      panel.scrollIntoView({ block: 'nearest' });
  }

  show(now = performance.now()) {
    const { sentence } = this;
    byId('guidance').dataset.state = sentence?.state ?? 'none';
    setText(byId('guidance-text'), sentence ? sentenceText(sentence) : text('sentence.none'));
    this.showAge(now);
    const button = byId('pick');
    const isPicked = sentence && this.picked.has(sentence.id);
    button.hidden = !sentence;
    button.disabled = Boolean(isPicked);
    setText(button, text(isPicked ? 'sentence.picked' : 'sentence.pick'));
    byId('why').hidden = !sentence;
    this.showWhy();
    this.showHistory();
  }

  showAge(now) {
    const chip = byId('guidance-state');
    const { sentence } = this;
    setTone(chip, sentence ? TONES[sentence.state] : '');
    setText(chip, sentence
      ? text('sentence.' + sentence.state, { age: duration(this.ageAt(now)) }) : '');
  }

  showWhy() {
    const { sentence } = this;
    const rule = sentence && h('p', { className: 'quiet' }, `${text('why.rule')} `,
      h('b', {}, sentence.rule ?? '–'));
    const facts = sentence?.why?.length
      ? h('ul', { className: 'facts' }, ...sentence.why.map(factItem))
      : h('p', { className: 'quiet' }, text('why.none'));
    byId('why-list').replaceChildren(...(sentence ? [rule, facts] : [facts]));
  }

  showHistory() {
    const key = JSON.stringify([language(), this.history.map((s) => s.id), [...this.picked]]);
    if (key === this.historyKey)
      return;
    this.historyKey = key;
    const items = this.history.map((sentence) => h('li', {},
      h('span', {}, sentenceText(sentence)),
      this.picked.has(sentence.id) ? h('small', {}, text('sentence.picked'))
        : h('button', { onclick: () => this.pick(sentence.id) }, text('sentence.pick'))));
    byId('history').replaceChildren(...(items.length > 0 ? items
      : [h('li', { className: 'empty' }, text('history.none'))]));
  }
}
