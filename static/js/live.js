// Keeps an open queue honest: polls a version stamp while it is looked at, strikes out what others
// decided, says what is new, and never moves a row under the cursor.
"use strict";
(() => {
  const place = document.getElementById("live");
  const list = document.querySelector(".list");
  if (!place || !list) return;
  const BUSY = 1800, IDLE = 15000, ACTIVE = 60000;
  let etag = "", touched = Date.now(), timer = 0, failures = 0, unchanged = 0;

  const active = () => Date.now() - touched < ACTIVE;
  for (const kind of ["keydown", "pointermove", "pointerdown"]) document.addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  document.body.addEventListener("desk:changed", () => { etag = ""; ask(); });

  function plan() { clearTimeout(timer); timer = setTimeout(ask, active() ? BUSY : IDLE); }

  async function ask() {
    clearTimeout(timer);
    if (document.hidden) return;
    try { await look(); offline(false); failures = 0; } catch { failures += 1; offline(failures > 2); }
    plan();
  }

  async function look() {
    const url = new URL(place.dataset.url, location.href);
    url.searchParams.set("refs", assentry.rows().map((row) => row.dataset.ref).join(","));
    // After half a minute of nothing new, ask once without the stamp: it covers a raise lost in a crash.
    const headers = { "HX-Request": "true" };
    if (etag && unchanged < 16) headers["If-None-Match"] = etag; else unchanged = 0;
    const answer = await fetch(url, { headers, cache: "no-store" });
    if (answer.status === 304) { unchanged += 1; return; }
    if (answer.status === 401) return void location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    etag = answer.headers.get("ETag") || "";
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  }

  function show(page) {
    const strip = page.getElementById("strip");
    if (strip) document.getElementById("strip").replaceChildren(...document.importNode(strip, true).childNodes);
    for (const line of page.querySelectorAll("#moved li")) moved(line);
    pill(Number(page.getElementById("moved")?.dataset.fresh || 0));
  }

  function moved(line) {
    const row = assentry.rowOf(line.dataset.ref);
    if (!row || row.classList.contains("struck") || row.getAttribute("aria-busy") === "true") return;
    if (line.dataset.gone === undefined || row.dataset.state !== "pending") return;
    if (line.dataset.mine !== undefined) return assentry.leave(row);
    row.classList.add("struck");
    const said = document.createElement("span");
    said.className = "badge badge-note";
    said.textContent = line.dataset.by ? `${line.dataset.state.replace("_", " ")} by ${line.dataset.by}` : line.dataset.state === "pending" ? "left this list" : line.dataset.state.replace("_", " ");
    row.querySelector(".meta").prepend(said);
    assentry.announce(`${line.dataset.ref} ${said.textContent}`);
    setTimeout(() => { if (row !== assentry.current()) assentry.leave(row); }, 4000);
  }

  function pill(count) {
    let button = document.getElementById("pill");
    if (!count) { button?.remove(); return; }
    if (!button) {
      button = document.createElement("button");
      button.id = "pill";
      button.type = "button";
      button.className = "button button-primary pill";
      button.addEventListener("click", () => { button.remove(); assentry.reloadList(assentry.current()?.dataset.ref); });
      list.prepend(button);
    }
    const text = `${count} new: show (.)`;
    if (button.textContent !== text) { button.textContent = text; assentry.announce(`${count} new`); }
  }

  function offline(on) {
    let banner = document.getElementById("offline");
    if (!on) return banner?.remove();
    if (banner) return;
    banner = document.createElement("div");
    banner.id = "offline";
    banner.className = "banner offline";
    banner.setAttribute("role", "alert");
    banner.textContent = "The server does not answer. What you see may be out of date, and nothing can be decided.";
    document.querySelector("main").prepend(banner);
  }

  ask();
})();
