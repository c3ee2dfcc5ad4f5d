// The item that is open: once somebody else has changed it, a control says who, and reads it again when it is pressed. It
// lies over the page above the verdicts, or over a dialog's head: nothing moves, and what is being typed stays.
import { $, body, make, page } from "./dom.js";
import { command } from "./commands.js";
import { closeThen, dialog, isOpen } from "./dialogs.js";
import { restoreDrafts } from "./drafts.js";
import { current, openArticle, openInPane } from "./list.js";
import { setAway } from "./offline.js";
import { SILENT, SURE, headers as paced, isPaused, pause } from "./pace.js";
import { announce } from "./say.js";

let etag = "", timer = 0, unchanged = 0, answered = Date.now(), pointer = { x: -1, y: -1 };

document.addEventListener("pointermove", ({ clientX, clientY }) => { pointer = { x: clientX, y: clientY }; }, { passive: true });

async function look() {
  clearTimeout(timer);
  const open = openArticle();
  if (open?.dataset.mark && !document.hidden && !isPaused()) await ask(open).then(answers, silent);
  if (page === "detail") timer = setTimeout(look, pause());
}

// Beside a list the list's own looks say whether the server is away; here nobody else does.
function answers() {
  answered = Date.now();
  if (page === "detail") setAway(false);
}

function silent() {
  if (page === "detail") setAway(Date.now() - answered > SILENT);
}

async function ask(open) {
  const { ref, mark, since } = open.dataset;
  const headers = paced();
  if (etag && unchanged < SURE) headers["If-None-Match"] = etag; else unchanged = 0;
  const answer = await fetch(`/a/${ref}/news/?${new URLSearchParams({ mark: open.dataset.told ?? mark, since })}`, { headers, cache: "no-store" });
  if (answer.status === 304) { unchanged += 1; return; }
  if (answer.status >= 400) return refused(open, answer.status);
  if (open !== openArticle()) return;
  etag = answer.headers.get("ETag") || "";
  if (answer.status !== 200) return;
  const told = $("[data-mark]", new DOMParser().parseFromString(await answer.text(), "text/html"));
  open.dataset.told = told.dataset.mark;
  tell(open, told.textContent);
}

// Signed out, or out of reach by now: there is nothing more to hear of it. What is typed stays, and what is sent next leads on.
function refused(open, status) {
  if (status >= 500) throw new Error(String(status));
  delete open.dataset.mark;
  if (status === 404) tell(open, "no longer within your reach");
}

// A dialog lies over the page, and its head over nothing that is pressed but its own button.
function tell(open, words) {
  $("#changed")?.remove();
  const place = isOpen() ? $(".dialog-head", dialog) : $(".decision-bar", open);
  if (!place) return;
  const button = make("button", { id: "changed", type: "button", class: "button button-primary changed-note", "data-command": "reread" }, `${words}: reload${isOpen() ? "" : " (.)"}`);
  place.append(button);
  button.classList.toggle("aside", under(button.getBoundingClientRect()));
  announce(`${open.dataset.ref} ${words}`);
}

// Never under the pointer: what was about to be pressed there is still meant.
const under = ({ left, right, top, bottom }) => pointer.x >= left && pointer.x <= right && pointer.y >= top && pointer.y <= bottom;

function reread() {
  if (page === "detail") return location.reload();
  const { ref } = openArticle().dataset;
  $("#changed")?.remove();
  current()?.focus();
  openInPane(`/a/${ref}/`);
}

// The control is the page's again once the dialog over it is closed.
dialog?.addEventListener("close", () => {
  const open = openArticle();
  if (open?.dataset.told) { delete open.dataset.told; etag = ""; look(); }
});

command("reread", () => { if (isOpen()) closeThen(reread); else reread(); });
document.addEventListener("visibilitychange", () => {
  answered = Date.now(); // nobody asked while it was hidden
  if (!document.hidden) look();
});
body.addEventListener("desk:news", look);
body.addEventListener("desk:opened", ({ detail }) => { etag = ""; restoreDrafts(detail); });
if (page === "detail") {
  restoreDrafts(openArticle());
  timer = setTimeout(look, pause());
}
