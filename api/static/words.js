/** Step 2: a script, a recording or a topic. */

import { upload } from "./api.js";
import { byId, choose, chosen, fill, say, showError, showFindings, takeFiles } from "./dom.js";
import { announce, order } from "./order.js";
import { clock, duration, explained, sentence } from "./plain.js";
import { Recorder } from "./recorder.js";
import { tab } from "./storage.js";
import { showTrouble } from "./trouble.js";
import { current, setVoice } from "./voices.js";

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
  script.value = tab.get(DRAFT) ?? "";
  script.addEventListener("input", () => tab.set(DRAFT, script.value));
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
export async function take(file) {
  choose("source", "recording");
  const mine = ++attempt;
  showError("audio", "");
  if (file.size > MOST_BYTES) {
    showError("audio", `This recording has ${Math.round(file.size / 1024 / 1024)} MB: use one of at most 50 MB.`);
    return;
  }
  forget();
  showFile(URL.createObjectURL(file), file.name);
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
    forget();
    showTrouble("audio", error, () => take(file));
    announce("changed");
  }
}

/** @param {number | null} seconds */
function recordingIsKept(seconds) {
  const long = seconds ? `${duration(seconds)} of sound. ` : "";
  const text = order.portrait ? `${long}Listening to it` : `${long}It is checked once there is a portrait.`;
  showFindings("audio-findings", [{ kind: order.portrait ? "busy" : "good", text }]);
}

/** @param {string} url of its sound, none where only the server has it @param {string} name */
function showFile(url, name) {
  heardUrl = url;
  byId("audio-player").hidden = !url;
  if (url) byId("audio-player").src = url;
  byId("audio-name").textContent = name;
  byId("audio-chosen").hidden = false;
}

function forget() {
  URL.revokeObjectURL(heardUrl);
  order.recording = null;
  byId("audio-player").removeAttribute("src");
  byId("audio-chosen").hidden = true;
}

export function clear() {
  attempt += 1;
  forget();
  tab.remove(DRAFT);
  setVoice("en-us");
  fill("rate", 1);
  fill("pitch", 1);
  showSource();
}

/** @param {any} said the speech of a request */
export function reuse(said) {
  choose("source", said.type);
  if (said.voice) setVoice(said.voice);
  const fields = /** @type {Record<string, string[]>} */ ({
    script: ["script", "rate", "pitch"],
    topic: ["topic", "tone"],
    recording: ["transcript"],
  })[said.type];
  for (const name of fields) fill(name, said[name]);
  if (said.type === "topic") fill("duration", String(said.duration_s));
  if (said.type === "recording") reuseRecording(said);
}

/** @param {any} said */
function reuseRecording(said) {
  attempt += 1;
  forget();
  fill("normalise", said.normalise_loudness);
  if (!said.upload) return showError("audio", "That recording came from an address: add it here.");
  order.recording = { upload: said.upload, refused: false };
  showFile("", "The recording of that video");
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
