// What two of the pages are about: the bundler puts it into a chunk that they share.

export const leaves = [
  { name: "folio", text: "A sheet that is folded once: two leaves, four pages." },
  { name: "quarto", text: "A sheet that is folded twice: four leaves, eight pages." },
  { name: "octavo", text: "A sheet that is folded three times: eight leaves, sixteen pages." },
  { name: "duodecimo", text: "A sheet that is folded into twelve leaves, twenty-four pages." },
  { name: "sextodecimo", text: "A sheet that is folded four times: sixteen leaves, thirty-two pages." },
];

export function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
