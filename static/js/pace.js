// How often an open page looks for what changed: often while it is in use, seldom while nobody touches it, and not at all
// where its reader wants to stand still.
import { kept } from "./dom.js";

const BUSY = 1_800, IDLE = 15_000, ACTIVE = 60_000; // ms between two looks, and after the last touch
let touched = Date.now(), paused = kept.get("desk:paused") === "yes";

for (const kind of ["keydown", "pointermove", "pointerdown"]) document.addEventListener(kind, () => { touched = Date.now(); }, { passive: true });

const isIdle = () => Date.now() - touched > ACTIVE;

export const pause = () => (isIdle() ? IDLE : BUSY);
// A look that nobody asked for keeps no session awake: the server hears that the page only stands there.
export const headers = () => ({ "HX-Request": "true", ...(isIdle() ? { "Desk-Idle": "1" } : {}) });
export const SURE = 16; // unchanged answers after which one look asks without a stamp: it covers a raise lost in a crash
export const SILENT = 30_000; // unanswered for so long, the server is away

export const isPaused = () => paused;
export function setPaused(on) {
  paused = on;
  kept.set("desk:paused", on ? "yes" : "no");
}
