// The search field offers keys and known values while one types (a combobox with a list). It sends nothing by itself:
// Enter sends the form as ever, and without a script the field is a field.
import { $, $$, make } from "./dom.js";

const field = $("#q");
const source = $("#search-words");
const MOST = 10;
let list = null, active = -1, timer = 0;

const known = source ? JSON.parse(source.dataset.words) : {};
const keys = Object.keys(known);

// The word under the caret: where it begins, and what of it is typed.
function word() {
  const before = field.value.slice(0, field.selectionStart);
  const start = before.search(/\S*$/);
  return { start, typed: before.slice(start) };
}

function offers() {
  const { typed } = word();
  const bare = typed.replace(/^-/, "");
  const colon = bare.indexOf(":");
  if (!bare) return [];
  if (colon < 0) return keys.filter((key) => key.startsWith(bare.toLowerCase())).map((key) => ({ text: `${key}:`, note: known[key].note, whole: `${key}:` }));
  const key = bare.slice(0, colon).toLowerCase();
  const values = bare.slice(colon + 1);
  const comma = values.lastIndexOf(",") + 1;
  const begun = values.slice(comma).toLowerCase();
  return (known[key]?.values ?? []).filter((value) => value.toLowerCase().startsWith(begun) && value.toLowerCase() !== begun)
    .map((value) => ({ text: value, note: "", whole: `${key}:${values.slice(0, comma)}${/[\s,]/.test(value) ? `"${value}"` : value} ` }));
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
  open(offers());
}

function onKey(event) {
  if (event.isComposing) return;
  if (event.key === "Escape" && list) { event.preventDefault(); event.stopPropagation(); return close(); }
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) {
    if (!list) open(offers());
    if (list) { event.preventDefault(); mark(active < 0 && by < 0 ? -1 : active + by); }
    return;
  }
  if ((event.key === "Enter" || event.key === "Tab") && list && active >= 0) { event.preventDefault(); take($$("li", list)[active].offer); }
}

if (field && source) {
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "search-list" })) field.setAttribute(name, value);
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => open(offers()), 60); });
  field.addEventListener("keydown", onKey);
  field.addEventListener("blur", close);
}
