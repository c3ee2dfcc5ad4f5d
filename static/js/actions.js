// The actions that bindings.js names.
import { $, $$, page } from "./dom.js";
import { closeDialog, dialog, submit } from "./dialogs.js";
import { help } from "./help.js";
import * as list from "./list.js";
import { retry } from "./offline.js";
import { palette } from "./palette.js";
import { toast } from "./say.js";
import { settings, switchPreview } from "./settings.js";
import { undo } from "./toasts.js";
import * as verbs from "./verbs.js";

const goTo = (url) => () => location.assign(url);
const decide = (name) => () => verbs.verb(name);

function move(by) {
  if (page === "queue") return list.step(by);
  const url = list.neighbour(by);
  if (url) location.assign(url); else toast(by > 0 ? "That was the last" : "That was the first");
}

// After a failure Enter sends the same thing again; otherwise it opens.
function open() {
  if (retry()) return;
  const row = list.current();
  if (row) location.assign(list.addressOf(row));
}

function back() {
  if (page === "detail") return location.assign($('nav[aria-label="Queue"] a')?.href || "/queue/");
  list.selectNone();
}

function showPreview() {
  switchPreview();
  list.openPreview();
}

function fresh() {
  const controls = [$("#pill"), $("#changed")].filter(Boolean);
  for (const control of controls) control.click();
  if (!controls.length) location.reload();
}

function filter() {
  const panel = $("#filter-panel");
  panel.open = true;
  $("summary", panel).focus();
}

// Saved views have places on the queue page; from elsewhere the page of links knows them.
async function gotoView(key) {
  const number = key.slice(-1);
  const find = (root) => $(`a[data-view-key="${number}"]`, root)?.getAttribute("href");
  const url = find(document) || find(await elsewhere());
  if (url) location.assign(url); else toast(`No saved view has the number ${number}`);
}

async function elsewhere() {
  const answer = await fetch("/go/", { headers: { "HX-Request": "true" } });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function preset(key) {
  const radio = $$("input[name=reason_code]", dialog)[Number(key) - 1];
  if (!radio) return;
  radio.checked = true;
  radio.focus();
  if (settings.digits_submit) submit(radio.form);
}

// A dialog without a form only tells something: Enter puts it away.
function send(_, event) {
  const form = event.target.closest("form") ?? $("form.verb-form", dialog);
  if (form) submit(form); else closeDialog();
}

export const ACTIONS = {
  next: () => move(1),
  previous: () => move(-1),
  following: () => move(1),
  preceding: () => move(-1),
  first: list.first,
  last: list.last,
  pagedown: () => list.pageBy(1),
  pageup: () => list.pageBy(-1),
  open,
  back,
  select: list.toggle,
  extenddown: () => list.step(1, true),
  extendup: () => list.step(-1, true),
  selectpage: list.selectPage,
  selectsimilar: list.selectAlike,
  selectnone: list.selectNone,
  approve: decide("approve"),
  reject: decide("reject"),
  edit: decide("edit"),
  ask: decide("ask"),
  escalate: decide("escalate"),
  defer: decide("defer"),
  claim: decide("claim"),
  assign: decide("assign"),
  batchapprove: () => verbs.batch("approve"),
  batchreject: () => verbs.batch("reject"),
  undo,
  payload: verbs.cyclePayload,
  precedents: () => verbs.visit("#precedents"),
  cite: verbs.cite,
  thread: () => verbs.visit("#thread"),
  history: () => verbs.visit("#history"),
  preview: showPreview,
  search: () => $("#q")?.select(),
  filter,
  fresh,
  gotoqueue: goTo("/queue/"),
  gotomine: goTo("/queue/?q=assignee:@me"),
  gotoescalated: goTo("/queue/?q=is:escalated"),
  gotodecided: goTo("/queue/?q=is:decided+by:@me"),
  gotostats: goTo("/insights/"),
  gotoview: gotoView,
  palette,
  help,
  preset,
  submit: send,
  close: closeDialog,
};
