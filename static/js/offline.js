// Nothing is queued while the server is away: it is said, decisions wait for a person, and the last one can be sent again.
import { $, body, make } from "./dom.js";
import { command } from "./commands.js";
import { current } from "./list.js";
import { toast, toasts } from "./say.js";
import { free } from "./toasts.js";

let failed = null;
let away = false;

export const isAway = () => away || navigator.onLine === false;

// One banner, put up by whoever notices first: the poll, or the browser.
export function setAway(on) {
  away = on;
  const banner = $("#offline");
  if (!isAway()) return banner?.remove();
  if (banner) return;
  const words = "The server does not answer. What you see may be out of date, and nothing can be decided.";
  $("#main").prepend(make("div", { id: "offline", class: "banner offline", role: "alert" }, words));
}
window.addEventListener("offline", () => setAway(away));
window.addEventListener("online", () => setAway(away));

body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig.verb === "get" || !isAway()) return;
  event.preventDefault();
  free();
  toast("Not saved: the server does not answer. Nothing is kept to be sent later.", { bad: true });
});

function lost(event) {
  free();
  failed = event.detail;
  const status = event.detail.xhr?.status;
  const why = status ? `Not saved: the server answered ${status}.` : "Not saved: server unreachable.";
  const said = toast(why, { bad: true, action: { command: "retry", label: "Retry (Enter)" } });
  said.dataset.offline = "";
  // The row keeps the focus, and Enter there sends it again; a button elsewhere has to be reached.
  if (!current()) $("[data-command=retry]", said).focus();
}
body.addEventListener("htmx:sendError", lost);
body.addEventListener("htmx:timeout", lost);
body.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status !== 401) lost(event); // at 401 the answer leads to sign-in
});

// True if there was something to send again.
export function retry() {
  const said = $("[data-offline]", toasts);
  if (!said || !failed) return false;
  said.remove();
  const { elt, requestConfig } = failed;
  if (elt.isConnected && elt.matches("form")) elt.requestSubmit(requestConfig.triggeringEvent?.submitter ?? undefined);
  else again(elt, failed);
  return true;
}

function again(elt, { target, requestConfig: { verb, path, parameters } }) {
  if (elt.matches("tr.item")) elt.setAttribute("aria-busy", "true");
  const swap = target.id === "toasts" ? "afterbegin" : "innerHTML";
  htmx.ajax(verb.toUpperCase(), path, { source: elt.isConnected ? elt : "body", target, swap, values: { ...parameters } });
}

command("retry", retry);
