// SPDX-License-Identifier: Apache-2.0
// Elements without markup in strings: what comes from others is text and stays text.
export function byId(id) {
  return document.getElementById(id);
}

// h('li', { className: 'x', onclick: f }, 'text', child, null)
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'tint')
      node.style.setProperty('--tint', value);
    else if (name in node)
      node[name] = value;
    else
      node.setAttribute(name, value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes))
    node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Only where it differs, so that readers of screens are not told twice.
export function setText(node, value) {
  if (node.textContent !== value)
    node.textContent = value;
}

export function setTone(node, tone) {
  if (tone)
    node.dataset.tone = tone;
  else
    delete node.dataset.tone;
}
