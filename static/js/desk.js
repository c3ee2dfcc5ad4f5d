// Keys, focus, dialogs and toasts. Everything here only makes pleasant what works without it:
// each key presses a control that is on the page, and the server decides what is allowed.
"use strict";
(() => {
  const body = document.body;
  const page = body.dataset.page;
  const characterKeys = body.dataset.keys !== "off";
  const wide = window.matchMedia("(min-width: 1100px)");
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const dialog = $("#dialog");
  const toasts = $("#toasts");
  let current = null; // the row that keys act on
  let opener = null; // what had the focus before the dialog
  let previewTimer = 0;
  let returning = null; // the row to go to once the list has been read again

  document.documentElement.classList.add("script");
  const previewOn = () => localStorage.getItem("preview") !== "off";
  document.documentElement.classList.toggle("with-preview", previewOn());

  const announce = (text) => { $("#announce").textContent = ""; $("#announce").textContent = text; };

  // The list

  const rows = () => $$("tr.item");
  const rowOf = (ref) => document.getElementById(`row-${ref}`);
  const boxOf = (row) => $("input[name=item]", row);

  function prepareRows() {
    for (const row of rows()) {
      row.tabIndex = -1;
      for (const inner of $$("a, input, label", row)) inner.tabIndex = -1;
      mark(row, Boolean(boxOf(row)?.checked));
    }
    const first = current && current.isConnected ? current : rows()[0];
    if (first) setCurrent(first);
    sessionStorage.setItem("desk:list", JSON.stringify(rows().map((row) => $(".ask", row).getAttribute("href"))));
  }

  function setCurrent(row) {
    if (current) { current.classList.remove("current"); current.tabIndex = -1; }
    current = row;
    row.classList.add("current");
    row.tabIndex = 0;
  }

  function focusRow(row) {
    if (!row) return;
    setCurrent(row);
    row.focus({ preventScroll: false });
    openPreview();
  }

  function openPreview() {
    clearTimeout(previewTimer);
    if (!$("#preview") || !wide.matches || !previewOn() || !current) return;
    if (shown(current.dataset.ref)) return;
    previewTimer = setTimeout(() => {
      if (current && !shown(current.dataset.ref)) {
        htmx.ajax("GET", $(".ask", current).getAttribute("href"), { source: "#preview", target: "#preview", swap: "innerHTML" });
      }
    }, 90);
  }

  const shown = (ref) => $(`#detail[data-ref="${ref}"]`);

  function step(by, extend = false) {
    const all = rows();
    const index = Math.max(0, Math.min(all.length - 1, all.indexOf(current) + by));
    if (extend && current) select(current, true);
    focusRow(all[index]);
    if (extend && all[index]) select(all[index], true);
  }

  // A row that leaves takes the focus along to the next one, never to the page's start.
  function leave(row) {
    const all = rows();
    const next = all[all.indexOf(row) + 1] || all[all.indexOf(row) - 1];
    const had = row === current;
    row.remove();
    if (had) { current = null; if (next) focusRow(next); else $("#main").focus(); }
    counted();
  }

  function mark(row, on) { row.setAttribute("aria-selected", on ? "true" : "false"); }

  function select(row, on) {
    const box = boxOf(row);
    if (!box) return;
    box.checked = on;
    mark(row, on);
    counted();
  }

  const chosen = () => rows().filter((row) => boxOf(row)?.checked);

  function counted() {
    const place = $("#selected-count");
    if (place) place.textContent = `${chosen().length} selected`;
  }

  function selectAlike() {
    if (!current) return;
    const { type, agent, risk } = current.dataset;
    for (const row of rows()) {
      select(row, row.dataset.type === type && row.dataset.agent === agent && row.dataset.risk === risk);
    }
    announce(`${chosen().length} alike selected`);
  }

  function batch(verdict) {
    if (!chosen().length) return announce("Select rows first: x");
    const items = chosen().map((row) => boxOf(row).value);
    const values = { verdict, item: items, q: $("#batch input[name=q]").value };
    htmx.ajax("POST", "/batch/preview/", { target: "#dialog", swap: "innerHTML", values });
  }

  // Verbs: press the control of the open item; a row of low risk can be approved from the list.

  const article = () => (page === "detail" ? $("#detail") : current && shown(current.dataset.ref));

  function verb(name) {
    const open = article();
    if (page === "queue" && current && name === "approve" && quick(current)) return approveRow(current);
    if (open) return press($(`[data-verb="${name === "approve" && open.dataset.question !== undefined ? "edit" : name}"]`, open), name);
    if (page !== "queue" || !current) return;
    if (wide.matches && previewOn()) return announce("Still opening it");
    location.assign($(".ask", current).getAttribute("href"));
  }

  const quick = (row) => row.dataset.risk === "low" && row.dataset.question === undefined && boxOf(row);

  function press(control, name) {
    if (!control) return announce("That is not possible here");
    if (control.disabled) return announce(`${name}: ${control.title}`);
    control.click();
  }

  function approveRow(row) {
    if (row.getAttribute("aria-busy") === "true") return;
    row.setAttribute("aria-busy", "true");
    const { version, digest, evidence, message, ref } = row.dataset;
    const opened = row.closest("tbody").dataset.opened;
    const values = { verdict: "approve", version, digest, evidence, message, opened };
    htmx.ajax("POST", `/a/${ref}/decide/`, { source: row, target: "#toasts", swap: "afterbegin", values });
  }

  function undo() {
    const form = $("#toasts form[data-undo]") || $("form[data-undo]");
    if (form) return form.requestSubmit();
    const button = $('#detail [data-verb="undo"]');
    if (button) return button.click();
    announce("Nothing can be taken back: it is released, or it was not yours");
  }

  function neighbour(by) {
    const list = JSON.parse(sessionStorage.getItem("desk:list") || "[]");
    const place = list.findIndex((url) => url.split("?")[0] === location.pathname);
    return place < 0 ? null : list[place + by] || null;
  }

  function go(by) {
    if (page === "queue") return step(by);
    const url = neighbour(by);
    if (url) location.assign(url); else announce(by > 0 ? "That was the last" : "That was the first");
  }

  function open() { if (current) location.assign($(".ask", current).getAttribute("href")); }

  function back() {
    if (page === "detail") return location.assign($('nav[aria-label="Queue"] a').href);
    for (const row of rows()) select(row, false);
  }

  function togglePreview() {
    localStorage.setItem("preview", previewOn() ? "off" : "on");
    document.documentElement.classList.toggle("with-preview", previewOn());
    openPreview();
  }

  function cycle() {
    const raw = $("#raw", article() || document);
    if (raw) raw.open = !raw.open;
  }

  const jump = (id) => () => { const part = article() && $(id, article()); if (part) part.scrollIntoView({ block: "start" }); };
  const follow = (url) => () => location.assign(url);

  // One table: what is bound is what the overlay lists.

  const both = ["queue", "detail"];
  const BINDINGS = [
    { keys: ["j", "ArrowDown"], on: ["queue"], text: "Next row", run: () => go(1), repeat: true },
    { keys: ["k", "ArrowUp"], on: ["queue"], text: "Previous row", run: () => go(-1), repeat: true },
    { keys: ["j", "]"], on: ["detail"], text: "Next item", run: () => go(1) },
    { keys: ["k", "["], on: ["detail"], text: "Previous item", run: () => go(-1) },
    { keys: ["Home"], on: ["queue"], text: "First row", run: () => focusRow(rows()[0]), grid: true },
    { keys: ["End"], on: ["queue"], text: "Last row", run: () => focusRow(rows().at(-1)), grid: true },
    { keys: ["PageDown"], on: ["queue"], text: "Ten rows down", run: () => step(10), grid: true },
    { keys: ["PageUp"], on: ["queue"], text: "Ten rows up", run: () => step(-10), grid: true },
    { keys: ["Enter", "o"], on: ["queue"], text: "Open", run: open, grid: true },
    { keys: ["u", "Escape"], on: both, text: "Clear the selection, or back to the queue", run: back },
    { keys: ["x", "Shift+ "], on: ["queue"], text: "Select", run: () => current && select(current, !boxOf(current)?.checked) },
    { keys: ["Shift+J", "Shift+ArrowDown"], on: ["queue"], text: "Extend the selection down", run: () => step(1, true), repeat: true },
    { keys: ["Shift+K", "Shift+ArrowUp"], on: ["queue"], text: "Extend the selection up", run: () => step(-1, true), repeat: true },
    { keys: ["* a"], on: ["queue"], text: "Select the page", run: () => rows().forEach((row) => select(row, true)) },
    { keys: ["* s"], on: ["queue"], text: "Select what is alike", run: selectAlike },
    { keys: ["* n"], on: ["queue"], text: "Select nothing", run: () => rows().forEach((row) => select(row, false)) },
    { keys: ["a"], on: both, text: "Approve", run: () => verb("approve") },
    { keys: ["r"], on: both, text: "Reject", run: () => verb("reject") },
    { keys: ["e"], on: both, text: "Edit or answer", run: () => verb("edit") },
    { keys: ["q"], on: both, text: "Ask the agent", run: () => verb("ask") },
    { keys: ["s"], on: both, text: "Escalate", run: () => verb("escalate") },
    { keys: ["d"], on: both, text: "Defer", run: () => verb("defer") },
    { keys: ["c"], on: both, text: "Claim or release", run: () => verb("claim") },
    { keys: ["Shift+A"], on: ["queue"], text: "Approve the selected", run: () => batch("approve") },
    { keys: ["Shift+R"], on: ["queue"], text: "Reject the selected", run: () => batch("reject") },
    { keys: ["z"], on: both, text: "Take the last decision back", run: undo },
    { keys: ["v"], on: both, text: "Raw bytes", run: cycle },
    { keys: ["t"], on: both, text: "Thread", run: jump("#thread") },
    { keys: ["y"], on: both, text: "History", run: jump("#history") },
    { keys: ["p"], on: ["queue"], text: "Preview beside the list", run: togglePreview },
    { keys: ["."], on: both, text: "Show what is new", run: () => location.reload() },
    { keys: ["/"], on: ["queue"], text: "Search", run: () => $("#q").focus() },
    { keys: ["f"], on: ["queue"], text: "Filters", run: () => { $("#filter-panel").open = true; $("#filter-panel summary").focus(); } },
    { keys: ["g q"], text: "Queue", run: follow("/queue/") },
    { keys: ["g m"], text: "Mine", run: follow("/queue/?q=assignee:@me") },
    { keys: ["g e"], text: "Escalated", run: follow("/queue/?q=is:escalated") },
    { keys: ["g d"], text: "Decided by me", run: follow("/queue/?q=by:@me") },
    { keys: ["g s"], text: "Insights", run: follow("/insights/") },
    { keys: ["?"], text: "This help", run: help },
  ];
  const bound = BINDINGS.filter((binding) => !binding.on || binding.on.includes(page));
  const PLAIN = new Set(["ArrowDown", "ArrowUp", "Home", "End", "PageDown", "PageUp", "Enter", "Escape", "Shift+ ", "Shift+ArrowDown", "Shift+ArrowUp"]);
  let prefix = "";
  let prefixTimer = 0;

  const typing = (target) => target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
  const inDialog = () => dialog && dialog.open;

  function nameOf(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const letter = /^[a-z ]$/.test(key) || key.length > 1;
    return event.shiftKey && letter ? `Shift+${key.length === 1 ? key.toUpperCase() : key}` : key;
  }

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return submitOpen(event);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (inDialog()) return dialogKey(event);
    if (typing(event.target)) { if (event.key === "Escape") event.target.blur(); return; }
    const name = prefix ? `${prefix} ${nameOf(event)}` : nameOf(event);
    if (!characterKeys && !PLAIN.has(name)) return;
    if (!prefix && (name === "g" || name === "*")) { prefix = name; prefixTimer = setTimeout(() => { prefix = ""; }, 1000); return event.preventDefault(); }
    clearTimeout(prefixTimer); prefix = "";
    const binding = bound.find((each) => each.keys.includes(name));
    if (!binding || (event.repeat && !binding.repeat)) return;
    // Keys that scroll or press belong to the control that has the focus, unless that is a row.
    const row = event.target.closest("tr.item");
    if ((binding.grid || PLAIN.has(name)) && name !== "Escape" && !row && event.target !== body && event.target !== $("#main")) return;
    event.preventDefault();
    binding.run();
  });

  function submitOpen(event) {
    const form = event.target.closest("form");
    if (!form || !form.closest("dialog, .verb-form, #detail")) return;
    event.preventDefault();
    // The click tells htmx which button it was.
    if (!event.repeat) ($("[data-default]", form) || $("button[type=submit]", form))?.click();
  }

  function dialogKey(event) {
    if (event.repeat && event.key === "Enter") return event.preventDefault();
    if (typing(event.target) && event.target.type !== "radio") return;
    if (!/^[1-9]$/.test(event.key)) return;
    const radio = $$("input[name=reason_code]", dialog)[Number(event.key) - 1];
    if (radio) { radio.checked = true; radio.focus(); event.preventDefault(); }
  }

  // Dialogs

  function help() {
    const list = bound.map((binding) => {
      const keys = binding.keys.map((key) => `<kbd>${key.replace("Shift+ ", "Shift+Space").replace("Arrow", "")}</kbd>`).join(" ");
      return `<div><dt>${keys}</dt><dd>${binding.text}</dd></div>`;
    });
    list.push("<div><dt><kbd>1</kbd> to <kbd>9</kbd></dt><dd>Pick a reason in a dialog</dd></div>");
    list.push("<div><dt><kbd>Ctrl+Enter</kbd></dt><dd>Send the open form</dd></div>");
    dialog.innerHTML = `<header class="dialog-head"><h2 class="grow" id="dialog-title" tabindex="-1" autofocus>Keys on this page</h2>
      <button class="button button-plain" type="button" data-command="close" aria-label="Close">Close</button></header>
      <div class="dialog-body"><dl class="help-list">${list.join("")}</dl></div>`;
    show();
  }

  function show() {
    if (!dialog.open) { opener = document.activeElement; dialog.showModal(); }
    dialog.classList.toggle("dialog-wide", Boolean($(".wide, .help-list, .preview-table, .schema-form", dialog)));
    for (const button of $$('[data-command="close"]', dialog)) button.hidden = false;
    ($("[aria-invalid=true]", dialog) || $("[autofocus]", dialog) || $("textarea, input:not([type=hidden])", dialog) || $("h2", dialog))?.focus();
    restoreDrafts(dialog);
  }

  dialog?.addEventListener("close", () => {
    dialog.replaceChildren();
    if (current && current.isConnected) current.focus();
    else if (opener && opener.isConnected) opener.focus();
  });

  document.addEventListener("click", (event) => {
    const command = event.target.closest("[data-command]");
    if (command?.dataset.command === "close" && inDialog()) { event.preventDefault(); dialog.close(); }
    if (command?.dataset.command === "dismiss") command.closest(".toast").remove();
    if (command?.dataset.command === "help") help();
    if (command?.dataset.command === "retry") retry(command);
    const row = event.target.closest("tr.item");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.closest(".ask") && wide.matches && previewOn()) { event.preventDefault(); focusRow(row); }
    else if (!event.target.closest("a, input, label")) focusRow(row);
  });
  document.addEventListener("dblclick", (event) => { if (event.target.closest("tr.item")) open(); });
  document.addEventListener("change", (event) => {
    const row = event.target.closest("tr.item");
    if (row && event.target.name === "item") { mark(row, event.target.checked); setCurrent(row); counted(); }
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("tr.item") && event.target !== current) { setCurrent(event.target); openPreview(); }
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "batch") return;
    event.preventDefault();
    batch(event.submitter?.value || "approve");
  });

  // Drafts survive an expired session; the words never leave this tab.

  const draftKey = (field) => `draft:${field.form?.getAttribute("action")}:${field.name}`;
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.matches("dialog textarea, .verb-form textarea")) sessionStorage.setItem(draftKey(field), field.value);
    const form = field.closest?.('[data-verb-form="edit"]');
    if (form) { clearTimeout(form.timer); form.timer = setTimeout(() => htmx.trigger($("#difference", form), "desk:edited"), 350); }
  });
  function restoreDrafts(root) {
    for (const field of $$("textarea:not([readonly]):not([name^=f-])", root)) {
      const kept = sessionStorage.getItem(draftKey(field));
      if (kept && !field.value) field.value = kept;
    }
  }
  function dropDrafts() {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith("draft:")) sessionStorage.removeItem(key);
  }

  // Answers

  body.addEventListener("htmx:configRequest", (event) => {
    if (page === "detail" && event.detail.verb === "post") event.detail.parameters.next = neighbour(1) || "";
  });

  body.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    htmx.process(document.getElementById(target.id) || target); // at once: a fast key must not find a bare link
    if (target.id === "dialog") { gone($$("[data-result=applied]", dialog)); return show(); }
    if (target.id === "toasts") return toasted($(".toast", toasts));
    if (target.id === "preview") return previewed();
    if (target.id === "batch" || target.id === "more" || target.closest?.("#batch")) return listed();
    const alert = $("[role=alert]", target);
    if (alert && inDialog()) { busy(false); alert.focus(); const wrong = $("[aria-invalid=true]", dialog) || $("textarea", dialog); wrong?.focus(); }
  });
  // A form that answers with itself (outerHTML) has a new element as its place.
  body.addEventListener("htmx:afterSettle", () => { if (inDialog()) for (const button of $$('[data-command="close"]', dialog)) button.hidden = false; });

  const busy = (on) => { for (const row of $$('tr.item[aria-busy="true"]')) row.setAttribute("aria-busy", on ? "true" : "false"); };

  function previewed() {
    $("#preview").scrollTop = 0;
    const open = $("#detail", $("#preview"));
    if (open) claimLater(open);
  }

  function gone(lines) {
    for (const line of lines) { const row = rowOf(line.dataset.ref); if (row) leave(row); }
  }

  function toasted(toast) {
    if (!toast) return;
    busy(false);
    for (const old of $$(".toast", toasts).slice(4)) old.remove();
    if (toast.dataset.refused !== undefined) return refusedToast(toast);
    if (toast.dataset.done === undefined) return;
    dropDrafts();
    if (inDialog()) dialog.close();
    for (const old of $$(".toast[data-done], .toast[data-refused]", toasts)) if (old !== toast) old.remove();
    const row = toast.dataset.ref && rowOf(toast.dataset.ref);
    if (toast.dataset.gone !== undefined && row) leave(row);
    if (toast.dataset.back !== undefined) reloadList(toast.dataset.ref);
    if (toast.dataset.reload !== undefined) { const open = article(); if (open) htmx.ajax("GET", `/a/${toast.dataset.ref}/`, { source: "#preview", target: "#preview", swap: "innerHTML" }); }
    body.dispatchEvent(new CustomEvent("desk:changed"));
    countDown(toast);
  }

  function refusedToast(toast) {
    if (toast.dataset.status === "409" && current) body.dispatchEvent(new CustomEvent("desk:changed"));
    announce(toast.textContent.trim());
  }

  function reloadList(ref) {
    if (page !== "queue") return location.reload();
    returning = ref || "";
    // A source of its own: requests of one element wait for each other, and the last one wins.
    htmx.ajax("GET", location.pathname + location.search, { source: "#strip", target: "#batch", select: "#batch", swap: "outerHTML" });
  }

  function listed() {
    current = current && current.isConnected ? current : null;
    prepareRows();
    if (returning === null) return;
    focusRow(rowOf(returning) || rows()[0]);
    returning = null;
  }

  // The time left is said in words; what decides is the server's clock.
  function countDown(toast) {
    const place = $(".countdown", toast);
    const until = Date.now() + Number(toast.dataset.window || 0) * 1000;
    if (!place || !toast.dataset.window) { setTimeout(() => toast.remove(), 6000); return; }
    const tick = () => {
      if (!toast.isConnected) return;
      const left = Math.ceil((until - Date.now()) / 1000);
      if (left > 0) { place.textContent = `(${left} s)`; return void setTimeout(tick, 500); }
      $("form", toast)?.replaceWith("Released.");
      setTimeout(() => toast.remove(), 3000);
    };
    tick();
  }

  // Nothing is queued while the server is away: it is said, and can be tried again.
  let failed = null;
  function lostServer(event) {
    if (event.detail.requestConfig?.headers?.["X-Quiet"] || event.detail.elt?.id === "live") return;
    busy(false);
    failed = event.detail;
    $("[data-offline]", toasts)?.remove();
    const toast = document.createElement("div");
    toast.className = "toast toast-bad";
    toast.dataset.offline = "";
    toast.setAttribute("role", "alert");
    toast.innerHTML = '<span class="grow"></span><button class="button button-plain" type="button" data-command="retry">Retry</button>';
    const status = event.detail.xhr?.status;
    $("span", toast).textContent = status ? `Not saved: the server answered ${status}.` : "Not saved: server unreachable.";
    toasts.prepend(toast);
    $("button", toast).focus();
  }
  body.addEventListener("htmx:sendError", lostServer);
  body.addEventListener("htmx:timeout", lostServer);
  body.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) return; // HX-Redirect to sign-in follows
    lostServer(event);
  });
  function retry(button) {
    button.closest(".toast").remove();
    if (failed?.elt?.matches?.("tr.item")) return approveRow(failed.elt);
    const form = failed?.elt?.closest?.("form");
    if (form) return form.requestSubmit();
    const { verb: method, path, parameters } = failed?.requestConfig ?? {};
    if (method) htmx.ajax(method.toUpperCase(), path, { target: failed.target ?? "#toasts", swap: "afterbegin", values: { ...parameters } });
  }

  // A claim informs others that somebody reads this; made only after a second of looking.
  let claimTimer = 0;
  function claimLater(open) {
    clearTimeout(claimTimer);
    if (!$('[data-verb="claim"]', open) || open.dataset.state !== "pending") return;
    const ref = open.dataset.ref;
    const claim = () => {
      if (document.hidden || !shown(ref)) return;
      const token = JSON.parse(body.getAttribute("hx-headers"))["X-CSRFToken"];
      fetch(`/a/${ref}/claim/`, { method: "POST", headers: { "X-CSRFToken": token, "HX-Request": "true", "X-Quiet": "1" }, body: new URLSearchParams({ quiet: "1" }) }).catch(() => {});
      claimTimer = setTimeout(claim, 60000);
    };
    claimTimer = setTimeout(claim, 1000);
  }

  const panel = $("#filter-panel");
  if (panel) {
    panel.open = sessionStorage.getItem("desk:filters") === "open";
    panel.addEventListener("toggle", () => sessionStorage.setItem("desk:filters", panel.open ? "open" : "closed"));
  }

  window.assentry = { bindings: bound, rows, rowOf, leave, announce, reloadList, current: () => current };
  if (page === "queue") {
    prepareRows();
    const asked = new URLSearchParams(location.search).get("focus");
    const start = (asked && rowOf(asked)) || rows()[0];
    if (start && !$("#query-problem")) focusRow(start);
  }
  if (page === "detail" && $("#detail")) claimLater($("#detail"));
  for (const button of $$('[data-command="help"]')) button.hidden = false;
})();
