/** The dialog of the API key. */

import { call, key, locked } from "./api.js";
import { byId, showError } from "./dom.js";
import { explained } from "./plain.js";

/** @param {() => void} unlocked called when a key was taken */
export function setUpKey(unlocked) {
  locked.tell = (hadKey) => {
    if (byId("key-dialog").open) return;
    open();
    if (hadKey) showError("key", "The server no longer takes this key: enter another one.");
  };
  byId("key-open").addEventListener("click", open);
  byId("key-cancel").addEventListener("click", () => byId("key-dialog").close());
  byId("key-forget").addEventListener("click", () => {
    key.forget();
    location.reload();
  });
  byId("key-form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    take(unlocked);
  });
}

function open() {
  showError("key", "");
  byId("key").value = key.get();
  byId("key-remember").checked = key.remembered;
  byId("key-forget").hidden = !key.get();
  byId("key-dialog").showModal();
}

/** @param {() => void} unlocked */
async function take(unlocked) {
  const before = { value: key.get(), remembered: key.remembered };
  const value = byId("key").value.trim();
  if (!value) return showError("key", "Paste the key here: it begins with av_live_.");
  key.set(value, byId("key-remember").checked);
  try {
    await call("GET", "/v1/videos?limit=1");
  } catch (error) {
    if (before.value) key.set(before.value, before.remembered);
    else key.forget();
    const refused = /** @type {any} */ (error).status === 401;
    return showError("key", refused ? "The server does not know this key: check that all of it was copied." : explained(error));
  }
  byId("key-dialog").close();
  unlocked();
}
