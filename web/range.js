// SPDX-License-Identifier: Apache-2.0
// Bits of a range coder, read with models of how often they are 0 (docs/console.md, "Planes of the
// page"). What is missing at the end is read as zeros.
const ONE = 2048;
const RATE = 4;
const TOP = 2 ** 24;

export class RangeReader {
  constructor(bytes) {
    Object.assign(this, { bytes, at: 0, code: 0, range: 2 ** 32 - 1 });
    for (let i = 0; i < 5; i++)
      this.takeByte();
  }

  takeByte() {
    this.code = (this.code % TOP) * 256 + (this.bytes[this.at++] ?? 0);
  }

  bit(models, at) {
    const zeros = Math.floor(this.range / ONE) * models[at];
    const isOne = this.code >= zeros;
    this.code -= isOne ? zeros : 0;
    this.range = isOne ? this.range - zeros : zeros;
    models[at] += isOne ? -(models[at] >> RATE) : (ONE - models[at]) >> RATE;
    for (; this.range < TOP; this.range *= 256)
      this.takeByte();
    return isOne ? 1 : 0;
  }

  // n bits, the highest first; the upper ones choose the model of the lower ones.
  bits(models, n) {
    let node = 1;
    for (let i = 0; i < n; i++)
      node = 2 * node + this.bit(models, node);
    return node - 2 ** n;
  }
}

export function models(n) {
  return new Uint16Array(n).fill(ONE / 2);
}
