// Charts are drawn by the server; this adds a tooltip, and arrow keys from point to point: one tab stop a chart.
(() => {
  const points = (chart) => [...chart.querySelectorAll("[data-point]")];
  const tipOf = (chart) => {
    const found = chart.querySelector(".chart-tip");
    if (found) return found;
    const tip = document.createElement("div");
    tip.className = "chart-tip";
    tip.setAttribute("aria-hidden", "true"); // the point says the same words
    chart.append(tip);
    return tip;
  };
  const show = (point) => {
    const chart = point.closest("[data-chart]");
    const tip = tipOf(chart);
    tip.textContent = point.getAttribute("aria-label");
    tip.hidden = false;
    const frame = chart.getBoundingClientRect();
    const mark = (point.querySelector(".cbar-value, .mark") || point).getBoundingClientRect();
    const end = point.matches(".cbar") ? (document.dir === "rtl" ? mark.left : mark.right) : mark.left + mark.width / 2;
    const left = Math.min(Math.max(end - frame.left - tip.offsetWidth / 2, 0), frame.width - tip.offsetWidth);
    tip.style.left = `${left}px`;
    tip.style.top = `${mark.top - frame.top - tip.offsetHeight - 6}px`;
  };
  const hide = (point) => {
    tipOf(point.closest("[data-chart]")).hidden = true;
  };
  const near = (event) => event.target.closest?.("[data-point]");
  for (const [name, act] of [["pointerover", show], ["focusin", show], ["pointerout", hide], ["focusout", hide]])
    document.addEventListener(name, (event) => near(event) && act(near(event)));

  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  document.addEventListener("keydown", (event) => {
    const point = near(event);
    if (!point) return;
    if (event.key === "Escape") return hide(point);
    const all = points(point.closest("[data-chart]"));
    const here = all.indexOf(point);
    const there = { Home: 0, End: all.length - 1 }[event.key] ?? here + (steps[event.key] ?? 0);
    if (there === here || !all[there]) return;
    event.preventDefault();
    point.setAttribute("tabindex", "-1");
    all[there].setAttribute("tabindex", "0");
    all[there].focus();
  });
})();
