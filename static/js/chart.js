// The histogram under the hand: arrows move between bars, dragging over bars asks for their range, and two handles do the
// same by keyboard. Without a script each bar is a link, and the two number fields do the rest.
import { $, $$, kept } from "./dom.js";
import { announce } from "./say.js";

const svg = $(".chart svg[data-brush]");
const SVG = "http://www.w3.org/2000/svg";
const STEP = 0.05, FINE = 0.01, PAUSE = 700; // a bar, a hundredth, and how long after the last key the list follows
const HANDLES = { low: "Lowest confidence", high: "Highest confidence" };
const bars = svg ? $$(".bar-link", svg) : [];
const range = { low: Number(svg?.dataset.low || 0), high: Number(svg?.dataset.high || 1) };
const handles = {};
let from = -1, timer = 0;

const under = (event) => bars.indexOf(document.elementFromPoint(event.clientX, event.clientY)?.closest(".bar-link"));
const ends = (to) => [Math.min(from, to), Math.max(from, to)];
const round = (value) => Math.round(Math.min(1, Math.max(0, value)) * 100) / 100;
const atBar = (value) => Math.min(bars.length - 1, Math.floor(value * bars.length + 1e-9));

function paint(low, high) {
  bars.forEach((bar, index) => $(".hit", bar).classList.toggle("chosen", index >= low && index <= high));
}

// The address of the first bar holds the rest of the query; only the range is put in.
function go(low, high) {
  const link = bars[0].href;
  const url = new URL(link.baseVal ?? link, location.href);
  url.searchParams.set("q", url.searchParams.get("q").replace(/conf:\S+/, `conf:${low.toFixed(2)}..${high.toFixed(2)}`));
  location.assign(url.pathname + url.search.replaceAll("%3A", ":").replaceAll("%2C", ","));
}

function goTo(to) {
  const [low, high] = ends(to);
  from = -1;
  go(Number(bars[low].dataset.low), Number(bars[high].dataset.high));
}

function fields() {
  const [low, high] = [$("[name=conf_lo]"), $("[name=conf_hi]")];
  if (low && high) [low.value, high.value] = [range.low.toFixed(2), range.high.toFixed(2)];
}

function place(name) {
  const value = range[name];
  handles[name].setAttribute("transform", `translate(${value * Number(svg.dataset.width)} 0)`);
  handles[name].setAttribute("aria-valuenow", value.toFixed(2));
  handles[name].setAttribute("aria-valuetext", `${HANDLES[name]} ${value.toFixed(2)}`);
}

function move(name, by) {
  const wanted = round(range[name] + by);
  range[name] = name === "low" ? Math.min(wanted, round(range.high - FINE)) : Math.max(wanted, round(range.low + FINE));
  place(name);
  fields();
  paint(atBar(range.low), atBar(range.high - FINE));
  clearTimeout(timer);
  timer = setTimeout(() => follow(name), PAUSE);
}

function follow(name) {
  clearTimeout(timer);
  kept.set("desk:handle", name); // the page that comes goes on from this handle
  announce(`Confidence ${range.low.toFixed(2)} to ${range.high.toFixed(2)}`);
  go(range.low, range.high);
}

function part(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function makeHandle(name) {
  const handle = part("g", { class: "handle", role: "slider", tabindex: 0, "aria-label": HANDLES[name], "aria-valuemin": 0, "aria-valuemax": 1 });
  handle.append(part("line", { x1: 0, x2: 0, y1: -2, y2: 64 }), part("circle", { cx: 0, cy: 64, r: 4 }));
  handle.addEventListener("keydown", (event) => handleKey(event, name));
  handles[name] = handle;
  svg.append(handle);
  place(name);
}

function handleKey(event, name) {
  const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  const edge = { Home: -1, End: 1 }[event.key];
  if (!by && !edge && event.key !== "Enter") return;
  event.preventDefault();
  event.stopPropagation();
  if (event.key === "Enter") return follow(name);
  move(name, edge ?? by * (event.shiftKey ? FINE : STEP));
}

function barKey(event) {
  const at = bars.indexOf(document.activeElement);
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (at < 0 || !by) return;
  event.preventDefault();
  event.stopPropagation();
  const next = bars[Math.max(0, Math.min(bars.length - 1, at + by))];
  for (const bar of bars) bar.tabIndex = bar === next ? 0 : -1;
  next.focus();
}

if (svg) {
  svg.addEventListener("keydown", barKey);
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("pointerdown", (event) => { from = under(event); });
  svg.addEventListener("pointermove", (event) => { if (from >= 0 && under(event) >= 0) paint(...ends(under(event))); });
  svg.addEventListener("click", (event) => { if (from >= 0 && under(event) !== from) event.preventDefault(); from = -1; });
  document.addEventListener("pointerup", (event) => {
    const to = under(event);
    if (from >= 0 && to >= 0 && to !== from) goTo(to);
  });
  for (const name of Object.keys(HANDLES)) makeHandle(name);
  const before = kept.get("desk:handle");
  kept.drop("desk:handle");
  if (handles[before]) {
    $("#filter-panel").open = true;
    requestAnimationFrame(() => handles[before].focus());
  }
}
