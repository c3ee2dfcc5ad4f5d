// Ctrl+K: what can be done here, saved views, pages, and an item by its number, found by typing. The links are those of
// /go/, which is a page of its own for whoever has no script.
import { $, $$, make } from "./dom.js";
import { ACTIONS } from "./actions.js";
import { command } from "./commands.js";
import { closeDialog, closeThen, dialog, fill } from "./dialogs.js";
import { bound } from "./keymap.js";
import { isPossible } from "./verbs.js";

const MOST = 12;
const VERBS = new Set(["approve", "reject", "edit", "ask", "escalate", "defer", "claim", "assign"]);
const NOT_OFFERED = /^(next|previous|following|preceding|first|last|page|extend|goto|palette|preset|submit|close|open|back|select$)/;
let entries = [];

const isOffered = ({ action, scope }) => !NOT_OFFERED.test(action) && !scope.includes("dialog") && (!VERBS.has(action) || isPossible(action));

const decidesFirst = (one, other) => VERBS.has(other.action) - VERBS.has(one.action);
const actions = () => bound.filter(isOffered).sort(decidesFirst).map(({ action, label, keys }) => ({
  label, key: keys[0], kind: "", run: () => closeThen(() => ACTIONS[action](keys[0], new Event("palette"))),
}));

const follow = (url) => () => { closeDialog(); location.assign(url); };

async function links() {
  try {
    const answer = await fetch("/go/", { headers: { "HX-Request": "true" } });
    const read = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
    return $$("a[data-go]", read).map((link) => ({
      label: link.textContent.trim(),
      key: link.dataset.viewKey ? `g ${link.dataset.viewKey}` : "",
      kind: link.dataset.go,
      words: link.dataset.words,
      run: follow(link.getAttribute("href")),
    }));
  } catch { return []; }
}

// A number is an item's, with or without its letters.
function item(text) {
  const number = /^(?:act-?)?(\d{1,12})$/i.exec(text)?.[1];
  return number ? [{ label: `Open ACT-${number}`, key: "", kind: "item", run: follow(`/a/ACT-${number}/`) }] : [];
}

const fits = (text) => ({ label, kind, words = "" }) => text.toLowerCase().split(/\s+/).every((word) => `${label} ${kind} ${words}`.toLowerCase().includes(word));

function draw(input, place) {
  const text = input.value.trim();
  const found = [...item(text), ...entries.filter(fits(text))].slice(0, MOST);
  const shown = found.map((entry, index) => option(entry, index));
  place.replaceChildren(...shown);
  $("#palette-count", dialog).textContent = found.length ? "" : "Nothing fits. An item is found by its number: ACT-1004.";
  mark(input, shown[0]);
}

function option(entry, index) {
  const line = make("li", { role: "option", id: `palette-${index}`, "aria-selected": "false" }, make("span", { class: "grow" }, entry.label));
  if (entry.kind) line.append(make("span", { class: "muted small" }, entry.kind));
  if (entry.key) line.append(make("kbd", {}, entry.key));
  line.addEventListener("click", entry.run);
  return line;
}

function mark(input, line) {
  for (const old of $$('[aria-selected="true"]', dialog)) old.setAttribute("aria-selected", "false");
  if (!line) return input.removeAttribute("aria-activedescendant");
  line.setAttribute("aria-selected", "true");
  line.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", line.id);
}

function steer(event, input) {
  const lines = $$("[role=option]", dialog);
  const at = lines.findIndex((line) => line.getAttribute("aria-selected") === "true");
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (to !== undefined) { event.preventDefault(); mark(input, lines[(to + lines.length) % lines.length]); }
  if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); lines[at]?.click(); }
}

export async function palette() {
  const place = make("ul", { class: "palette-list", role: "listbox", id: "palette-list", "aria-label": "Found" });
  const input = make("input", {
    class: "input", id: "palette-input", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list",
    "aria-labelledby": "dialog-title", autocomplete: "off", spellcheck: "false", autofocus: "", placeholder: "an action, a view, a page, ACT-1004",
  });
  const title = make("h2", { class: "visually-hidden", id: "dialog-title" }, "Go to, or do");
  const count = make("p", { class: "muted small", id: "palette-count", role: "status" });
  fill(make("div", { class: "palette" }, title, input, place, count));
  input.addEventListener("input", () => draw(input, place));
  input.addEventListener("keydown", (event) => steer(event, input));
  entries = actions();
  draw(input, place);
  entries = [...entries, ...(await links())];
  if (input.isConnected) draw(input, place);
}

command("palette", palette);
