// The list of the queue: one tab stop, one current row, and a focus that is never lost.
import { $, $$, body, kept, page } from "./dom.js";
import * as picked from "./picked.js";
import { announce, toast } from "./say.js";
import { previewShown } from "./settings.js";

let now = null; // the row that keys act on
let timer = 0;
let returning = null; // the row to go to once the list has been read again
const PAGE = 10;
const untouched = $("#preview")?.innerHTML; // what the pane says while nothing is open in it

export const rows = () => $$("tr.item");
export const rowOf = (ref) => document.getElementById(`row-${ref}`);
export const current = () => (now && now.isConnected ? now : null);
export const boxOf = (row) => $("input[name=item]", row);
const chosen = () => rows().filter((row) => boxOf(row)?.checked);
export const addressOf = (row) => $(".ask", row).getAttribute("href");
export const openArticle = (ref) => $(ref ? `#detail[data-ref="${ref}"]` : "#detail");

export function prepareRows() {
  for (const row of rows()) {
    row.tabIndex = -1;
    for (const inner of $$("a, input, label, button", row)) inner.tabIndex = -1;
  }
  restorePicked();
  const first = current() ?? rows()[0];
  if (first) setCurrent(first);
  kept.set("desk:list", JSON.stringify(rows().map(addressOf)));
  kept.set("desk:at", location.pathname + location.search);
}

function setCurrent(row) {
  if (now) { now.classList.remove("current"); now.tabIndex = -1; }
  now = row;
  row.classList.add("current");
  row.tabIndex = 0;
}

export function focusRow(row) {
  if (!row) return;
  setCurrent(row);
  row.focus();
  openPreview();
}

// Moving fast through the list asks for the last row only.
export function openPreview() {
  clearTimeout(timer);
  if (!previewShown() || !current() || openArticle(now.dataset.ref)) return;
  timer = setTimeout(readPreview, 90);
}

function readPreview() {
  if (current()) openInPane(addressOf(now));
}

export const openInPane = (url) => htmx.ajax("GET", url, { source: "#preview", target: "#preview", swap: "innerHTML" });

export function step(by, extend = false) {
  const all = rows();
  const from = current();
  const next = all[Math.max(0, Math.min(all.length - 1, all.indexOf(from) + by))];
  if (extend && from) select(from, true);
  focusRow(next);
  if (extend && next) select(next, true);
}

export const first = () => focusRow(rows()[0]);
export const last = () => focusRow(rows().at(-1));
export const pageBy = (direction) => step(direction * PAGE);

// The same row as it is now, where the reader has seen that: it keeps the focus, and stays selected.
export function replace(old, row) {
  const focused = document.activeElement === old, wasNow = old === now;
  if (picked.keyOf(row.dataset.ref) && boxOf(row)) picked.put([boxOf(row).value], true);
  old.replaceWith(row);
  if (wasNow) now = row;
  prepareRows();
  if (focused) row.focus();
}

// A row that leaves takes the focus along to the next one, never to the page's start.
export function leave(row) {
  const all = rows();
  const next = all[all.indexOf(row) + 1] || all[all.indexOf(row) - 1];
  const had = row === now;
  row.remove();
  unpick(row.dataset.ref);
  if (!had) return;
  now = null;
  if (next) focusRow(next); else emptied();
}

// The last row has left: nothing stays open beside the list, and the server says what is there now.
function emptied() {
  const pane = $("#preview");
  if (pane) pane.innerHTML = untouched;
  $("#main").focus();
  reloadList("");
}

const mark = (row, on) => row.setAttribute("aria-selected", on ? "true" : "false");

export const select = (row, on) => selectRows([row], on);

function selectRows(some, on) {
  const pickable = some.filter(boxOf);
  for (const row of pickable) { boxOf(row).checked = on; mark(row, on); }
  picked.put(pickable.map((row) => boxOf(row).value), on);
  counted();
}

export const toggle = () => current() && select(now, !boxOf(now)?.checked);
export const selectPage = () => selectRows(rows(), true);

export function selectNone() {
  picked.clear();
  restorePicked();
}

export function selectAlike() {
  if (!current()) return;
  const { type, agent, risk } = now.dataset;
  const alike = ({ dataset }) => dataset.type === type && dataset.agent === agent && dataset.risk === risk;
  selectRows(rows().filter((row) => !alike(row)), false);
  selectRows(rows().filter(alike), true);
  announce(`${chosen().length} alike selected`);
}

export function unpick(...refs) {
  picked.drop(...refs);
  counted();
}

// The rows of this page show what is selected. What looks otherwise than when it was selected has to be looked at again.
export function restorePicked() {
  let stale = 0;
  for (const row of rows()) {
    const box = boxOf(row);
    const key = picked.keyOf(row.dataset.ref);
    const same = Boolean(box) && key === box.value;
    if (key && !same) { picked.drop(row.dataset.ref); stale += 1; }
    if (box) box.checked = same;
    mark(row, same);
  }
  if (stale) toast(`${stale} of the selected changed meanwhile: no longer selected`);
  counted();
}

// In the order of the list, and then what it does not show.
export function selection() {
  const shown = chosen().map((row) => boxOf(row).value);
  return [...shown, ...hidden().map(picked.keyOf)];
}

export const hidden = () => picked.refs().filter((ref) => !rowOf(ref));

export function dropHidden() {
  unpick(...hidden());
  (current() ?? $("#main")).focus();
}

const counted = () => body.dispatchEvent(new CustomEvent("desk:selected"));

export function reloadList(ref) {
  if (page !== "queue") return location.reload();
  returning = ref || "";
  // A source of its own: requests of one element wait for each other, and the last one wins.
  htmx.ajax("GET", location.pathname + location.search, { source: "#strip", target: "#batch", select: "#batch", swap: "outerHTML" });
}

export function listed() {
  now = current();
  prepareRows();
  if (returning === null) return;
  focusRow(rowOf(returning) || rows()[0]);
  returning = null;
}

// The items before and after the open one, as they stood in the list that was left.
export function neighbour(by) {
  const list = JSON.parse(kept.get("desk:list") || "[]");
  const place = list.findIndex((url) => url.split("?")[0] === location.pathname);
  return place < 0 ? null : list[place + by] || null;
}

// Back to the list that was left, in its order and at this item, and not only to its search.
export function wayBack() {
  const link = $('nav[aria-label="Queue"] a');
  const at = kept.get("desk:at");
  const { ref } = openArticle()?.dataset ?? {};
  if (!link || !at || !ref || neighbour(0) === null) return;
  const url = new URL(at, location.href);
  url.searchParams.set("focus", ref);
  link.href = url.pathname + url.search;
}

document.addEventListener("click", (event) => {
  const row = event.target.closest?.("tr.item");
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.target.closest(".ask") && previewShown()) { event.preventDefault(); focusRow(row); }
  else if (!event.target.closest("a, input, label, button")) focusRow(row);
});
document.addEventListener("dblclick", (event) => {
  const row = event.target.closest?.("tr.item");
  if (row) location.assign(addressOf(row));
});
document.addEventListener("change", (event) => {
  const row = event.target.closest?.("tr.item");
  if (row && event.target.name === "item") { select(row, event.target.checked); setCurrent(row); }
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("tr.item") && event.target !== now) { setCurrent(event.target); openPreview(); }
});
body.addEventListener("desk:picked", restorePicked);
