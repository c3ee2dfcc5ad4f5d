// What is selected, whether the list shows it or not: it survives another filter, another order and a reload of this tab,
// and is gone once it was acted on or the person has signed out. Only references, versions and digests are kept.
import { $, $$, body, kept } from "./dom.js";
import { settings } from "./settings.js";

const ALL = "desk:picked:";
const PLACE = `${ALL}${settings.person ?? ""}`;
const refOf = (key) => key.split(":")[0];
const picked = new Map(); // reference -> reference, version and digest as they were when it was selected

function read() {
  picked.clear();
  try {
    for (const key of JSON.parse(kept.get(PLACE) || "[]")) picked.set(refOf(key), key);
  } catch { kept.drop(PLACE); }
}

function write() {
  if (picked.size) kept.set(PLACE, JSON.stringify([...picked.values()])); else kept.drop(PLACE);
}

export const keyOf = (ref) => picked.get(ref);
export const refs = () => [...picked.keys()];

export function put(keys, on) {
  for (const key of keys) if (on) picked.set(refOf(key), key); else picked.delete(refOf(key));
  write();
}

export function drop(...gone) {
  for (const ref of gone) picked.delete(ref);
  write();
}

export const clear = () => drop(...refs());

// Of a selection that was acted on, what was left as it is stays selected.
function actedOn() {
  const left = $$("#bulk-result[data-acted] [data-result]").map(({ dataset }) => dataset.ref);
  drop(...refs().filter((ref) => !left.includes(ref)));
}

body.addEventListener("htmx:afterSwap", () => {
  if ($("#bulk-result[data-acted]")) actedOn();
  drop(...$$("#batch-result [data-result=applied]").map(({ dataset }) => dataset.ref));
});
body.addEventListener("htmx:beforeOnLoad", ({ detail: { xhr } }) => { if (xhr.getResponseHeader("Desk-Acted")) clear(); });
document.addEventListener("submit", ({ target }) => { if (target.getAttribute("action")?.endsWith("/sign-out/")) clear(); });
window.addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  read(); // the page comes back as it was left, and something may have been done since
  body.dispatchEvent(new CustomEvent("desk:picked"));
});

for (const key of kept.keys()) if (key.startsWith(ALL) && key !== PLACE) kept.drop(key);
read();
