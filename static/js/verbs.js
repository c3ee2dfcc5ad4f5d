// What a key does to an item: it presses the control that the page shows, and the server decides.
import { $, $$, body, page } from "./dom.js";
import { isAway } from "./offline.js";
import { addressOf, boxOf, current, openArticle, openPreview, selection } from "./list.js";
import { toast } from "./say.js";
import { previewShown } from "./settings.js";

let waiting = null; // a verb pressed before the item was there to be pressed on

export const article = () => (page === "detail" ? openArticle() : current() && openArticle(current().dataset.ref));

export function verb(name) {
  const row = page === "queue" ? current() : null;
  if (row && name === "approve" && isQuick(row)) return approveRow(row);
  const open = article();
  if (open) return press(controlOf(open, name), name);
  if (!row) return;
  if (previewShown()) return readThen(name, row);
  location.assign(addressOf(row));
}

// The pane is still empty, or shows a precedent: the item comes first, then the verb.
function readThen(name, row) {
  waiting = { name, ref: row.dataset.ref };
  openPreview();
}

// A question has no approval: it is answered.
function controlOf(open, name) {
  const wanted = name === "approve" && open.dataset.question !== undefined ? "edit" : name;
  return $(`[data-verb="${wanted}"]`, open);
}

// A row of low risk can be approved from the list.
const isQuick = (row) => row.dataset.risk === "low" && row.dataset.question === undefined && boxOf(row);

// Whether the palette should offer a verb at all.
export function isPossible(name) {
  const open = article();
  if (!open) return Boolean(current());
  const control = controlOf(open, name);
  return Boolean(control) && !control.disabled;
}

function press(control, name) {
  if (!control) return void toast("That is not possible here");
  if (control.disabled || control.getAttribute("aria-disabled") === "true") return void toast(`${name} is off: ${control.title}`);
  control.click();
}

function approveRow(row) {
  if (row.getAttribute("aria-busy") === "true") return;
  if (isAway()) return void toast("Not saved: the server does not answer.", { bad: true });
  row.setAttribute("aria-busy", "true");
  const { version, digest, evidence, message, ref } = row.dataset;
  const { opened } = row.closest("tbody").dataset;
  const values = { verdict: "approve", version, digest, evidence, message, opened };
  htmx.ajax("POST", `/a/${ref}/decide/`, { source: row, target: "#toasts", swap: "afterbegin", values });
}

export function batch(verdict) {
  const item = selection();
  if (!$("#batch-bar")) return void toast("The search is not understood: nothing is decided together until it is right");
  if (!item.length) return void toast("Select rows first: x");
  const values = { verdict, item, q: $("#batch input[name=q]").value };
  htmx.ajax("POST", "/batch/preview/", { target: "#dialog", swap: "innerHTML", values });
}

// The next of the payload's views; where there is one only, the raw bytes are folded in and out.
export function cyclePayload() {
  const open = article();
  if (!open) return;
  const views = $$("[data-payload-view]", open);
  const at = views.findIndex((view) => view.matches(':checked, [aria-selected="true"], [aria-pressed="true"], [aria-current="true"]'));
  if (views.length) return views[(at + 1) % views.length].click();
  const raw = $("#raw", open);
  if (raw) raw.open = !raw.open;
}

// A part of the item, scrolled to and read next; folded ones open.
export function visit(selector) {
  const part = article() && $(selector, article());
  if (!part) return void toast("This item has none");
  const fold = part.closest("details");
  if (fold) fold.open = true;
  part.scrollIntoView({ block: "start" });
  const target = $("[data-precedent]", part) || part;
  if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
  target.focus({ preventScroll: true });
}

export function cite() {
  const from = document.activeElement?.closest("[data-precedent]") || (article() && $("[data-precedent]", article()));
  if (!from?.dataset.cite) return void toast("Nothing to cite here");
  const field = $("textarea[name=rationale]", article()) || $("#dialog textarea[name=rationale]");
  const words = from.dataset.cite;
  if (!field) return $(`[data-cited="${words}"]`, article())?.click(); // asks for a verdict with these words
  field.value = field.value ? `${field.value} ${words}` : words;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

body.addEventListener("desk:opened", ({ detail }) => {
  const asked = waiting;
  waiting = null;
  if (asked && asked.ref === detail.dataset.ref && asked.ref === current()?.dataset.ref) verb(asked.name);
});
