import "./leaf.css";
import { element, leaves } from "../leaves.js";

export function render({ name }) {
  const leaf = leaves.find((each) => each.name === name);
  return {
    title: `Leaf: ${name}`,
    content: [
      element("h1", { textContent: name }),
      element("p", { className: "leaf", textContent: leaf?.text ?? "Nobody folds a sheet like that." }),
    ],
  };
}
