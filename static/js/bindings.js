// Every key of the desk, once. keys.js acts on this table, help.js lists it, reviews/keymap.py names what may be changed.
//
//   keys    as event.key says them, letters in lower case, Shift kept apart ("Shift+A"), sequences with a space ("g q")
//   action  what actions.js does; the name that a reader's own keys are stored under
//   scope   where it is valid: queue, detail, dialog, any
//   repeat  whether a held key goes on acting; nothing that decides does
//   row     pressed on a row or on nothing; elsewhere the key belongs to what has the focus
//   input   also while typing in the form that is open

export const BINDINGS = [
  { keys: ["j", "ArrowDown"], action: "next", label: "Next row", scope: ["queue"], repeat: true },
  { keys: ["k", "ArrowUp"], action: "previous", label: "Previous row", scope: ["queue"], repeat: true },
  { keys: ["j", "ArrowDown"], action: "next", label: "Next item", scope: ["detail"] },
  { keys: ["k", "ArrowUp"], action: "previous", label: "Previous item", scope: ["detail"] },
  { keys: ["]"], action: "following", label: "Next item", scope: ["queue", "detail"] },
  { keys: ["["], action: "preceding", label: "Previous item", scope: ["queue", "detail"] },
  { keys: ["Home"], action: "first", label: "First row", scope: ["queue"], row: true },
  { keys: ["End"], action: "last", label: "Last row", scope: ["queue"], row: true },
  { keys: ["PageDown"], action: "pagedown", label: "A page down", scope: ["queue"], row: true },
  { keys: ["PageUp"], action: "pageup", label: "A page up", scope: ["queue"], row: true },
  { keys: ["Enter", "o"], action: "open", label: "Open", scope: ["queue"], row: true },
  { keys: ["u", "Escape"], action: "back", label: "Clear the selection", scope: ["queue"] },
  { keys: ["u", "Escape"], action: "back", label: "Back to the queue", scope: ["detail"] },
  { keys: ["x", "Shift+Space"], action: "select", label: "Select or not", scope: ["queue"] },
  { keys: ["Shift+J", "Shift+ArrowDown"], action: "extenddown", label: "Extend the selection down", scope: ["queue"], repeat: true },
  { keys: ["Shift+K", "Shift+ArrowUp"], action: "extendup", label: "Extend the selection up", scope: ["queue"], repeat: true },
  { keys: ["* a"], action: "selectpage", label: "Select the page", scope: ["queue"] },
  { keys: ["* s"], action: "selectsimilar", label: "Select what is similar", scope: ["queue"] },
  { keys: ["* n"], action: "selectnone", label: "Select nothing", scope: ["queue"] },
  { keys: ["a"], action: "approve", label: "Approve", scope: ["queue", "detail"] },
  { keys: ["r"], action: "reject", label: "Reject", scope: ["queue", "detail"] },
  { keys: ["e"], action: "edit", label: "Edit or answer", scope: ["queue", "detail"] },
  { keys: ["q"], action: "ask", label: "Ask the agent", scope: ["queue", "detail"] },
  { keys: ["s"], action: "escalate", label: "Escalate", scope: ["queue", "detail"] },
  { keys: ["d"], action: "defer", label: "Defer", scope: ["queue", "detail"] },
  { keys: ["c"], action: "claim", label: "Claim or release", scope: ["queue", "detail"] },
  { keys: ["Shift+C"], action: "assign", label: "Assign", scope: ["queue", "detail"] },
  { keys: ["Shift+A"], action: "batchapprove", label: "Approve the selected", scope: ["queue"] },
  { keys: ["Shift+R"], action: "batchreject", label: "Reject the selected", scope: ["queue"] },
  { keys: ["z"], action: "undo", label: "Take the last decision back", scope: ["queue", "detail", "dialog"] },
  { keys: ["v"], action: "payload", label: "Payload: form, changes, raw bytes", scope: ["queue", "detail"] },
  { keys: ["h"], action: "precedents", label: "Precedents", scope: ["queue", "detail"] },
  { keys: ["Shift+H"], action: "cite", label: "Cite the precedent in your reason", scope: ["queue", "detail"] },
  { keys: ["t"], action: "thread", label: "Thread", scope: ["queue", "detail"] },
  { keys: ["y"], action: "history", label: "History", scope: ["queue", "detail"] },
  { keys: ["p"], action: "preview", label: "Preview beside the list", scope: ["queue"] },
  { keys: ["/"], action: "search", label: "Search", scope: ["queue"] },
  { keys: ["f"], action: "filter", label: "Filters", scope: ["queue"] },
  { keys: ["."], action: "fresh", label: "Show what is new, read again what changed", scope: ["queue"] },
  { keys: ["."], action: "fresh", label: "Read the changed item again", scope: ["detail"] },
  { keys: ["g q"], action: "gotoqueue", label: "Go to the queue", scope: ["any"] },
  { keys: ["g m"], action: "gotomine", label: "Go to mine", scope: ["any"] },
  { keys: ["g e"], action: "gotoescalated", label: "Go to what was escalated to me", scope: ["any"] },
  { keys: ["g d"], action: "gotodecided", label: "Go to what I decided", scope: ["any"] },
  { keys: ["g s"], action: "gotostats", label: "Go to the figures", scope: ["any"] },
  { keys: ["g 1", "g 2", "g 3", "g 4", "g 5", "g 6", "g 7", "g 8", "g 9"], action: "gotoview", label: "Go to a saved view", scope: ["any"] },
  { keys: ["Ctrl+k"], action: "palette", label: "Palette: actions, views, items, pages", scope: ["any"] },
  { keys: ["?"], action: "help", label: "This help", scope: ["any"] },
  { keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"], action: "preset", label: "Pick a reason in a dialog", scope: ["dialog"] },
  { keys: ["Enter"], action: "submit", label: "Send the dialog", scope: ["dialog"] },
  { keys: ["Ctrl+Enter"], action: "submit", label: "Send the open form", scope: ["dialog", "any"], input: true },
  { keys: ["u", "Escape"], action: "close", label: "Close the dialog", scope: ["dialog"] },
];

// How the help puts them together; every action is in one of them.
export const GROUPS = {
  Move: ["next", "previous", "following", "preceding", "first", "last", "pagedown", "pageup", "open", "back"],
  Decide: ["approve", "reject", "edit", "ask", "escalate", "defer", "claim", "assign", "undo"],
  "Select, decide together": [
    "select", "extenddown", "extendup", "selectpage", "selectsimilar", "selectnone", "batchapprove", "batchreject",
  ],
  Look: ["payload", "precedents", "cite", "thread", "history", "preview", "search", "filter", "fresh"],
  Go: ["gotoqueue", "gotomine", "gotoescalated", "gotodecided", "gotostats", "gotoview", "palette", "help"],
  "Forms and dialogs": ["preset", "submit", "close"],
};
