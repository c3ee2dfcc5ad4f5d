// What the other scripts stand on: the page's elements, and what the browser keeps for this tab.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
export const body = document.body;
export const page = body.dataset.page;
export const wide = window.matchMedia("(min-width: 1100px)");

// The token that a changing request has to carry; htmx sends it by itself.
export const csrf = () => JSON.parse(body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] ?? "";

// A browser may refuse storage altogether; then nothing is kept, and everything else works.
const quietly = (what) => { try { return what(); } catch { return null; } };
export const kept = {
  get: (key) => quietly(() => sessionStorage.getItem(key)),
  set: (key, value) => quietly(() => sessionStorage.setItem(key, value)),
  drop: (key) => quietly(() => sessionStorage.removeItem(key)),
  keys: () => quietly(() => Object.keys(sessionStorage)) ?? [],
};

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
