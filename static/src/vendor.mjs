// Copies what pages load from node_modules into static/vendor, each with its licence. Run by `npm run vendor`.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const modules = join(root, "node_modules");
const vendor = join(root, "static", "vendor");

const icons = [
  "archive", "archive-restore", "arrow-left", "arrow-right", "arrow-up-right", "building-2", "check", "chevron-left",
  "chevron-right", "chevrons-up-down", "circle-alert", "circle-check", "circle-dashed", "circle-slash", "circle-x",
  "clipboard-paste", "clock", "command", "cpu", "ellipsis", "eye-off", "file-up", "filter", "flask-conical", "folder",
  "folder-plus", "gauge", "globe", "info", "key-round", "keyboard", "layout-grid", "link", "list", "loader", "log-out",
  "menu", "message-square-text", "monitor", "moon", "pencil", "play", "plus", "radar", "rotate-ccw", "scan-search",
  "search", "settings-2", "square", "sun", "tag", "tags", "trash-2", "triangle-alert", "upload", "user-round", "x",
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

const version = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")).version;
const names = ["htmx.org", "lucide-static", "@fontsource-variable/inter", "basecoat-css", "tailwindcss"];
writeFileSync(join(vendor, "VERSIONS"), names.map((name) => `${name} ${version(name)}\n`).join(""));
console.log(`static/vendor: ${readdirSync(vendor).join(", ")}`);
