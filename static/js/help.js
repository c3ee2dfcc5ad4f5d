// `?`: what this page is for, from the server, and the keys that are valid on it, from the table that binds them.
import { $, make } from "./dom.js";
import { command } from "./commands.js";
import { fill } from "./dialogs.js";
import { bound } from "./keymap.js";

const SHOWN = { ArrowDown: "↓", ArrowUp: "↑", PageDown: "PgDn", PageUp: "PgUp", Escape: "Esc", "Ctrl+k": "Ctrl+K" };
const word = (key) => key.split("+").map((part) => SHOWN[part] ?? part).join("+");

// A run of nine digits is told as its ends.
function named(keys) {
  if (keys.length < 4) return keys.map((key) => make("kbd", {}, SHOWN[key] ?? word(key)));
  return [make("kbd", {}, word(keys[0])), " to ", make("kbd", {}, word(keys.at(-1)))];
}

function listed() {
  const lines = bound.map(({ keys, label, action }) => {
    const term = make("dt", {}, ...named(keys).flatMap((key) => [key, " "]));
    return make("div", { "data-action": action }, term, make("dd", {}, label));
  });
  return make("dl", { class: "help-list" }, ...lines);
}

// The words come from a page that also stands by itself; without a server the keys are still listed.
async function words() {
  const link = $('a[data-command="help"]');
  if (!link) return [];
  try {
    const answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
    const read = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
    return [...read.body.childNodes].map((node) => document.importNode(node, true));
  } catch { return []; }
}

export async function help() {
  const about = make("div", { class: "stack help-words" });
  const close = make("button", { class: "button button-plain", type: "button", "data-command": "close" }, "Close");
  const title = make("h2", { class: "grow", id: "dialog-title", tabindex: "-1", autofocus: "" }, "Keys on this page");
  const keys = bound.length ? [listed()] : [];
  fill(make("header", { class: "dialog-head wide" }, title, close), make("div", { class: "dialog-body" }, about, ...keys));
  about.append(...(await words()));
}

command("help", help);
