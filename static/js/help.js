// `?`: what this page is for, from the server, and the keys that are valid on it, from the table that binds them.
import { $, make } from "./dom.js";
import { GROUPS } from "./bindings.js";
import { command } from "./commands.js";
import { fill } from "./dialogs.js";
import { bound } from "./keymap.js";

const SHOWN = { ArrowDown: "↓", ArrowUp: "↑", PageDown: "PgDn", PageUp: "PgUp", Escape: "Esc" };
const word = (key) => key.split("+").map((part) => SHOWN[part] ?? part).join("+").replace("Ctrl+k", "Ctrl+K");

// A run of nine digits is told by its ends.
function named(keys) {
  if (keys.length > 3) return [make("kbd", {}, word(keys[0])), " to ", make("kbd", {}, word(keys.at(-1)))];
  return keys.flatMap((key) => [make("kbd", {}, word(key)), " "]);
}

function line({ keys, label, action }) {
  return make("div", { "data-action": action }, make("dt", {}, ...named(keys)), make("dd", {}, label));
}

function group([title, actions]) {
  const lines = bound.filter(({ action }) => actions.includes(action)).map(line);
  return lines.length ? [make("section", {}, make("h3", {}, title), make("dl", { class: "help-list" }, ...lines))] : [];
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
  const close = make("button", { class: "button button-plain", type: "button", "data-command": "close" }, "Close");
  const title = make("h2", { class: "grow", id: "dialog-title", tabindex: "-1", autofocus: "" }, "Keys on this page");
  const keys = make("div", { class: "help-keys" }, ...Object.entries(GROUPS).flatMap(group));
  const about = make("div", { class: "stack-tight help-words" });
  fill(make("header", { class: "dialog-head wide" }, title, close), make("div", { class: "dialog-body" }, keys, about));
  about.append(...(await words()));
}

command("help", help);
