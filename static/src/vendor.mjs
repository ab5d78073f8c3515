// Copies what pages load from node_modules into static/vendor, each with its licence. Run by `npm run vendor`.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const modules = join(root, "node_modules");
const vendor = join(root, "static", "vendor");

const icons = [
  "activity", "archive", "archive-restore", "arrow-left", "arrow-right", "arrow-right-left", "arrow-up",
  "arrow-up-right", "at-sign", "badge-check", "ban", "bell", "book", "building", "building-2", "calendar",
  "chart-line", "check", "chevron-down", "chevron-left", "chevron-right", "chevrons-up-down", "circle-alert",
  "circle-check", "circle-dashed", "circle-help", "circle-slash", "circle-x", "clipboard-paste", "clock", "code",
  "command", "copy", "corner-down-left", "cpu", "credit-card", "download", "ellipsis", "external-link", "eye",
  "eye-off", "file-text", "file-up", "filter", "fingerprint", "flag", "flask-conical", "folder", "folder-plus",
  "gauge", "globe", "heart-pulse", "history", "image", "info", "key-round", "keyboard", "languages", "laptop",
  "layout-grid", "life-buoy", "link", "list", "loader", "lock", "log-in", "log-out", "mail", "menu",
  "message-square-text", "minus", "monitor", "moon", "palette", "panel-right", "pencil", "play", "plus", "radar",
  "refresh-cw", "rotate-ccw", "save", "scan-search", "scroll-text", "search", "send", "server", "settings-2",
  "shield", "shield-check", "smartphone", "square", "star", "sun", "table", "tag", "tags", "target", "toggle-left",
  "trash-2", "triangle-alert", "upload", "user-cog", "user-minus", "user-plus", "user-round", "user-x", "users", "x",
];

rmSync(vendor, { recursive: true, force: true });
for (const folder of ["lucide", "inter", "htmx"]) mkdirSync(join(vendor, folder), { recursive: true });

for (const name of icons) cpSync(join(modules, "lucide-static", "icons", `${name}.svg`), join(vendor, "lucide", `${name}.svg`));
cpSync(join(modules, "lucide-static", "LICENSE"), join(vendor, "lucide", "LICENSE"));

const inter = join(modules, "@fontsource-variable", "inter");
for (const subset of ["latin", "latin-ext"])
  cpSync(join(inter, "files", `inter-${subset}-wght-normal.woff2`), join(vendor, "inter", `inter-${subset}.woff2`));
cpSync(join(inter, "LICENSE"), join(vendor, "inter", "LICENSE"));

cpSync(join(modules, "htmx.org", "dist", "htmx.min.js"), join(vendor, "htmx", "htmx.min.js"));
cpSync(join(modules, "htmx.org", "LICENSE"), join(vendor, "htmx", "LICENSE"));

mkdirSync(join(vendor, "basecoat"), { recursive: true });
cpSync(join(modules, "basecoat-css", "LICENSE.md"), join(vendor, "basecoat", "LICENSE.md"));
mkdirSync(join(vendor, "tailwindcss"), { recursive: true });
cpSync(join(modules, "tailwindcss", "LICENSE"), join(vendor, "tailwindcss", "LICENSE"));

// Of Basecoat's style only the pieces that pages use: the whole of it doubles the style sheet.
const pieces = [
  "Button", "Textarea", "Input", "Native Select", "Badge", "Breadcrumb", "Checkbox", "Radio", "Field", "Empty", "Kbd",
  "Label", "Table",
];
const nova = readFileSync(join(modules, "basecoat-css", "dist", "styles", "nova.css"), "utf8");
const parts = nova.split(/^ {2}\/\* ([A-Z][A-Za-z ]*) \*\/$/m);
const chosen = pieces.map((name) => parts[parts.indexOf(name) + 1].replace(/\n}\s*(?:\/\*[^]*)?$/, "\n"));
writeFileSync(
  join(root, "static", "src", "nova.css"),
  `/* From basecoat-css (MIT, see static/vendor/basecoat). Written by \`npm run vendor\`. */\n@layer components {${chosen.join("")}}\n`,
);

const version = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")).version;
const names = ["htmx.org", "lucide-static", "@fontsource-variable/inter", "basecoat-css", "tailwindcss"];
writeFileSync(join(vendor, "VERSIONS"), names.map((name) => `${name} ${version(name)}\n`).join(""));
console.log(`static/vendor: ${readdirSync(vendor).join(", ")}`);
