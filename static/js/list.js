// The list of the queue: one tab stop, one current row, and a focus that is never lost.
import { $, $$, body, kept, page } from "./dom.js";
import { announce } from "./say.js";
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
export const chosen = () => rows().filter((row) => boxOf(row)?.checked);
export const addressOf = (row) => $(".ask", row).getAttribute("href");
export const openArticle = (ref) => $(ref ? `#detail[data-ref="${ref}"]` : "#detail");

export function prepareRows() {
  for (const row of rows()) {
    row.tabIndex = -1;
    for (const inner of $$("a, input, label, button", row)) inner.tabIndex = -1;
    mark(row, Boolean(boxOf(row)?.checked));
  }
  const first = current() ?? rows()[0];
  if (first) setCurrent(first);
  kept.set("desk:list", JSON.stringify(rows().map(addressOf)));
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
  if (!current()) return;
  htmx.ajax("GET", addressOf(now), { source: "#preview", target: "#preview", swap: "innerHTML" });
}

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

// A row that leaves takes the focus along to the next one, never to the page's start.
export function leave(row) {
  const all = rows();
  const next = all[all.indexOf(row) + 1] || all[all.indexOf(row) - 1];
  const had = row === now;
  row.remove();
  counted();
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

export function select(row, on) {
  const box = boxOf(row);
  if (!box) return;
  box.checked = on;
  mark(row, on);
  counted();
}

export const toggle = () => current() && select(now, !boxOf(now)?.checked);
export const selectAll = (on) => rows().forEach((row) => select(row, on));

export function selectAlike() {
  if (!current()) return;
  const { type, agent, risk } = now.dataset;
  for (const row of rows()) select(row, row.dataset.type === type && row.dataset.agent === agent && row.dataset.risk === risk);
  announce(`${chosen().length} alike selected`);
}

function counted() {
  const place = $("#selected-count");
  if (place) place.textContent = `${chosen().length} selected`;
  body.dispatchEvent(new CustomEvent("desk:selected"));
}

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
  if (row && event.target.name === "item") { mark(row, event.target.checked); setCurrent(row); counted(); }
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("tr.item") && event.target !== now) { setCurrent(event.target); openPreview(); }
});
