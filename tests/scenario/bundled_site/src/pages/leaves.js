import { element, leaves } from "../leaves.js";

export function render() {
  const items = leaves.map(({ name }) => element("li", {}, element("a", { href: `/leaves/${name}`, textContent: name })));
  return { title: "All leaves", content: [element("h1", { textContent: "All leaves" }), element("ul", {}, ...items)] };
}
