// The histogram under the hand: arrows move between bars, dragging over bars asks for their range.
// Without a script each bar is a link, and the two number fields do the same.
"use strict";
(() => {
  const svg = document.querySelector(".chart svg");
  if (!svg) return;
  const bars = [...svg.querySelectorAll(".bar-link")];
  let from = -1;

  svg.addEventListener("keydown", (event) => {
    const at = bars.indexOf(document.activeElement);
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (at < 0 || !by) return;
    event.preventDefault();
    event.stopPropagation();
    const next = bars[Math.max(0, Math.min(bars.length - 1, at + by))];
    for (const bar of bars) bar.tabIndex = bar === next ? 0 : -1;
    next.focus();
  });

  const under = (event) => bars.indexOf(document.elementFromPoint(event.clientX, event.clientY)?.closest(".bar-link"));
  const paint = (to) => {
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    bars.forEach((bar, index) => bar.querySelector(".hit").classList.toggle("chosen", index >= low && index <= high));
  };
  svg.addEventListener("dragstart", (event) => event.preventDefault());
  svg.addEventListener("pointerdown", (event) => { from = under(event); });
  svg.addEventListener("pointermove", (event) => { if (from >= 0 && under(event) >= 0) paint(under(event)); });
  svg.addEventListener("click", (event) => {
    const to = under(event);
    if (from < 0 || to < 0 || to === from) { from = -1; return; }
    event.preventDefault();
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    const url = new URL(bars[low].href.baseVal ?? bars[low].href, location.href);
    const query = url.searchParams.get("q").replace(/conf:\S+/, `conf:${bars[low].dataset.low}..${bars[high].dataset.high}`);
    url.searchParams.set("q", query);
    location.assign(url.pathname + url.search.replaceAll("%3A", ":").replaceAll("%2C", ","));
  });
  document.addEventListener("pointerup", (event) => {
    const to = under(event);
    if (from >= 0 && to >= 0 && to !== from) svg.dispatchEvent(new MouseEvent("click", { clientX: event.clientX, clientY: event.clientY, cancelable: true, bubbles: true }));
    from = -1;
  });
})();
