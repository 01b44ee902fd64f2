/** Light or dark: the system's, until somebody chooses. */

import { byId } from "./dom.js";
import { computer } from "./storage.js";

const THEME = "theme";

export function setUpThemeButton() {
  const button = byId("theme");
  const { dataset } = document.documentElement;
  const show = (/** @type {string} */ theme) => {
    dataset.theme = theme;
    button.setAttribute("aria-pressed", String(theme === "dark"));
  };
  button.addEventListener("click", () => {
    show(dataset.theme === "dark" ? "light" : "dark");
    computer.set(THEME, /** @type {string} */ (dataset.theme));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    if (!computer.get(THEME)) show(event.matches ? "dark" : "light");
  });
  show(dataset.theme ?? "light");
}
