// From a key to an action. The table says what is bound; this says when a key is meant for the desk at all.
import { $, body, page } from "./dom.js";
import { ACTIONS } from "./actions.js";
import { isOpen } from "./dialogs.js";
import { bound, isCharacter, prefixes } from "./keymap.js";

const WAIT = 1_000; // a sequence is given up after this
const MODIFIERS = new Set(["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock"]);
let prefix = "";
let timer = 0;

const typing = (target) => target.closest?.("input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]");

function nameOf(event) {
  const letter = /^\p{L}$/u.test(event.key);
  const key = event.key === " " ? "Space" : letter ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return `Ctrl+${key}`;
  const shifted = event.shiftKey && (letter || key.length > 1);
  return shifted ? `Shift+${letter ? key.toUpperCase() : key}` : key;
}

// Ctrl, Alt and Meta belong to the browser, but for the two combinations of the table. AltGr only writes characters.
function foreign(event, name) {
  if (event.getModifierState?.("AltGraph")) return /^\p{L}$/u.test(event.key);
  return event.altKey || ((event.ctrlKey || event.metaKey) && !bound.some(({ keys }) => keys.includes(name)));
}

function find(name, event) {
  const scope = isOpen() ? ["dialog"] : [page, "any"];
  const match = bound.find((each) => each.keys.includes(name) && each.scope.some((one) => scope.includes(one)));
  if (!match || (event.repeat && !match.repeat)) return null;
  if (typing(event.target) && !match.input) return null;
  return elsewhere(match, name, event) ? null : match;
}

// Keys that scroll, press or move belong to the control that has the focus, unless that is a row or nothing.
function elsewhere(match, name, event) {
  const { target } = event;
  if (isOpen()) return name === "Enter" && Boolean(target.closest("button, a, summary, select"));
  if (name === "Escape" || (isCharacter(name) && !match.row)) return false;
  if (match.input) return !target.closest(".verb-form, #detail form");
  if (page === "detail" && name.startsWith("Arrow")) return target !== body && target !== $("#main");
  return !target.closest("tr.item") && target !== body && target !== $("#main");
}

function sequence(name) {
  clearTimeout(timer);
  const whole = prefix ? `${prefix} ${name}` : name;
  const starts = !prefix && !isOpen() && prefixes.has(name);
  prefix = starts ? name : "";
  if (starts) timer = setTimeout(() => { prefix = ""; }, WAIT);
  return starts ? null : whole;
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented || MODIFIERS.has(event.key)) return;
  const pressed = nameOf(event);
  if (foreign(event, pressed)) return;
  if (typing(event.target) && !pressed.startsWith("Ctrl+")) {
    // In a dialog Escape closes it, as the browser does; elsewhere it leaves the field.
    if (pressed === "Escape" && !isOpen()) event.target.blur();
    return;
  }
  if (event.repeat && isOpen() && pressed === "Enter") return event.preventDefault();
  const name = sequence(pressed);
  if (!name) return event.preventDefault();
  const match = find(name, event);
  if (!match) return;
  event.preventDefault();
  ACTIONS[match.action](name, event);
});
