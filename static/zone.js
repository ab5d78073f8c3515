// Tells the server which time zone the browser is in, for people who have not chosen one.
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const now = document.cookie.match(/(?:^|; )time_zone=([^;]*)/)?.[1];
  if (!zone || zone === now || !/^[\w+\/-]{1,64}$/.test(zone)) return;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `time_zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;
})();
