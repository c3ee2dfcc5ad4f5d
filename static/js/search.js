// The search field offers keys and known values while one types (a combobox with a list). It sends nothing by itself:
// Enter sends the form as ever, and without a script the field is a field.
import { $, $$, make } from "./dom.js";

const field = $("#q");
const source = $("#search-words");
const MOST = 10, FIELD = "payload.";
const fetched = new Map();
let list = null, active = -1, timer = 0;

const known = source ? JSON.parse(source.dataset.words) : {};
const keys = Object.keys(known);

// The word under the caret: where it begins, and what of it is typed.
function word() {
  const before = field.value.slice(0, field.selectionStart);
  const start = before.search(/\S*$/);
  return { start, typed: before.slice(start) };
}

// What the word asks for: a key that is begun, a field of the payload, or the value of a key after its last comma.
function asked() {
  const bare = word().typed.replace(/^-/, "");
  const colon = bare.indexOf(":");
  if (colon < 0 && bare.startsWith(FIELD)) return { key: "payload", begun: bare.slice(FIELD.length), before: FIELD, after: ":" };
  if (colon < 0) return { key: "", begun: bare, before: "", after: "" };
  const key = bare.slice(0, colon).toLowerCase();
  const start = bare.lastIndexOf(",") + 1 || colon + 1;
  return { key, begun: bare.slice(start), before: bare.slice(0, start), after: " " };
}

function offers() {
  const { key, begun, before, after } = asked();
  const low = begun.toLowerCase();
  if (!key) return low ? keys.filter((each) => each.startsWith(low)).map(keyOffer) : [];
  const sent = after === ":" ? [] : known[key]?.values ?? [];
  const values = [...new Set([...sent, ...(fetched.get(`${key}:${low}`) ?? [])])];
  return values.filter((value) => value.toLowerCase().startsWith(low) && (value.toLowerCase() !== low || after === ":"))
    .map((value) => ({ text: value, note: "", whole: before + quoted(value) + after }));
}

const keyOffer = (key) => {
  const whole = key === "payload" ? FIELD : `${key}:`;
  return { text: whole, note: known[key].note, whole };
};
const quoted = (value) => (/[\s,]/.test(value) ? `"${value}"` : value);

// People, teams, tags and fields are too many to come with the page: the server is asked for those that begin so.
async function more() {
  const { key, begun, after } = asked();
  const name = `${key}:${begun.toLowerCase()}`;
  if (!known[key]?.more || fetched.has(name) || (key === "payload" && after !== ":")) return;
  fetched.set(name, []);
  try {
    const answer = await fetch(`${source.dataset.more}?${new URLSearchParams({ key, begun })}`, { headers: { "HX-Request": "true" } });
    fetched.set(name, (await answer.json()).values);
  } catch { return void fetched.delete(name); }
  const now = asked();
  if (document.activeElement === field && `${now.key}:${now.begun.toLowerCase()}` === name) grow();
}

// More of them: what is marked stays marked.
function grow() {
  const marked = active >= 0 ? $$("li", list)[active].offer.text : null;
  open(offers());
  const at = list && marked !== null ? $$("li", list).findIndex(({ offer }) => offer.text === marked) : -1;
  if (at >= 0) mark(at);
}

function look() {
  open(offers());
  more();
}

function close() {
  list?.remove();
  list = null;
  active = -1;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

function open(found) {
  close();
  if (!found.length) return;
  const choices = found.slice(0, MOST).map((offer, index) => option(offer, index));
  list = make("ul", { id: "search-list", class: "offers", role: "listbox", "aria-label": "Filters" }, ...choices);
  field.closest(".search-box").append(list);
  field.setAttribute("aria-expanded", "true");
}

function option(offer, index) {
  const choice = make("li", { id: `offer-${index}`, role: "option", "aria-selected": "false" }, make("b", {}, offer.text));
  if (offer.note) choice.append(make("span", { class: "muted" }, ` ${offer.note}`));
  choice.addEventListener("pointerdown", (event) => { event.preventDefault(); take(offer); });
  choice.offer = offer;
  return choice;
}

function mark(index) {
  const choices = $$("li", list);
  active = (index + choices.length) % choices.length;
  choices.forEach((choice, at) => choice.setAttribute("aria-selected", String(at === active)));
  field.setAttribute("aria-activedescendant", choices[active].id);
  choices[active].scrollIntoView({ block: "nearest" });
}

function take(offer) {
  const { start, typed } = word();
  const minus = typed.startsWith("-") ? "-" : "";
  const rest = field.value.slice(field.selectionStart).trimStart();
  const put = field.value.slice(0, start) + minus + offer.whole;
  field.value = put + rest;
  field.setSelectionRange(put.length, put.length);
  look();
}

function onKey(event) {
  if (event.isComposing) return;
  if (event.key === "Escape" && list) { event.preventDefault(); event.stopPropagation(); return close(); }
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) {
    if (!list) look();
    if (list) { event.preventDefault(); mark(active < 0 && by < 0 ? -1 : active + by); }
    return;
  }
  if ((event.key === "Enter" || event.key === "Tab") && list && active >= 0) { event.preventDefault(); take($$("li", list)[active].offer); }
}

if (field && source) {
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "search-list" })) field.setAttribute(name, value);
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 90); });
  field.addEventListener("keydown", onKey);
  field.addEventListener("blur", close);
}
