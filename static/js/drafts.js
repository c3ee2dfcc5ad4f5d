// What somebody has written survives an expired session and a slip of the hand; the words never leave this tab.
import { $$, body, kept } from "./dom.js";

const MINE = "dialog textarea, .verb-form textarea, [data-draft] textarea";
const keyOf = (field) => `draft:${field.form?.getAttribute("action")}:${field.name}`;

document.addEventListener("input", (event) => {
  if (event.target.matches?.(MINE)) kept.set(keyOf(event.target), event.target.value);
});

// Fields of an edit's own form hold the payload: a draft of them would hide what changed meanwhile.
export function restoreDrafts(root) {
  for (const field of $$("textarea:not([readonly]):not([name^=f-])", root)) {
    const words = kept.get(keyOf(field));
    if (!words || field.value) continue;
    field.value = words;
    if (field.closest("details")) field.closest("details").open = true;
  }
}

// Once something is recorded its words are no draft any more.
export function dropDrafts(ref) {
  const place = ref ? `/a/${ref}/` : "/batch/";
  for (const key of kept.keys()) if (key.startsWith("draft:") && key.includes(place)) kept.drop(key);
}

// An item's own page is left for another once its form is saved; a session that expired leads away too, and keeps the words.
body.addEventListener("htmx:beforeOnLoad", ({ detail: { xhr, requestConfig: { verb, path } } }) => {
  if (verb === "post" && xhr.status < 400 && xhr.getResponseHeader("HX-Redirect")) dropDrafts(/^\/a\/([^/]+)\//.exec(path)?.[1]);
});
