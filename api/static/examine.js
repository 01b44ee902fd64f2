/** The preflight: asked for whenever the portrait, its face or the recording changes. */

import { ApiError, call, pause } from "./api.js";
import { byId } from "./dom.js";
import { on, order } from "./order.js";
import { duration, explained } from "./plain.js";
import * as portrait from "./portrait.js";
import { offerRetry } from "./trouble.js";
import * as words from "./words.js";

const MOST_REFUSALS = 3;
const WAIT_S = 10; // where the server does not say
/** @type {AbortController | null} */
let looking = null;

export function setUpExamine() {
  on("examine", look);
}

async function look() {
  looking?.abort();
  byId("portrait-check-error").replaceChildren();
  if (!order.portrait) return;
  const mine = (looking = new AbortController());
  portrait.isExamined();
  const who = { upload: order.portrait.upload, face_index: order.portrait.faceIndex };
  const asked = { portrait: who, recording: order.recording?.upload ?? null };
  try {
    const found = await examined(asked, mine.signal);
    if (found.status === "failed") throw new Error(found.error.message);
    portrait.wasExamined(found);
    words.recordingWasExamined(found);
  } catch (error) {
    if (mine.signal.aborted) return;
    const text = `It could not be checked: ${explained(error)} You may go on.`;
    portrait.couldNotBeExamined(text);
    words.recordingCouldNotBeExamined(text);
    offerRetry("portrait-check", "Check again", error, look);
  }
}

/** @param {any} asked @param {AbortSignal} signal @returns {Promise<any>} */
async function examined(asked, signal) {
  let found = await patiently(() => call("POST", "/v1/preflight", { json: asked, signal }), signal);
  while (found.status === "running") {
    await pause(1, signal);
    found = await call("GET", `/v1/preflight/${found.id}`, { signal });
  }
  return found;
}

/** Again where the minute was full, or the server busy. @param {() => Promise<any>} ask @param {AbortSignal} signal */
async function patiently(ask, signal) {
  for (let refusals = 1; ; refusals += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || refusals >= MOST_REFUSALS || ![429, 503].includes(error.status)) throw error;
      const wait_s = error.retryAfter ?? WAIT_S;
      portrait.couldNotBeExamined(`The server is busy: it is looked at in ${duration(wait_s)}.`);
      await pause(wait_s, signal);
    }
  }
}
