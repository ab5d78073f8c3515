// Tabs, comboboxes and copying, over sections, selects and text that work without them. Patterns: WAI-ARIA practices.
(() => {
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const made = (name, attributes) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  // Tabs: the sections' headings become a list of tabs; arrows move and choose, the address keeps the choice.
  const tabs = (set) => {
    const panels = $$("[data-tab]", set);
    const list = made("div", { class: "tabs-list", role: "tablist", "aria-label": set.dataset.label });
    const buttons = panels.map((panel) => {
      const tab = made("button", { type: "button", role: "tab", id: `${panel.id}-tab`, "aria-controls": panel.id });
      tab.textContent = panel.dataset.tab;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("tabindex", "0");
      panel.setAttribute("aria-labelledby", tab.id);
      list.append(tab);
      return tab;
    });
    const choose = (place) => {
      for (const [number, tab] of buttons.entries()) {
        tab.setAttribute("aria-selected", String(number === place));
        tab.tabIndex = number === place ? 0 : -1;
        panels[number].hidden = number !== place;
      }
    };
    list.addEventListener("click", (event) => {
      const place = buttons.indexOf(event.target.closest("[role=tab]"));
      if (place >= 0) choose(place);
    });
    list.addEventListener("keydown", (event) => {
      const here = buttons.indexOf(document.activeElement);
      const step = document.dir === "rtl" ? -1 : 1;
      const moves = { ArrowRight: here + step, ArrowLeft: here - step, Home: 0, End: buttons.length - 1 };
      if (!(event.key in moves)) return;
      event.preventDefault();
      const there = (moves[event.key] + buttons.length) % buttons.length;
      choose(there);
      buttons[there].focus();
    });
    set.prepend(list);
    set.classList.add("is-live");
    choose(Math.max(0, panels.findIndex((panel) => `#${panel.id}` === location.hash)));
  };

  // A combobox over a select: what is typed filters the options; the select keeps the value that is sent.
  const combobox = (select) => {
    const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    const key = `${select.id}-combo`;
    const box = made("div", { class: "combo" });
    const input = made("input", { type: "text", id: key, class: "input", role: "combobox", autocomplete: "off" });
    const list = made("div", { class: "combo-list", role: "listbox", id: `${key}-list` });
    for (const [name, value] of [["aria-expanded", "false"], ["aria-controls", list.id], ["aria-autocomplete", "list"]])
      input.setAttribute(name, value);
    for (const name of ["aria-describedby", "aria-invalid", "required", "disabled"])
      if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
    select.removeAttribute("required"); // nobody can be led to a field that is not shown
    if (label) {
      label.htmlFor = key;
      label.id ||= `${key}-label`;
      list.setAttribute("aria-labelledby", label.id);
    }
    list.hidden = true;
    box.append(input, list);
    select.after(box);
    select.classList.add("is-replaced");

    let active = -1;
    const chosen = () => select.selectedOptions[0]?.text ?? "";
    const options = () => $$("[role=option]", list);
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
    const open = (text) => {
      const wanted = text.trim().toLocaleLowerCase();
      const found = [...select.options].filter((option) => option.text.toLocaleLowerCase().includes(wanted));
      list.replaceChildren(
        ...found.map((option) => {
          const item = made("div", { class: "option", role: "option", id: `${key}-${option.index}` });
          item.textContent = option.text;
          item.dataset.index = option.index;
          return item;
        }),
      );
      if (!found.length) list.append(Object.assign(made("div", { class: "option-none", role: "option", "aria-disabled": "true" }), { textContent: select.dataset.none || "–" }));
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      mark(wanted && found.length ? 0 : found.findIndex((option) => option.selected));
    };
    const close = () => {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
      input.value = chosen();
    };
    const take = (item) => {
      if (item?.dataset.index !== undefined) {
        select.selectedIndex = Number(item.dataset.index);
        select.dispatchEvent(new Event("change", { bubbles: true }));
      }
      close();
    };
    input.value = chosen();
    input.addEventListener("input", () => open(input.value));
    input.addEventListener("click", () => (list.hidden ? open("") : close()));
    input.addEventListener("focus", () => input.select());
    input.addEventListener("blur", close);
    list.addEventListener("pointerdown", (event) => {
      event.preventDefault(); // the field keeps the focus
      take(event.target.closest("[role=option]"));
    });
    input.addEventListener("keydown", (event) => {
      const count = options().length;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) return open("");
        mark((active + (event.key === "ArrowDown" ? 1 : -1) + count) % count);
      } else if (event.key === "Enter" && !list.hidden) {
        event.preventDefault();
        take(options()[active]);
      } else if (event.key === "Escape" && !list.hidden) {
        event.preventDefault();
        event.stopPropagation();
        close();
      }
    });
  };

  const copy = async (button) => {
    await navigator.clipboard.writeText(button.closest(".code-frame").querySelector("pre").textContent);
    const words = button.querySelector("span");
    const before = words.textContent;
    words.textContent = button.dataset.copied;
    setTimeout(() => (words.textContent = before), 2000);
  };

  const sharpen = (root) => {
    for (const set of $$("[data-tabs]:not(.is-live)", root)) tabs(set);
    for (const select of $$("select[data-combobox]:not(.is-replaced)", root)) combobox(select);
  };
  sharpen(document);
  document.addEventListener("htmx:load", (event) => sharpen(event.detail.elt));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
    const toast = event.target.closest("[data-toast]");
    if (toast) {
      const shown = document.getElementById(toast.dataset.toast).content.firstElementChild.cloneNode(true);
      document.getElementById("toasts").replaceChildren(shown);
      setTimeout(() => shown.remove(), 10000);
    }
  });
})();
