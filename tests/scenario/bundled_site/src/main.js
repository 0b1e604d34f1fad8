// The router: the path in the address says which page is shown, and each page is a chunk of its own.

import "./style.css";

const routes = [
  { pattern: /^\/$/, load: () => import("./pages/home.js") },
  { pattern: /^\/leaves$/, load: () => import("./pages/leaves.js") },
  { pattern: /^\/leaves\/(?<name>[a-z.]+)$/, load: () => import("./pages/leaf.js") },
  { pattern: /^\/about$/, load: () => import("./pages/about.js") },
];

async function show() {
  const main = document.querySelector("main");
  for (const route of routes) {
    const found = route.pattern.exec(location.pathname);
    if (!found) continue;
    const page = await route.load();
    const { title, content } = page.render(found.groups ?? {});
    document.title = title;
    main.replaceChildren(...content);
    return;
  }
  document.title = "No such page";
  main.textContent = "No such page";
}

addEventListener("popstate", show);
addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/']");
  if (!link) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  show();
});
show();
