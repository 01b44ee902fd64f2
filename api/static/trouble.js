/** Errors with a way out: a button that tries again, and counts down where the server said when. */

import { mayPass } from "./api.js";
import { byId, make, showError } from "./dom.js";
import { duration, explained } from "./plain.js";

/**
 * Below its field.
 * @param {string} field as for showError @param {any} error @param {() => void} again
 */
export function showTrouble(field, error, again) {
  showError(field, explained(error));
  offerRetry(field, "Try again", error, again);
}

/**
 * Only where the same may go well later.
 * @param {string} field @param {string} label @param {any} error @param {() => void} again
 */
export function offerRetry(field, label, error, again) {
  if (!mayPass(error)) return;
  const place = byId(`${field}-error`);
  const text = make("span", { text: label });
  const button = make("button", { type: "button", class: "button quiet small retry" }, text);
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled")) return;
    const section = /** @type {HTMLElement | null} */ (button.closest("[tabindex='-1']"));
    if (button.contains(document.activeElement)) section?.focus({ preventScroll: true });
    showError(field, "");
    again();
  });
  place.after(button);
  countDown(button, text, label, error.retryAfter ?? 0);
}

/**
 * Outside of what screen readers announce: they hear the error, not every second.
 * @param {HTMLElement} button @param {HTMLElement} text @param {string} label @param {number} wait_s
 */
function countDown(button, text, label, wait_s) {
  const ends = Date.now() + 1000 * wait_s;
  const tick = () => {
    const left = (ends - Date.now()) / 1000;
    text.textContent = left > 0 ? `${label} in ${duration(Math.ceil(left))}` : label;
    if (left > 0) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    if (left > 0 && button.isConnected) setTimeout(tick, 250);
  };
  tick();
}
