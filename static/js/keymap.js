// Which keys are valid here: the table of bindings.js, this page, and what the reader has changed.
import { $, page } from "./dom.js";
import { BINDINGS } from "./bindings.js";
import { settings } from "./settings.js";

// Letters, digits and signs, which speech and a slip of the hand can type (WCAG 2.1.4). Arrows and Space are none.
export const isCharacter = (key) => !key.startsWith("Ctrl+") && key.split(" ").some((part) => part.split("+").at(-1).length === 1);

// A reader's own key takes the place of the usual characters; other keys stay as they are.
function chosen(binding) {
  const own = settings.keys[binding.action];
  const keys = own ? [own, ...binding.keys.filter((key) => !isCharacter(key))] : binding.keys;
  return { ...binding, keys: settings.character_keys ? keys : keys.filter((key) => !isCharacter(key)) };
}

const hasDialog = Boolean($("#dialog"));
const here = (scope) => scope.some((one) => one === "any" || one === page || (one === "dialog" && hasDialog));

export const bound = BINDINGS.filter(({ scope }) => here(scope)).map(chosen).filter(({ keys }) => keys.length);
export const prefixes = new Set(bound.flatMap(({ keys }) => keys.filter((key) => key.includes(" ")).map((key) => key.split(" ")[0])));
