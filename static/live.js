// What the bell hears while the page is looked at: how much is unread, and scans that have just ended.
(() => {
  const bell = document.getElementById("bell");
  if (!bell?.dataset.live || !window.EventSource) return;
  const HIDDEN_FOR = 60000; // milliseconds that a hidden tab keeps its stream: each browser has few connections
  const PAUSES = [30000, 120000, 300000]; // before each further attempt where the server refuses
  let source = null;
  let refused = 0;
  let timer = 0;

  const show = (unread) => {
    const badge = bell.querySelector("[data-unread]");
    badge.textContent = unread > 99 ? "99+" : String(unread);
    badge.hidden = !unread;
    bell.setAttribute("aria-label", unread ? `${bell.dataset.labelSome} ${unread}` : bell.dataset.labelNone);
  };

  const say = (text, url) => {
    const toasts = document.getElementById("toasts");
    if (!toasts) return;
    const flag = document.createElement("div");
    flag.className = "flag is-info";
    const words = document.createElement("p");
    words.textContent = text;
    if (url && url.startsWith("/") && !url.startsWith("//")) {
      const link = document.createElement("a");
      link.href = url;
      link.textContent = bell.dataset.labelOpen;
      words.append(" ", link);
    }
    flag.append(words);
    toasts.append(flag);
    while (toasts.childElementCount > 3) toasts.firstElementChild.remove();
    setTimeout(() => flag.remove(), 12000);
  };

  // A stream that is refused says nothing of why; the page it belongs to does.
  const find = async () => {
    const page = await fetch(bell.href, { method: "HEAD", redirect: "manual", cache: "no-store" }).catch(() => null);
    if (page && page.status === 404) return bell.dataset.labelGone;
    if (page && page.type === "opaqueredirect") return bell.dataset.labelOut;
    return "";
  };

  const closed = async () => {
    source = null;
    const lost = await find();
    if (lost) return say(lost, "");
    if (refused < PAUSES.length) timer = setTimeout(open, PAUSES[refused++]);
  };

  const open = () => {
    clearTimeout(timer);
    if (source || document.hidden) return;
    source = new EventSource(bell.dataset.live);
    source.addEventListener("unread", (event) => {
      refused = 0;
      show(JSON.parse(event.data).unread);
    });
    source.addEventListener("toast", (event) => {
      const { text, url } = JSON.parse(event.data);
      say(text, url);
    });
    source.addEventListener("error", (event) => {
      if (event.target.readyState === EventSource.CLOSED) closed();
    });
  };

  const close = () => {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  };

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(close, HIDDEN_FOR);
    else open();
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && open());
  // The page comes first: what it loads has ended, and so has what waits for the network to be idle.
  const begin = () => (timer = setTimeout(open, Number(bell.dataset.liveDelay)));
  if (document.readyState === "complete") begin();
  else addEventListener("load", begin);
})();
