// A claim tells others that somebody reads this; made only after a second of looking, renewed while it is looked at.
import { $, body, csrf } from "./dom.js";
import { openArticle } from "./list.js";

const LOOK = 1_000;
const RENEW = 60_000;
let timer = 0;
let held = null;

function claimLater(article) {
  clearTimeout(timer);
  if (held && held !== article.dataset.ref) release();
  if (!$('[data-verb="claim"]', article) || article.dataset.state !== "pending") return;
  const { ref } = article.dataset;
  // What this reader has claimed by hand stays theirs when the page is left.
  const byHand = article.dataset.mine !== undefined;
  timer = setTimeout(() => claim(ref, byHand), LOOK);
}

function claim(ref, byHand) {
  if (!openArticle(ref)) return;
  if (!document.hidden) {
    send(ref, { quiet: "1" });
    if (!byHand) held = ref;
  }
  timer = setTimeout(() => claim(ref, byHand), RENEW);
}

function release() {
  send(held, { quiet: "1", release: "1" });
  held = null;
}

const send = (ref, fields) => fetch(`/a/${ref}/claim/`, {
  method: "POST",
  keepalive: true,
  headers: { "X-CSRFToken": csrf(), "HX-Request": "true" },
  body: new URLSearchParams(fields),
}).catch(() => {});

body.addEventListener("desk:opened", (event) => claimLater(event.detail));
// Claimed with the button: it stays claimed when the reader goes on.
body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.pathInfo?.requestPath?.endsWith("/claim/")) held = null;
});
window.addEventListener("pagehide", () => { if (held) release(); });
