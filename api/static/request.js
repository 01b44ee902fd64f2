/** The form as the gateway takes it, and what is still missing in it. */

import { newAttempt } from "./api.js";
import { byId, chosen, showError } from "./dom.js";
import { backdropIsMissing, look } from "./look.js";
import { order } from "./order.js";
import { fieldOf } from "./plain.js";
import { showTrouble } from "./trouble.js";
import { speech } from "./words.js";

const WORDS = {
  script: { field: "script", input: "script", missing: "Type what should be said." },
  recording: { field: "audio", input: "audio-file", missing: "Add or make a recording." },
  topic: { field: "topic", input: "topic", missing: "Say what the video is about." },
};
const PLACES = {
  portrait: "portrait",
  "speech.voice": "voice",
  "speech.upload": "audio",
  "speech.script": "script",
  "speech.topic": "topic",
  "look.background": "backdrop",
  "look.label": "label",
  look: "look",
  renderer: "renderer",
};
let attempt = { body: "", key: "" };

/** @returns {any} null while no words are there */
export function request() {
  const said = speech();
  if (!said) return null;
  const { portrait } = order;
  const who = portrait && { upload: portrait.upload, face_index: portrait.faceIndex };
  return { portrait: who, speech: said, look: look(), renderer: byId("renderer").value };
}

/** @returns {boolean} Whether all is there; what is missing is said beside its field. */
export function isComplete() {
  const gaps = missing();
  for (const { field, text } of gaps) showError(field, text);
  if (gaps.length) byId(gaps[0].input).focus();
  return gaps.length === 0;
}

function missing() {
  const gaps = [];
  const words = WORDS[/** @type {"script"} */ (chosen("source"))];
  if (!order.portrait) gaps.push({ field: "portrait", text: "Choose a picture of who is to speak.", input: "portrait-file" });
  else if (order.portrait.refused) gaps.push({ field: "portrait", text: "This face cannot speak: see why above, and change the picture.", input: "portrait-file" });
  if (!speech()) gaps.push({ field: words.field, text: words.missing, input: words.input });
  else if (words === WORDS.recording && order.recording?.refused) gaps.push({ field: "audio", text: "This recording will not do: see why, and add another one.", input: "audio-file" });
  if (backdropIsMissing()) gaps.push({ field: "backdrop", text: "Choose a background picture.", input: "backdrop-file" });
  return gaps;
}

/** Below the field that it is about. @param {any} error @param {() => void} again */
export function placeError(error, again) {
  const field = error.problem ? fieldOf(error.problem) : "";
  const found = Object.entries(PLACES).find(([name]) => field.startsWith(name));
  showTrouble(found?.[1] ?? "render", error, again);
}

/** The same until an answer came, so that a lost line makes no second video. @param {any} body */
export function attemptOf(body) {
  const text = JSON.stringify(body);
  if (attempt.body !== text) attempt = { body: text, key: newAttempt() };
  return attempt.key;
}

export function attemptSucceeded() {
  attempt = { body: "", key: "" };
}
