import { element } from "../leaves.js";

export function render() {
  return {
    title: "About",
    content: [
      element("h1", { textContent: "About" }),
      element("p", { textContent: "Built by a bundler, so that a server can be seen to serve what bundlers build." }),
    ],
  };
}
