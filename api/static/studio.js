/** The studio: puts its parts together. */

import { examine } from "./api.js";
import { byId, showError } from "./dom.js";
import { load, setUpHistory } from "./history.js";
import { setUpKey } from "./key.js";
import { setUpLook } from "./look.js";
import { open, setUpMaking } from "./making.js";
import { on, order } from "./order.js";
import { duration, explained } from "./plain.js";
import * as portrait from "./portrait.js";
import { loadVoices, setUpVoices } from "./voices.js";
import * as words from "./words.js";

/** @type {AbortController | null} */
let looking = null;

async function look() {
  looking?.abort();
  if (!order.portrait) return;
  const mine = (looking = new AbortController());
  portrait.portraitIsExamined();
  const who = { upload: order.portrait.upload, face_index: order.portrait.faceIndex };
  const asked = { portrait: who, recording: order.recording?.upload ?? null };
  try {
    const found = await examine(asked, mine.signal, (seconds) =>
      portrait.portraitCouldNotBeExamined(`The server is busy: it is looked at in ${duration(seconds)}.`),
    );
    if (found.status === "failed") throw new Error(found.error.message);
    portrait.portraitWasExamined(found);
    words.recordingWasExamined(found);
  } catch (error) {
    if (mine.signal.aborted) return;
    const text = `It could not be checked: ${explained(error)} You may go on.`;
    portrait.portraitCouldNotBeExamined(text);
    words.recordingCouldNotBeExamined(text);
  }
}

async function begin() {
  try {
    await loadVoices();
    showError("voice", "");
  } catch (error) {
    if (/** @type {any} */ (error).status === 401) return; // the key's dialog is open
    showError("voice", explained(error));
  }
  await load();
}

function setUpTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const dark = (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
    root.dataset.shown = dark ? "dark" : "light";
    byId("theme").setAttribute("aria-pressed", String(dark));
  };
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = root.dataset.shown === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // storage is blocked: it holds until the page is left
    }
    show();
  });
  system.addEventListener("change", show);
  show();
}

setUpTheme();
setUpKey(begin);
setUpVoices();
portrait.setUpPortrait();
words.setUpWords();
setUpLook();
setUpMaking(load);
setUpHistory((video) => open(video, load));
on("examine", look);
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => event.preventDefault()); // beside a field: the page stays
begin();
