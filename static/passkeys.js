// A form with data-passkey ("get" or "create") is sent with what the browser's passkey answers. What to ask stands in
// the page as js_data, or is fetched from the form's own address.
(() => {
  const api = window.webauthnJSON;

  async function question(form) {
    const written = document.getElementById("js_data");
    if (written) return JSON.parse(written.textContent);
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  }

  async function credential(form) {
    const asked = await question(form);
    if (form.dataset.passkey === "get") return api.get(asked.request_options);
    const options = asked.creation_options;
    const opensAlone = form.querySelector("[name=passwordless]")?.checked ?? true;
    Object.assign(options.publicKey.authenticatorSelection, {
      residentKey: opensAlone ? "required" : "discouraged",
      requireResidentKey: opensAlone,
      ...(opensAlone && { userVerification: "required" }),
    });
    return api.create(options);
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const refused = form.querySelector("[data-passkey-refused]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation(); // it is not sent yet, and may be tried again
      refused.hidden = true;
      try {
        form.elements.credential.value = JSON.stringify(await credential(form));
        form.submit();
      } catch {
        refused.hidden = false;
      }
    });
  }
})();
