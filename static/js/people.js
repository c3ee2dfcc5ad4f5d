// Whom to give an item to: a field that finds people as one types (a combobox with a list), in place of radio buttons. What
// is sent is the radio button that is checked; without a script the buttons are the form. Who cannot be chosen is listed
// with the reason.
import { $, $$, make } from "./dom.js";

export function choosePeople(root) {
  for (const place of $$("[data-people]:not([data-dressed])", root)) dress(place);
}

function read(label) {
  const name = $("[data-name]", label).textContent;
  return { label, radio: $("input", label), name, hint: $(".help", label)?.textContent ?? "" };
}

function dress(place) {
  place.dataset.dressed = "";
  const people = $$("label", place).map(read);
  for (const { label, radio } of people) { label.hidden = true; radio.removeAttribute("autofocus"); }
  const list = make("ul", { class: "offers", id: "people-list", role: "listbox", "aria-label": $("legend", place).textContent });
  const said = make("p", { class: "help", id: "people-said" });
  const input = make("input", {
    class: "input", type: "text", role: "combobox", "aria-controls": "people-list", "aria-autocomplete": "list", "aria-label": "Give it to",
    "aria-describedby": "people-said", autocomplete: "off", spellcheck: "false", autofocus: "",
  });
  place.append(make("div", { class: "combo" }, input, said, list));
  steer({ people, input, list, said });
  if (!place.closest("dialog")) input.focus(); // a dialog chooses its own first field
}

function steer(field) {
  const { input } = field;
  settle(field);
  open(field, "");
  input.addEventListener("focus", () => input.select());
  input.addEventListener("pointerdown", () => { if (field.list.hidden) open(field, ""); });
  input.addEventListener("input", () => open(field, input.value));
  input.addEventListener("blur", () => leave(field));
  input.addEventListener("keydown", (event) => onKey(field, event));
}

const chosen = ({ people }) => people.find(({ radio }) => radio.checked);
const options = ({ list }) => $$("[role=option]", list);
const active = (field) => options(field).find((line) => line.id === field.input.getAttribute("aria-activedescendant"));

// Closed: the field says who is chosen, and the line below it what there is to know of them.
function settle(field) {
  const { name = "", hint = "" } = chosen(field) ?? {};
  close(field);
  field.input.value = name;
  field.said.textContent = hint;
}

// What was typed and means one person is that person; what means several, or nobody, is not sent as somebody else.
function leave(field) {
  const { input, list } = field;
  if (list.hidden || input.value === chosen(field)?.name) return settle(field);
  const possible = options(field).filter(({ one }) => one && !one.radio.disabled);
  if (possible.length === 1) return pick(field, possible[0].one);
  close(field);
  input.setCustomValidity("Choose somebody from the list");
}

function close({ input, list }) {
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
  input.setCustomValidity("");
}

function open(field, text) {
  const wanted = text.trim().toLowerCase();
  const found = field.people.filter(({ name }) => name.toLowerCase().includes(wanted));
  field.list.replaceChildren(...found.map((one, index) => option(field, one, index)));
  if (!found.length) field.list.append(make("li", { class: "muted" }, "Nobody who sees this queue is called so"));
  field.list.hidden = false;
  field.input.setCustomValidity("");
  field.input.setAttribute("aria-expanded", "true");
  const first = options(field).find((line) => line.one === (wanted ? found[0] : chosen(field)));
  mark(field, first);
}

function option(field, one, index) {
  const line = make("li", { id: `people-${index}`, role: "option", "aria-selected": "false", "aria-disabled": one.radio.disabled ? "true" : null }, make("b", {}, one.name));
  if (one.hint) line.append(make("span", { class: "under" }, one.hint));
  line.addEventListener("pointerdown", (event) => { event.preventDefault(); pick(field, one); });
  line.one = one;
  return line;
}

function mark({ input, list }, line) {
  for (const each of $$("[role=option]", list)) each.setAttribute("aria-selected", String(each === line));
  if (!line) return input.removeAttribute("aria-activedescendant");
  input.setAttribute("aria-activedescendant", line.id);
  line.scrollIntoView({ block: "nearest" });
}

function pick(field, one) {
  if (one.radio.disabled) return;
  one.radio.checked = true;
  settle(field);
}

function onKey(field, event) {
  if (event.isComposing) return;
  const { input, list } = field;
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) {
    event.preventDefault();
    if (list.hidden) return open(field, "");
    const lines = options(field);
    if (lines.length) mark(field, lines[(lines.indexOf(active(field)) + by + lines.length) % lines.length]);
  } else if (event.key === "Enter" && !list.hidden) {
    event.preventDefault(); // the next one sends the form
    if (active(field)) pick(field, active(field).one);
  } else if (event.key === "Escape" && !list.hidden && input.value !== chosen(field)?.name) {
    event.preventDefault();
    event.stopPropagation();
    settle(field);
  }
}
