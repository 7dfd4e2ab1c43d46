// SPDX-License-Identifier: Apache-2.0
// What lives as long as the tab: the token and what the viewer has chosen.
const TOKEN = 'trocar.token';

// A token in the address (#token=...) is taken and removed from it at once.
function takeFromAddress() {
  const found = new URLSearchParams(location.hash.slice(1)).get('token');
  if (!found)
    return;
  sessionStorage.setItem(TOKEN, found);
  history.replaceState(null, '', location.pathname + location.search);
}

export function token() {
  takeFromAddress();
  return sessionStorage.getItem(TOKEN) ?? '';
}

export function setToken(value) {
  if (value)
    sessionStorage.setItem(TOKEN, value);
  else
    sessionStorage.removeItem(TOKEN);
}

export function remember(name, value) {
  sessionStorage.setItem('trocar.' + name, JSON.stringify(value));
}

export function remembered(name) {
  return JSON.parse(sessionStorage.getItem('trocar.' + name) ?? 'null');
}

// An answer of the daemon's interface; its status is the caller's to judge.
export function request(path, options = {}) {
  const headers = { ...options.headers, Authorization: `Bearer ${token()}` };
  return fetch(path, { cache: 'no-store', ...options, headers });
}
