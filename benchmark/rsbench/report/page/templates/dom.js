"use strict";

/** Text of a value that is undefined or unknown. */
const EMPTY = "\u2013";

/** A new element. Children that are strings become text, whatever they contain. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** A button that calls `action`. */
function button(label, action, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", action);
  return made;
}

/** The JSON that a script element of the page holds. */
function embedded(script) {
  return JSON.parse(script.textContent);
}

/** A column as a list again, whichever way it was packed. */
function unpacked(column) {
  return Array.isArray(column) ? column : column.at.map((place) => column.values[place]);
}

/** Hands text or other content to the user as a file. */
function download(name, content, type) {
  const link = element("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** 12345 as "12,345". */
function grouped(number) {
  return number.toLocaleString("en-US");
}
