// One <dialog>, filled by a fragment of the server or by a script. When it closes, the focus goes back to where the work is.
import { $ } from "./dom.js";
import { command, unhide } from "./commands.js";
import { restoreDrafts } from "./drafts.js";
import { current } from "./list.js";
import { choosePeople } from "./people.js";

export const dialog = $("#dialog");
let opener = null;

export const isOpen = () => Boolean(dialog?.open);

export const openDialog = (url) => htmx.ajax("GET", url, { target: "#dialog", swap: "innerHTML" });

export function show() {
  if (!dialog.open) { opener = document.activeElement; dialog.showModal(); }
  dialog.classList.toggle("dialog-wide", Boolean($(".wide, .preview-table, .schema-form", dialog)));
  unhide(dialog);
  choosePeople(dialog);
  focusFirst();
  restoreDrafts(dialog);
}

function focusFirst() {
  const wanted = ["[aria-invalid=true]", "[autofocus]", "textarea, input:not([type=hidden])", "h2"];
  wanted.map((selector) => $(selector, dialog)).find(Boolean)?.focus();
}

// What a form of a verb answered when it was refused: what the answer asks for, the field that is wrong, else the words.
// Where only time is missing, nothing has to be typed: the focus stays, and the same key sends it again.
export function refused(alert) {
  if (alert.dataset.wait !== undefined && dialog.contains(document.activeElement)) return;
  alert.focus();
  ($("[autofocus]", alert) || $("[aria-invalid=true]", dialog) || $("textarea", dialog))?.focus();
}

export function fill(...children) {
  dialog.replaceChildren(...children);
  show();
}

export function closeDialog() { if (isOpen()) dialog.close(); }

// Closed, focus back where it was, and only then the rest.
export function closeThen(run) {
  dialog.addEventListener("close", run, { once: true });
  dialog.close();
}

// The click tells htmx which button it was.
export function submit(form) {
  ($("[data-default]", form) || $("button[type=submit]", form))?.click();
}

dialog?.addEventListener("close", () => {
  if (dialog.open) return; // opened again before the browser said that it was closed
  dialog.replaceChildren();
  const row = current();
  if (row) row.focus();
  else (opener?.isConnected ? opener : $("#main")).focus();
});

command("close", (button) => {
  if (isOpen()) closeDialog(); else if (button.href) location.assign(button.href);
});
