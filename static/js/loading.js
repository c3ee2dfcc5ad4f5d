// While the list is read, those who hear the page know it; the eye is shown rows to come only when it takes a moment.
import { $, body } from "./dom.js";

const MOMENT = 200; // ms without a sign: most answers are there by then
let timer = 0;

const ofList = (target) => target && (target.id === "batch" || target.id === "more");

body.addEventListener("htmx:beforeRequest", (event) => {
  if (!ofList(event.detail.target)) return;
  $("table.queue")?.setAttribute("aria-busy", "true");
  clearTimeout(timer);
  timer = setTimeout(() => $("#skeleton")?.removeAttribute("hidden"), MOMENT);
});

body.addEventListener("htmx:afterRequest", (event) => {
  if (!ofList(event.detail.target)) return;
  clearTimeout(timer);
  $("#skeleton")?.setAttribute("hidden", "");
  $("table.queue")?.removeAttribute("aria-busy");
});
