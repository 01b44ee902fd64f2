/** A video's request back in the form, to be changed and made again. */

import { byId, showError } from "./dom.js";
import * as look from "./look.js";
import { announce } from "./order.js";
import * as portrait from "./portrait.js";
import * as words from "./words.js";

/** @param {any} video */
export async function reuse(video) {
  const asked = video.request;
  words.reuse(asked.speech);
  look.reuse(asked.look, asked.renderer);
  await portrait.reuse(asked.portrait, video.files?.thumbnail);
  announce("changed");
}

/** With the script that was written for a topic. @param {any} video @param {string} script */
export async function editWords(video, script) {
  await reuse(video);
  words.reuse({ type: "script", script, voice: video.request.speech.voice, rate: 1, pitch: 1 });
}

export function startAnew() {
  byId("studio").reset();
  for (const field of ["portrait", "script", "topic", "audio", "backdrop", "label", "render"]) showError(field, "");
  words.clear();
  look.clear();
  portrait.clear();
  announce("changed");
}
