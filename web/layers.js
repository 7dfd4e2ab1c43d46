// SPDX-License-Identifier: Apache-2.0
// Which layers are shown: kinds of findings, and each class of masks by itself.
import { cssColour, tellColour } from './colours.js';
import { byId, h } from './dom.js';
import { labelsIn } from './planes.js';
import { isMaskName } from './overlay.js';
import { remember, remembered } from './session.js';
import { nameText } from './text.js';

export class Layers {
  // changed() is called whenever something was switched.
  constructor(changed) {
    this.changed = changed;
    this.off = new Set(remembered('layers.off') ?? ['depth']);
    this.names = new Map(); // of a network: names by label
    this.legend = new Set(); // names of masks that came
    for (const box of document.querySelectorAll('[data-layer]')) {
      box.checked = this.isOn(box.dataset.layer);
      box.addEventListener('change', () => this.set(box.dataset.layer, box.checked));
    }
  }

  isOn(layer) {
    return !this.off.has(layer);
  }

  set(layer, isOn) {
    this.off[isOn ? 'delete' : 'add'](layer);
    remember('layers.off', [...this.off]);
    for (const box of document.querySelectorAll('[data-layer], [data-mask]'))
      if ((box.dataset.layer ?? 'mask:' + box.dataset.mask) === layer)
        box.checked = isOn;
    this.changed();
  }

  toggle(layer) {
    this.set(layer, !this.isOn(layer));
  }

  // Names and colours, from the daemon's status.
  tell(status) {
    for (const network of status.networks ?? []) {
      const labels = network.labels ?? [];
      this.names.set(network.name, labels.map((label) => label.name));
      labels.forEach((label) => tellColour(label.name, label.colour));
      labels.filter((label) => label.shown === false).forEach((label) => this.hide(label.name));
    }
  }

  hide(name) {
    this.never = (this.never ?? new Set()).add(name);
  }

  isMask(name) {
    return isMaskName(name) && !this.never?.has(name);
  }

  // Of a message of findings: the status's, else those that its items name.
  namesOf(findings) {
    return this.names.get(findings.network) ?? [];
  }

  isMaskOn(name) {
    return this.isMask(name) && this.isOn('mask:' + name);
  }

  // Tells choices of masks apart.
  get maskKey() {
    return [...this.off].join() + this.names.size;
  }

  // The legend grows with the classes that come.
  meet(findings) {
    if (!findings.map)
      return;
    const names = this.namesOf(findings);
    const fresh = [...labelsIn(findings.map)].map((label) => names[label])
      .filter((name) => name && this.isMask(name) && !this.legend.has(name));
    fresh.forEach((name) => this.legend.add(name));
    if (fresh.length > 0)
      this.showLegend();
  }

  showLegend() {
    byId('legend').replaceChildren(...[...this.legend].sort().map((name) => {
      const box = h('input', { type: 'checkbox', checked: this.isOn('mask:' + name) });
      box.dataset.mask = name;
      box.addEventListener('change', () => this.set('mask:' + name, box.checked));
      return h('label', {}, box, h('i', { tint: cssColour(name) }), h('span', {}, nameText(name)));
    }));
  }
}
