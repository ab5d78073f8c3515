// The operators' pages follow the choice that the rest of the site keeps: "system", "light" or "dark".
(() => {
  const root = document.documentElement;
  const chosen = () => {
    try {
      return localStorage.getItem("theme") || "system";
    } catch {
      return "system";
    }
  };
  const show = (theme) => {
    root.dataset.theme = theme === "light" || theme === "dark" ? theme : "auto";
  };
  show(chosen());
  document.addEventListener("click", (event) => {
    if (!event.target.closest(".theme-toggle")) return;
    const next = { system: "light", light: "dark", dark: "system" }[chosen()] || "system";
    try {
      localStorage.setItem("theme", next);
    } catch {
      // The choice holds for this page.
    }
    show(next);
  });
})();
