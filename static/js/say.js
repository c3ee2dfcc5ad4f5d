// How the page speaks: toasts for everybody, announcements for those who hear the page, tones for those who ask for them.
import { $, $$, make } from "./dom.js";
import { settings } from "./settings.js";

export const toasts = $("#toasts");
const MOST = 4;

export function announce(text) {
  const place = $("#announce");
  place.textContent = "";
  place.textContent = text;
}

// A short message of the page itself. It stays for as long as the reader has chosen.
export function toast(text, { bad = false, action = null } = {}) {
  const said = make("div", { class: bad ? "toast toast-bad" : "toast", "data-said": "" }, make("span", { class: "grow" }, text));
  if (bad) said.setAttribute("role", "alert");
  if (action) said.append(make("button", { class: "button button-plain", type: "button", "data-command": action.command }, action.label));
  said.append(make("button", { class: "button button-plain", type: "button", "data-command": "dismiss" }, "Dismiss"));
  for (const old of $$(".toast[data-said]", toasts)) old.remove();
  toasts.prepend(said);
  trim();
  leaveLater(said);
  return said;
}

export const trim = () => $$(".toast:not([hidden])", toasts).slice(MOST).forEach((old) => old.remove());

export function leaveLater(said, seconds = settings.toast_seconds) {
  if (settings.toast_seconds > 0) setTimeout(() => said.remove(), seconds * 1000);
}

const TONES = { done: 660, refused: 220, fresh: 520 };
let sound = null;

export function tone(name) {
  if (!settings.sounds || !window.AudioContext) return;
  sound ??= new AudioContext();
  const [voice, volume] = [sound.createOscillator(), sound.createGain()];
  voice.frequency.value = TONES[name];
  volume.gain.setValueAtTime(0.05, sound.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.0001, sound.currentTime + 0.12);
  voice.connect(volume).connect(sound.destination);
  voice.start();
  voice.stop(sound.currentTime + 0.13);
}
