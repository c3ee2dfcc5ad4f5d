// Keeps an open queue honest: polls a version stamp while it is looked at, strikes out what others decided, says what is
// new, and never moves a row under the cursor.
import { $, $$, body, make } from "./dom.js";
import { command } from "./commands.js";
import * as list from "./list.js";
import { setAway } from "./offline.js";
import { SILENT, SURE, headers as paced, isPaused, pause, setPaused } from "./pace.js";
import { announce, tone } from "./say.js";

const SPEAK = 5_000; // between two announcements
const STRUCK = 4_000; // a struck line stays for so long
const MOST_ROWS = 500;
const place = $("#live");
let etag = "", answered = Date.now(), timer = 0, unchanged = 0;
let unsaid = new Map(), spoken = 0;
let waiting = $("#strip b")?.textContent;
const held = new Map(); // rows as they are now, of which the page shows what they were

function plan() {
  clearTimeout(timer);
  if (!isPaused()) timer = setTimeout(look, pause());
}

async function look() {
  clearTimeout(timer);
  if (document.hidden || isPaused()) return;
  try {
    await ask();
    answered = Date.now();
    setAway(false);
  } catch { setAway(Date.now() - answered > SILENT); }
  plan();
}

async function ask() {
  const url = new URL(place.dataset.url, location.href);
  url.searchParams.set("since", $(".list").dataset.since ?? "");
  const shown = list.rows().slice(0, MOST_ROWS).map(({ dataset }) => `${dataset.ref.slice(4)}.${dataset.mark}`);
  const picked = list.hidden().slice(0, MOST_ROWS).map((ref) => ref.slice(4));
  const headers = { ...paced(), "Desk-Rows": shown.join(","), "Desk-Picked": picked.join(",") };
  if (etag && unchanged < SURE) headers["If-None-Match"] = etag; else unchanged = 0;
  const answer = await fetch(url, { headers, cache: "no-store" });
  if (answer.status === 304) { unchanged += 1; return; }
  if (answer.status === 401) return void location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  etag = answer.headers.get("ETag") || "";
  show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  body.dispatchEvent(new CustomEvent("desk:news"));
}

function show(answer) {
  const strip = answer.getElementById("strip");
  if (strip && !inUse($("#strip"))) fill($("#strip"), strip);
  counted(strip?.querySelector("b")?.textContent);
  for (const badge of $$("#badges li", answer)) count(badge);
  found(answer.getElementById("found"));
  for (const line of $$("#moved li", answer)) moved(line);
  for (const row of $$("tr.item", answer.getElementById("changed")?.content)) changed(row);
  const { fresh = "0", many } = answer.getElementById("moved")?.dataset ?? {};
  pill(Number(fresh), many !== undefined);
}

// How many wait is heard when it changes, with what else there is to say.
function counted(now) {
  if (now !== undefined && waiting !== undefined && now !== waiting) say("waiting", `${now} waiting`);
  waiting = now ?? waiting;
}

function fill(place, from) {
  const open = $("details", place)?.open;
  place.replaceChildren(...document.importNode(from, true).childNodes);
  if (open) $("details", place).open = true;
}

function count({ dataset, textContent }) {
  const badge = $(`.views [data-view="${dataset.view}"] .count`);
  if (badge && badge.textContent !== textContent) [badge.textContent, badge.dataset.n] = [textContent, textContent];
}

function found(words) {
  const place = $("#matches");
  if (place && words && place.textContent !== words.textContent) place.textContent = words.textContent;
}

// A row that looks otherwise now is put in place of the old one; never the one under the cursor, nor one that is selected.
function changed(row) {
  const old = list.rowOf(row.dataset.ref);
  if (!old || old.classList.contains("struck") || old.getAttribute("aria-busy") === "true") return;
  if (wasRead(row)) return list.replace(old, document.importNode(row, true));
  if (old === list.current() || list.boxOf(old)?.checked) return mention(old, row);
  old.replaceWith(document.importNode(row, true));
  list.prepareRows();
}

// What the pane shows already is what the row should say too.
const wasRead = ({ dataset }) => list.openArticle(dataset.ref)?.dataset.version === dataset.version;

