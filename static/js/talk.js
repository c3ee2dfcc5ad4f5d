// What only the item's page needs: reading marks of those who follow it, and the copy button of the raw bytes.
import { $, body } from "./dom.js";
import { command } from "./commands.js";
import { announce } from "./say.js";

const AFTER = 1000; // a second of looking

let timer = 0;

function markRead(article) {
  const thread = $("#thread[data-read]", article);
  clearTimeout(timer);
  if (!thread) return;
  timer = setTimeout(() => {
    if (document.hidden || !thread.isConnected) return;
    const { message, evidence, read } = thread.dataset;
    const token = JSON.parse(body.getAttribute("hx-headers"))["X-CSRFToken"];
    const headers = { "X-CSRFToken": token, "HX-Request": "true", "X-Quiet": "1" };
    fetch(read, { method: "POST", headers, body: new URLSearchParams({ message, evidence }) }).catch(() => {});
  }, AFTER);
}

function showCopy(article) {
  for (const button of article.querySelectorAll('[data-command="copy"]')) button.hidden = !navigator.clipboard;
}

command("copy", async (button) => {
  const from = $(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(from.textContent);
    announce("Copied");
  } catch {
    announce("The browser did not allow copying: select the text instead");
  }
});

// A question's form stands on the page: its key goes there.
command("answer", (link) => {
  const form = $("#answer-question", link.closest("#detail"));
  form?.scrollIntoView({ block: "nearest" });
  $(".schema-form :is(input:not([type=hidden]), select, textarea)", form)?.focus();
});

// Cited with no form open: the precedent's own control opens one, with the words in it.
body.addEventListener("desk:cite", ({ detail }) => $(`[data-cited="${CSS.escape(detail)}"]`)?.click());

function opened(article) {
  if (!article) return;
  showCopy(article);
  markRead(article);
}

body.addEventListener("desk:opened", (event) => opened(event.detail));
opened($("#detail"));
