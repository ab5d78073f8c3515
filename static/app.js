// What sharpens a page that works without it: menus, confirmation, shortcuts, notices. No inline script, no eval.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Menus: only one open; Escape and a click elsewhere close it and give the focus back.
  const closeMenus = (except) => {
    for (const menu of $$("details.menu[open]")) if (menu !== except) menu.open = false;
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));

  // Confirmation: a link to a confirmation page opens a dialog that posts to the same address instead.
  const ask = (link) => {
    const dialog = $("#confirm");
    $("h2", dialog).textContent = link.dataset.confirm;
    $("p", dialog).textContent = link.dataset.confirmText || "";
    $("[data-close-dialog]", dialog).textContent = link.dataset.confirmKeep || $("[data-close-dialog]", dialog).dataset.default;
    $("[type=submit]", dialog).textContent = link.dataset.confirmVerb || link.textContent.trim();
    $("form", dialog).action = link.href;
    dialog.showModal();
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-confirm]");
    if (link && $("#confirm")) {
      event.preventDefault();
      ask(link);
    }
    const closer = event.target.closest("[data-close-dialog]");
    if (closer) closer.closest("dialog").close();
    if (event.target.closest("[data-dismiss]")) event.target.closest(".flag").remove();
    const opener = event.target.closest("[data-open-dialog]");
    if (opener) document.getElementById(opener.dataset.openDialog).showModal();
  });

  // A form is sent once; a second click on a slow network must not start a second scan.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("data-hx-post")) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    for (const button of $$("[type=submit]", form)) button.setAttribute("aria-disabled", "true");
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) for (const form of $$("form[data-sent]")) delete form.dataset.sent;
  });

  // A row of tabs that is wider than the screen starts where the open one is seen; in CSS where browsers can.
  const showOpenTabs = () => {
    for (const here of $$("main nav > [aria-current=page]")) {
      const row = here.parentElement;
      if (row.scrollWidth > row.clientWidth)
        row.scrollLeft += here.getBoundingClientRect().left - row.getBoundingClientRect().left - 32;
    }
  };
  showOpenTabs();
  document.addEventListener("htmx:historyRestore", showOpenTabs);

  // Filters apply themselves on a change; the button is there for everyone else.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-autosubmit]");
    if (form && event.target.matches("select")) form.requestSubmit();
  });

  // Shortcuts: g then a letter goes somewhere, / searches, ? lists them all.
  let went = 0;
  const typing = (target) => target.closest("input, textarea, select, [contenteditable], dialog[open]");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const open = $("details.menu[open]");
      if (open) {
        open.open = false;
        $("summary", open).focus();
      }
      const cancel = event.target.closest("[data-editing]")?.querySelector("[data-cancel]");
      if (cancel) cancel.click();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "g") {
      went = event.timeStamp;
      return;
    }
    const target = event.timeStamp - went < 1200 && $(`[data-go="${CSS.escape(event.key)}"]`);
    went = 0;
    if (target) {
      event.preventDefault();
      target.click();
    } else if ($(`[data-key="${CSS.escape(event.key)}"]`)) {
      $(`[data-key="${CSS.escape(event.key)}"]`).click();
    } else if (event.key === "/" && $("[data-search]")) {
      event.preventDefault();
      $("[data-search]").focus();
    } else if (event.key === "?" && $("#shortcuts")) {
      $("#shortcuts").showModal();
    }
  });

  // htmx: what went wrong is said, and said in words.
  const notice = (kind) => {
    const template = $("#notice");
    if (!template) return;
    const flag = template.content.firstElementChild.cloneNode(true);
    $("p", flag).textContent = template.dataset[kind];
    $("#toasts").replaceChildren(flag);
    setTimeout(() => flag.remove(), 10000);
  };
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    if (status === 403) notice("forbidden");
    else if (status === 404) notice("missing");
    else if (status === 429) notice("throttled");
    else if (status === 503) notice("unavailable");
    else notice("broken");
  });
  document.addEventListener("htmx:sendError", () => notice("offline"));
  document.addEventListener("htmx:afterSwap", (event) => {
    const first = event.detail.elt?.matches?.("[data-editing]") && $("textarea, input:not([type=hidden])", event.detail.elt);
    if (first) first.focus();
    if (event.detail.boosted) showOpenTabs();
  });
})();
