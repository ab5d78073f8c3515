// The command palette: Ctrl K or its button opens it, typing asks the server, arrows choose, Enter goes there.
(() => {
  const palette = document.getElementById("palette");
  if (!palette) return;
  const form = palette.querySelector("form");
  const input = form.elements.q;
  const found = palette.querySelector("[data-found]");
  const options = () => [...found.querySelectorAll("a[role=option]")];
  let active = 0;
  let asking = null;
  let waiting = 0;

  const mark = (place) => {
    active = place;
    for (const [number, option] of options().entries()) {
      option.setAttribute("aria-selected", String(number === place));
      if (number === place) option.scrollIntoView({ block: "nearest" });
    }
    const option = options()[place];
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
  };
  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const address = new URL(form.action);
    for (const [name, value] of new FormData(form)) address.searchParams.set(name, value);
    try {
      const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" }, signal: asking.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      found.innerHTML = await answer.text();
      mark(0);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      found.querySelector("[role=listbox]").replaceChildren(
        Object.assign(document.createElement("div"), { className: "option-none", role: "option", textContent: form.dataset.failed }),
      );
    }
  };
  const open = () => {
    if (palette.open) return palette.close();
    for (const other of document.querySelectorAll("dialog[open]")) other.close();
    palette.showModal();
    input.select();
    ask();
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-palette]")) {
      event.preventDefault();
      open();
    } else if (event.target === palette) palette.close(); // the backdrop
  });
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 120);
  });
  input.addEventListener("keydown", (event) => {
    const count = options().length;
    const there = { ArrowDown: active + 1, ArrowUp: active - 1 }[event.key];
    if (there === undefined || !count) return;
    event.preventDefault();
    mark((there + count) % count);
  });
  form.addEventListener("submit", (event) => {
    const option = options()[active];
    if (!option) return;
    event.preventDefault();
    option.click();
  });
})();
