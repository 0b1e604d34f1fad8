import picture from "../folded.svg";
import plate from "../../../../../share/site/leaf/plate.png";
import { element } from "../leaves.js";

export function render() {
  return {
    title: "Leaves: home",
    content: [
      element("h1", { textContent: "Leaves" }),
      element("img", { src: picture, alt: "A folded sheet", width: 160 }),
      element("img", { src: plate, alt: "A plate", width: 160 }),
    ],
  };
}
