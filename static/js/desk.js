// The desk's own script: what a page does when it opens and when the server answers. It only makes pleasant what works
// without it: each key presses a control that is on the page, and the server decides what is allowed.
import { $, $$, body, kept, page } from "./dom.js";
import "./claims.js";
import { unhide } from "./commands.js";
import { dialog, isOpen, refused, show } from "./dialogs.js";
import "./keys.js";
import * as list from "./list.js";
import "./offline.js";
import { choosePeople } from "./people.js";
import "./selected.js";
import { answered, batchDone, free } from "./toasts.js";
import { toasts } from "./say.js";
import { batch } from "./verbs.js";

const opened = (article) => article && body.dispatchEvent(new CustomEvent("desk:opened", { detail: article }));

const SWAPPED = {
  dialog() {
    for (const line of $$("[data-result=applied]", dialog)) { const row = list.rowOf(line.dataset.ref); if (row) list.leave(row); }
    list.restorePicked();
    const result = $("#batch-result[data-whole]", dialog);
    if (result) batchDone(result); else show();
  },
  toasts: () => answered($(".toast", toasts)),
  preview() {
    $("#preview").scrollTop = 0;
    opened(list.openArticle());
  },
  batch: list.listed,
  more: list.listed,
};

function swapped({ detail: { target } }) {
  htmx.process(document.getElementById(target.id) || target); // at once: a fast key must not find a bare link
  const react = SWAPPED[target.id] ?? (target.closest?.("#batch") ? list.listed : null);
  if (react) return react();
  const alert = $("[role=alert]", target);
  if (alert && isOpen()) { free(); refused(alert); }
}

body.addEventListener("htmx:afterSwap", swapped);

// A refusal brings its sentence, also where the status is one that usually brings nothing to be shown.
body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.xhr.getResponseHeader("Desk-Refusal")) [detail.shouldSwap, detail.isError] = [true, false];
});
// A form that answers with itself has new buttons.
body.addEventListener("htmx:afterSettle", () => { if (isOpen()) unhide(dialog); });

// From an item's own page a closing verdict leads to the next one.
body.addEventListener("htmx:configRequest", ({ detail }) => {
  if (page === "detail" && detail.verb === "post") detail.parameters.next = list.neighbour(1) || "";
});

// The difference of an edit follows the typing.
let typed = 0;
document.addEventListener("input", ({ target }) => {
  const form = target.closest?.('[data-verb-form="edit"]');
  if (!form) return;
  clearTimeout(typed);
  typed = setTimeout(() => htmx.trigger($("#difference", form), "desk:edited"), 350);
});

// With a script the table of a batch comes as a dialog over the list, by pointer as by key.
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#batch-bar button[name=verdict]");
  if (!button || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  batch(button.value);
});

// The filter panel is found as it was left.
function rememberFold(panel) {
  if (!panel) return;
  panel.open = kept.get("desk:filters") === "open";
  panel.addEventListener("toggle", () => kept.set("desk:filters", panel.open ? "open" : "closed"));
}

// A menu closes when the work goes on elsewhere, and gives the focus back when it is put away.
const openMenus = () => $$("details.menu[open]");
document.addEventListener("click", ({ target }) => { for (const menu of openMenus()) if (!menu.contains(target)) menu.open = false; });
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && !isOpen() ? openMenus()[0] : null;
  if (!menu) return;
  event.preventDefault();
  menu.open = false;
  $("summary", menu).focus();
}, { capture: true });

function start() {
  unhide();
  choosePeople(document);
  rememberFold($("#filter-panel"));
  if (page === "detail") { list.wayBack(); opened(list.openArticle()); }
  if (page !== "queue") return;
  list.prepareRows();
  const asked = new URLSearchParams(location.search).get("focus");
  const row = (asked && list.rowOf(asked)) || list.rows()[0];
  if ($("#query-problem")) $("#q").focus(); else if (row) list.focusRow(row);
}

start();
