// What this reader has chosen, as the server wrote it into the page. What a style sheet can do alone
// (theme, density, motion) stands on <html> and is not repeated here.
import { $, body, kept, wide } from "./dom.js";

const DEFAULTS = { character_keys: true, keys: {}, toast_seconds: 10, sounds: false, digits_submit: false };
export const settings = { ...DEFAULTS, ...JSON.parse(body.dataset.settings || "{}") };

const root = document.documentElement;
const chosen = kept.get("desk:preview");
if (chosen) root.dataset.preview = chosen;

const previewOn = () => root.dataset.preview !== "off";
export const previewShown = () => Boolean($("#preview")) && wide.matches && previewOn();

// For this tab only: what every page starts with is a setting.
export function switchPreview() {
  root.dataset.preview = previewOn() ? "off" : "on";
  kept.set("desk:preview", root.dataset.preview);
}
