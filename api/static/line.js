/** Says that the computer is offline, and goes on when it no longer is. */

import { byId } from "./dom.js";
import { announce } from "./order.js";

/** @param {() => void} back called when the line is there again */
export function setUpLine(back) {
  const show = () => {
    byId("offline").hidden = navigator.onLine;
  };
  addEventListener("offline", show);
  addEventListener("online", () => {
    show();
    back();
    announce("changed");
  });
  show();
}
