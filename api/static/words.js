/** Step 2: a script, a recording or a topic. */

import { upload } from "./api.js";
import { byId, chosen, say, showError, showFindings, takeFiles } from "./dom.js";
import { announce, order } from "./order.js";
import { clock, duration, explained, sentence } from "./plain.js";
import { Recorder } from "./recorder.js";
import { current } from "./voices.js";

const MOST_BYTES = 50 * 1024 * 1024;
const DRAFT = "avatar-draft";
/** @type {Recorder | null} */
let recorder = null;
let attempt = 0;
let heardUrl = "";

export function setUpWords() {
  for (const input of document.querySelectorAll("[name=source]")) input.addEventListener("change", showSource);
  takeFiles("audio-file", "audio-drop", take);
  byId("record").addEventListener("click", () => (recorder ? stopRecording() : startRecording()));
  for (const name of ["script", "topic", "transcript", "duration", "tone", "normalise"]) {
    byId(name).addEventListener("input", () => announce("changed"));
  }
  for (const name of ["script", "topic"]) byId(name).addEventListener("input", () => showError(name, ""));
  keepDraft();
  showSource();
}

/** A long script outlives a reload. */
function keepDraft() {
  const script = byId("script");
  try {
    script.value = sessionStorage.getItem(DRAFT) ?? "";
    script.addEventListener("input", () => sessionStorage.setItem(DRAFT, script.value));
  } catch {
    // storage is blocked or full: the text stays on the page only
  }
}

function showSource() {
  const source = chosen("source");
  for (const part of document.querySelectorAll("[data-source]")) {
    /** @type {HTMLElement} */ (part).hidden = part.getAttribute("data-source") !== source;
  }
  byId("voice-field").hidden = source === "recording";
  if (source !== "recording" && recorder) stopRecording();
  announce("changed");
}

async function startRecording() {
  showError("audio", "");
  const made = new Recorder(showLevel);
  try {
    await made.start();
  } catch (error) {
    showError("audio", explained(error));
    return;
  }
  recorder = made;
  showRecording(true);
  say("Recording");
}

async function stopRecording() {
  const made = /** @type {Recorder} */ (recorder);
  recorder = null;
  showRecording(false);
  if (made.seconds < 0.5) showError("audio", "That was too short: record a sentence or more.");
  else await take(await made.stop());
}

/** @param {boolean} on */
function showRecording(on) {
  byId("record").classList.toggle("recording", on);
  byId("record").querySelector("use").setAttribute("href", on ? "#i-stop" : "#i-mic");
  byId("record-text").textContent = on ? "Stop" : "Record your voice";
  byId("level").hidden = byId("record-time").hidden = !on;
}

/** @param {number} seconds @param {number} level */
function showLevel(seconds, level) {
  byId("level-bar").style.transform = `scaleX(${Math.min(1, level * 1.4)})`;
  byId("record-time").textContent = clock(seconds);
}

/** @param {File} file */
async function take(file) {
  const mine = ++attempt;
  showError("audio", "");
  if (file.size > MOST_BYTES) {
    showError("audio", `This recording has ${Math.round(file.size / 1024 / 1024)} MB: use one of at most 50 MB.`);
    return;
  }
  order.recording = null;
  showFile(file);
  showFindings("audio-findings", [{ kind: "busy", text: "Sending the recording" }]);
  try {
    const kept = await upload(file);
    if (mine !== attempt) return;
    if (kept.kind !== "audio") throw new Error("this is a picture: add it under Portrait, and a recording here");
    order.recording = { upload: kept.id, refused: false };
    recordingIsKept(kept.duration_s);
    announce("changed");
    announce("examine");
  } catch (error) {
    if (mine !== attempt) return;
    byId("audio-chosen").hidden = true;
    showError("audio", explained(error));
    announce("changed");
  }
}

/** @param {number | null} seconds */
function recordingIsKept(seconds) {
  const long = seconds ? `${duration(seconds)} of sound. ` : "";
  const text = order.portrait ? `${long}Listening to it` : `${long}It is checked once there is a portrait.`;
  showFindings("audio-findings", [{ kind: order.portrait ? "busy" : "good", text }]);
}

/** @param {File} file */
function showFile(file) {
  URL.revokeObjectURL(heardUrl);
  heardUrl = URL.createObjectURL(file);
  byId("audio-player").src = heardUrl;
  byId("audio-name").textContent = file.name;
  byId("audio-chosen").hidden = false;
}

/** @param {any} found the preflight's answer */
export function recordingWasExamined(found) {
  if (!order.recording) return;
  order.recording.refused = Boolean(found.recording_refused);
  if (found.recording_refused) {
    showFindings("audio-findings", [{ kind: "bad", text: sentence(found.recording_refused.message) }]);
  } else if (found.recording) {
    const { duration_s: seconds, warnings } = found.recording;
    const praise = warnings.length ? "" : " It sounds good.";
    showFindings("audio-findings", [
      { kind: "good", text: `${duration(seconds)} of speech.${praise}` },
      ...warnings.map((/** @type {string} */ text) => ({ kind: "warn", text: sentence(text) })),
    ]);
  }
}

/** @param {string} text */
export function recordingCouldNotBeExamined(text) {
  if (order.recording) showFindings("audio-findings", [{ kind: "warn", text }]);
}

/** @returns {any} The request's speech, null while there is none. */
export function speech() {
  const source = chosen("source");
  if (source === "recording") return recorded();
  const text = byId(source).value.trim();
  if (!text) return null;
  if (source === "topic") {
    const written = (current()?.group ?? "English").slice(0, 64);
    const length = Number(byId("duration").value);
    return { type: "topic", topic: text, duration_s: length, language: written, tone: byId("tone").value, voice: order.voice };
  }
  const [rate, pitch] = ["rate", "pitch"].map((name) => Number(byId(name).value));
  return { type: "script", script: text, voice: order.voice, rate, pitch };
}

function recorded() {
  if (!order.recording) return null;
  const transcript = byId("transcript").value.trim() || null;
  return { type: "recording", upload: order.recording.upload, transcript, normalise_loudness: byId("normalise").checked };
}
