// What the server answered to a decision: done, with the time left to take it back, or refused, with the reason.
import { $, $$, body, make } from "./dom.js";
import { command } from "./commands.js";
import { closeDialog, dialog, isOpen, openDialog } from "./dialogs.js";
import { dropDrafts } from "./drafts.js";
import { current, leave, openArticle, openInPane, reloadList, rowOf } from "./list.js";
import { announce, leaveLater, toast, toasts, tone, trim } from "./say.js";

export const free = () => { for (const row of $$('tr.item[aria-busy="true"]')) row.setAttribute("aria-busy", "false"); };

export function answered(given) {
  if (!given) return;
  const asked = $('tr.item[aria-busy="true"]');
  free();
  trim();
  if (given.dataset.refused !== undefined) return refused(given, asked);
  if (given.dataset.done !== undefined) done(given);
}

function refused(given, row) {
  tone("refused");
  // An approval with one key that lacks a reason, or a proof of who it is, is asked for it.
  if (ASKED_FOR.has(given.dataset.refused) && (row || approvalOf(given.dataset.ref))) return askWhy(row, given);
  if (given.dataset.status === "409" && current()) body.dispatchEvent(new CustomEvent("desk:changed"));
  announce(given.textContent.trim());
}

const ASKED_FOR = new Set(["reason_needed", "step_up_needed"]);
const approvalOf = (ref) => $('form[data-decide="approve"]', openArticle(ref) ?? undefined);

// With what the page sent: when it was opened, and that all of it was shown.
function askWhy(row, given) {
  given.remove();
  announce(given.textContent.trim());
  const sent = row ? new Map([["opened", row.closest("tbody").dataset.opened]]) : new FormData(approvalOf(given.dataset.ref));
  const carried = ["opened", "q", "whole"].filter((name) => sent.get(name)).map((name) => [name, sent.get(name)]);
  openDialog(`/a/${given.dataset.ref}/decide/?${new URLSearchParams([["verdict", "approve"], ...carried])}`);
}

function done(given) {
  tone("done");
  dropDrafts(given.dataset.ref);
  closeDialog();
  // Earlier decisions can still be taken back, one after the other: they wait out of sight.
  for (const old of $$(".toast", toasts)) if (old !== given) { if ($(UNDO, old)) old.hidden = true; else old.remove(); }
  follow(given.dataset);
  body.dispatchEvent(new CustomEvent("desk:changed"));
  // What has to be read, such as what a seeded check was, stays until it is dismissed.
  if (given.dataset.window) countDown(given); else if (!$(".notice", given)) leaveLater(given, 6);
}

function follow({ ref, gone, back, reload }) {
  const row = ref && rowOf(ref);
  if (gone !== undefined && row) leave(row);
  if (back !== undefined) reloadList(ref);
  if (reload !== undefined && openArticle(ref)) openInPane(`/a/${ref}/`);
}

// A batch that was applied as a whole has nothing to be read: it is said, and the work goes on.
export function batchDone(result) {
  const { whole, window: seconds } = result.dataset;
  const form = $("form[data-undo]", result);
  const said = make("div", { class: "toast", "data-done": "" }, make("span", { class: "grow" }, whole));
  if (seconds) said.dataset.window = seconds;
  form.querySelector("button").append(" ", make("span", { class: "countdown" }));
  said.append(form, make("button", { class: "button button-plain", type: "button", "data-command": "dismiss" }, "Dismiss"));
  toasts.prepend(said);
  htmx.process(said);
  answered(said);
}

// The time left is said in words; what decides is the server's clock. Heard once, not at every second.
function countDown(given) {
  const place = $(".countdown", given);
  const until = Date.now() + Number(given.dataset.window) * 1000;
  place?.setAttribute("aria-hidden", "true");
  const tick = () => {
    if (!given.isConnected) return;
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left <= 0) return released(given);
    if (place) place.textContent = `(${left} s)`;
    setTimeout(tick, 500);
  };
  tick();
}

function released(given) {
  if (given.hidden) return given.remove();
  $("form", given)?.replaceWith("Released.");
  leaveLater(given, 3);
}

const UNDO = "form[data-undo]:not([data-sent])";
document.addEventListener("submit", ({ target }) => { if (target.matches("form[data-undo]")) target.dataset.sent = ""; });

// The newest decision that can still be taken back; in a dialog, what the dialog tells of.
export function undo() {
  const form = isOpen() ? $(UNDO, dialog) : $(UNDO, toasts) || $(UNDO);
  if (form) return form.requestSubmit();
  if (isOpen()) return;
  const button = $('#detail [data-verb="undo"]');
  if (button) return button.click();
  toast("Nothing to take back: it is released, or it was not yours");
}

command("dismiss", (button) => button.closest(".toast").remove());