function catchUp({ dataset: { ref } }) {
  const row = held.get(ref), old = list.rowOf(ref);
  if (!row || !old || !wasRead(row)) return;
  held.delete(ref);
  list.replace(old, document.importNode(row, true));
}

// What one decides on has a version: who has claimed it meanwhile is shown, and nothing has to be read again.
function mention(old, row) {
  old.dataset.mark = row.dataset.mark; // said once
  if (old.dataset.version === row.dataset.version) return relabel(old, row);
  held.set(old.dataset.ref, row);
  if (!$(".changed", old)) $(".meta", old).prepend(make("span", { class: "badge badge-note changed" }, "changed meanwhile"));
  say(old.dataset.ref, `${old.dataset.ref} changed meanwhile`);
}

// Whose it is stands in a cell of its own; all that say something about the row are put in place of the old ones.
function relabel(old, row) {
  const said = $$(".meta", row);
  $$(".meta", old).forEach((cell, place) => cell.replaceWith(document.importNode(said[place], true)));
}

// What is being read or pressed is not taken away; the next look brings the figures.
const inUse = (part) => part.contains(document.activeElement) || Boolean($("details[open]", part));

function moved({ dataset }) {
  const row = list.rowOf(dataset.ref);
  if (!row) return over(dataset);
  if (row.classList.contains("struck") || row.getAttribute("aria-busy") === "true") return;
  if (row.dataset.state !== "pending") return;
  if (dataset.mine !== undefined) return list.leave(row);
  row.classList.add("struck");
  const words = fate(dataset);
  $(".meta", row).prepend(make("span", { class: "badge badge-note" }, words));
  say(dataset.ref, `${dataset.ref} ${words}`);
  setTimeout(() => depart(row), STRUCK);
}

// Selected, and not on this page: what is decided meanwhile is selected no longer.
function over({ ref, state, by }) {
  if (state === "pending" || !list.hidden().includes(ref)) return;
  list.unpick(ref);
  say(ref, `${ref} ${fate({ state, by })}: no longer selected`);
}

const fate = ({ state, by }) => {
  if (state === "pending") return "left this list";
  return by ? `${state.replace("_", " ")} by ${by}` : state.replace("_", " ");
};

// The row under the cursor stays until the cursor has left it.
function depart(row) {
  if (!row.isConnected) return;
  if (row !== list.current()) return list.leave(row);
  setTimeout(() => depart(row), STRUCK);
}

function pill(fresh, many) {
  let button = $("#pill");
  if (!fresh && !many) return button?.parentElement.remove();
  const words = many ? "list changed" : `${fresh} new`;
  const text = `${words}: show (.)`;
  if (!button) {
    button = make("button", { id: "pill", type: "button", class: "button button-primary pill", "data-command": "fresh" });
    $(".list").prepend(make("div", { class: "pill-place" }, button));
    tone("fresh");
  }
  if (button.textContent === text) return;
  button.textContent = text;
  say("new", words);
}

command("fresh", (button) => { button.parentElement.remove(); list.reloadList(list.current()?.dataset.ref); });

// What happened is said together, at most once in five seconds; the last word on each thing counts.
function say(about, words) {
  unsaid.set(about, words);
  const wait = Math.max(0, spoken + SPEAK - Date.now());
  if (unsaid.size === 1 || wait === 0) setTimeout(speak, wait);
}

function speak() {
  if (!unsaid.size) return;
  announce([...unsaid.values()].join(". "));
  unsaid = new Map();
  spoken = Date.now();
}

// Whoever is disturbed by what changes can stand still (WCAG 2.2.2).
function pauseSwitch() {
  const button = make("button", { type: "button", class: "button button-plain", id: "pause", "data-command": "pause" });
  const name = () => { button.setAttribute("aria-pressed", String(isPaused())); button.textContent = isPaused() ? "Paused: go on" : "Pause updates"; };
  name();
  command("pause", () => {
    setPaused(!isPaused());
    name();
    look();
  });
  $(".overview")?.append(button);
}

if (place && $(".list")) {
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  body.addEventListener("desk:opened", ({ detail }) => catchUp(detail));
  body.addEventListener("desk:changed", () => { etag = ""; look(); });
  window.addEventListener("online", look);
  pauseSwitch();
  look();
}
