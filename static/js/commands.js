// Buttons of the page that ask a script: <button data-command="help">. Without a script they stay hidden or are links.
import { $$ } from "./dom.js";

const known = new Map();

export const command = (name, run) => known.set(name, run);

document.addEventListener("click", (event) => {
  const asked = event.target.closest?.("[data-command]");
  const run = asked && known.get(asked.dataset.command);
  if (!run || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  run(asked);
});

export function unhide(root = document) {
  for (const button of $$("button[data-command][hidden]", root)) button.hidden = !known.has(button.dataset.command);
}
