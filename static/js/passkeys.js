// Security keys: a button asks the browser for the key, puts its answer into the form, and sends that.
// Without a script, or without a secure address, the buttons stay hidden and codes remain.
"use strict";
(() => {
  const possible = window.isSecureContext && "credentials" in navigator && Boolean(window.webauthnJSON);

  function show(root) {
    if (!possible) return;
    for (const button of root.querySelectorAll("button[data-passkey][hidden]")) button.hidden = false;
  }

  function say(button, text) {
    const place = button.form.querySelector("[data-passkey-said]") || button.insertAdjacentElement("afterend", document.createElement("p"));
    place.dataset.passkeySaid = "";
    place.setAttribute("role", "alert");
    place.className = "notice notice-bad";
    place.textContent = text;
  }

  async function stepUp(button) {
    const answer = await fetch("/confirm/options/", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error("the desk does not answer");
    button.form.elements.confirm_key.value = JSON.stringify(await window.webauthnJSON.get(await answer.json()));
    const code = button.form.elements.confirm;
    if (code) code.required = false;
  }

  async function ask(button) {
    const form = button.form;
    const given = JSON.parse(form.dataset.options);
    const credential = await (button.dataset.passkey === "create" ? window.webauthnJSON.create(given) : window.webauthnJSON.get(given));
    form.elements.credential.value = JSON.stringify(credential);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-passkey]");
    if (!button) return;
    event.preventDefault();
    button.disabled = true;
    try {
      await (button.dataset.passkey === "step-up" ? stepUp(button) : ask(button));
      const send = button.form.querySelector("[data-default], button[type=submit]");
      if (send) send.click(); else button.form.requestSubmit();
    } catch (error) {
      say(button, `The key was not read: ${error.message}.`);
    } finally {
      button.disabled = false;
    }
  });

  document.addEventListener("htmx:afterSettle", (event) => show(event.target));
  show(document);
})();
