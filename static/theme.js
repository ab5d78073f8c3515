// Loaded before the page is drawn, so that it never flashes in the wrong theme. The style sheet follows the system by
// itself; a choice is a class on the root. A signed-in user's choice comes with the page and is kept on the server.
(() => {
  const root = document.documentElement;
  const account = root.dataset.accountTheme;
  const remembered = () => {
    try {
      return localStorage.getItem("theme") || "system";
    } catch {
      return "system";
    }
  };
  const remember = (theme) => {
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // The choice holds for this page.
    }
  };
  const show = (theme) => {
    root.classList.toggle("dark", theme === "dark");
    root.classList.toggle("light", theme === "light");
    for (const button of document.querySelectorAll("button[data-theme]"))
      button.setAttribute("aria-pressed", String(button.dataset.theme === theme));
  };
  let theme = account || remembered();
  if (account) remember(account); // the sign-in page looks the same tomorrow
  root.classList.add("js");
  if (!root.hasAttribute("data-theme-fixed")) show(theme);
  document.addEventListener("DOMContentLoaded", () => root.hasAttribute("data-theme-fixed") || show(theme));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-theme]");
    if (!button) return;
    theme = button.dataset.theme;
    remember(theme);
    show(theme);
    if (!button.form) return;
    event.preventDefault();
    const body = new FormData(button.form);
    body.set("theme", theme);
    const headers = { "X-Requested-With": "fetch" };
    // Whoever goes on to the next page at once has chosen all the same.
    fetch(button.form.action, { method: "POST", body, headers, keepalive: true }).catch(() => {});
  });
})();
