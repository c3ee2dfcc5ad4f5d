// The bar of the selection: how many, how many of them the list does not show, and what may be done about those. The bar is
// a form, so what is hidden goes along as fields of it: by the buttons, by the keys, and into the preview as any other.
import { $, body, make } from "./dom.js";
import { command } from "./commands.js";
import * as list from "./list.js";
import * as picked from "./picked.js";

const LONGEST = 1_000; // characters of a search
const ROWS = 50, MOST_ROWS = 500; // of a page, and at most
const HIDDEN = "picked-hidden";

function draw() {
  const place = $("#selected-count");
  if (!place) return;
  const all = picked.refs().length;
  const away = list.hidden();
  const where = new URLSearchParams(location.search).get("q") ? "hidden by filter" : "not on this page";
  place.textContent = `${all} selected${away.length ? ` (${away.length} ${where})` : ""}`;
  $(`#${HIDDEN}`)?.remove();
  if (away.length) place.after(part(all, away));
}

function part(all, away) {
  const one = away.length === 1;
  const fields = away.map((ref) => make("input", { type: "hidden", name: "item", value: picked.keyOf(ref) }));
  const said = make("span", { class: "muted small" }, one ? "It is included." : `Those ${away.length} are included.`);
  const drop = make("button", { class: "button button-plain", type: "button", "data-command": "drop-hidden" }, one ? "Drop it" : `Drop those ${away.length}`);
  return make("span", { id: HIDDEN, class: "row" }, ...fields, said, showing(all, away), drop);
}

// All that is selected as a list of its own; of very many as many as a search can name, the hidden ones first.
function showing(all, away) {
  const shown = picked.refs().filter((ref) => !away.includes(ref));
  const named = [];
  for (const number of [...away, ...shown].map((ref) => ref.replace("ACT-", ""))) {
    if (`id:${[...named, number]}`.length > LONGEST || named.length === MOST_ROWS) break;
    named.push(number);
  }
  const href = `/queue/?q=id:${named}${named.length > ROWS ? `&rows=${named.length}` : ""}`;
  const words = named.length < all ? `Show ${named.length} of ${all}` : all === 1 ? "Show it" : `Show all ${all}`;
  return make("a", { class: "button button-plain", href }, words);
}

command("drop-hidden", list.dropHidden);
body.addEventListener("desk:selected", draw);
