/** The panel: the quote, the making of a video, and the video. */

import { call, follow, isEnd, newAttempt } from "./api.js";
import { byId, chosen, debounced, make, say, showError, showFindings } from "./dom.js";
import { draw, drawCaption } from "./framing.js";
import { backdropIsMissing, look } from "./look.js";
import { on, order } from "./order.js";
import { duration, explained, fieldOf, inQueue, money, sentence } from "./plain.js";
import { speech } from "./words.js";

const QUOTE_AFTER_MS = 350;
const TITLES = { idle: "Preview", making: "Your video is being made", done: "Your video is ready", failed: "That did not work" };
const SOURCE_FIELDS = { script: "script", recording: "audio", topic: "topic" };

/** @type {AbortController | null} */
let following = null;
/** @type {string | null} */
let shownId = null;
let quoteNumber = 0;
let attempt = { body: "", key: "" };
let end = { at: 0 }; // of the video being made, milliseconds

/** @param {() => void} made called when a video came or changed */
export function setUpMaking(made) {
  on("changed", debounced(quote, QUOTE_AFTER_MS));
  on("changed", preview);
  byId("studio").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    render(made);
  });
  byId("cancel").addEventListener("click", cancel);
  for (const button of document.querySelectorAll(".another")) button.addEventListener("click", again);
  setInterval(showRemaining, 1000);
  preview();
}

function preview() {
  const portrait = order.portrait;
  const image = portrait?.image;
  byId("stage-empty").hidden = Boolean(image);
  byId("preview").hidden = !image;
  if (!image) return;
  draw(byId("preview"), image, portrait.box, chosen("aspect"));
  if (chosen("captions") === "burned") drawCaption(byId("preview"));
}

/** @returns {any} null while no words are there */
function request() {
  const said = speech();
  if (!said) return null;
  const { portrait } = order;
  const who = portrait && { upload: portrait.upload, face_index: portrait.faceIndex };
  return { portrait: who, speech: said, look: look(), renderer: byId("renderer").value };
}

async function quote() {
  const asked = request();
  const mine = ++quoteNumber;
  for (const field of ["look", "renderer", "voice"]) showError(field, "");
  if (!asked) return showQuote(null);
  try {
    const made = await call("POST", "/v1/quotes", { json: asked });
    if (mine === quoteNumber) showQuote(made);
  } catch (error) {
    if (mine !== quoteNumber) return;
    showQuote(null);
    placeError(error);
  }
}

/** @param {any} quote */
function showQuote(quote) {
  byId("quote-length").textContent = quote ? `${quote.exact ? "" : "≈ "}${duration(quote.speech_s)}` : "–";
  byId("quote-eta").textContent = quote ? `≈ ${duration(quote.eta_s)}` : "–";
  byId("quote-price").textContent = quote ? money(quote.price) : "–";
  byId("quote-note").textContent = note(quote);
}

/** @param {any} quote */
function note(quote) {
  if (!order.portrait) return quote ? "Add a portrait to begin." : "Add a portrait and some words to begin.";
  if (!quote) return "Now add some words.";
  return quote.queue_s >= 1 ? `Others are first: it waits about ${duration(quote.queue_s)}.` : "A video that fails costs nothing.";
}

/** Below the field that it is about. @param {any} error @param {string} otherwise */
function placeError(error, otherwise = "render") {
  const field = error.problem ? fieldOf(error.problem) : "";
  const places = {
    portrait: "portrait",
    "speech.voice": "voice",
    "speech.upload": "audio",
    "speech.script": "script",
    "speech.topic": "topic",
    "look.background": "backdrop",
    look: "look",
    renderer: "renderer",
  };
  const found = Object.entries(places).find(([name]) => field.startsWith(name));
  const place = found?.[1] ?? otherwise;
  showError(place, explained(error));
  return place;
}

/** @returns {boolean} Whether all is there; what is missing is said beside its field. */
function isComplete() {
  const missing = [];
  if (!order.portrait) missing.push(["portrait", "Choose a picture of who is to speak.", "portrait-file"]);
  else if (order.portrait.refused) missing.push(["portrait", "This face cannot speak: see why above, and change the picture.", "portrait-file"]);
  const source = /** @type {"script"} */ (chosen("source"));
  if (!speech()) missing.push([SOURCE_FIELDS[source], { script: "Type what should be said.", recording: "Add or make a recording.", topic: "Say what the video is about." }[source], source === "recording" ? "audio-file" : source]);
  else if (source === "recording" && order.recording?.refused) missing.push(["audio", "This recording will not do: see why, and add another one.", "audio-file"]);
  if (backdropIsMissing()) missing.push(["backdrop", "Choose a background picture.", "backdrop-file"]);
  for (const [field, text] of missing) showError(field, text);
  if (missing.length) byId(missing[0][2]).focus();
  return missing.length === 0;
}

/** @param {() => void} made */
async function render(made) {
  if (byId("render").getAttribute("aria-disabled") === "true") return;
  showError("render", "");
  if (!isComplete()) return;
  byId("render").setAttribute("aria-disabled", "true");
  try {
    const body = request();
    const video = await call("POST", "/v1/videos", { json: body, headers: { "Idempotency-Key": attemptOf(body) } });
    attempt = { body: "", key: "" };
    made();
    await open(video, made);
  } catch (error) {
    placeError(error);
  } finally {
    byId("render").removeAttribute("aria-disabled");
  }
}

/** The same until an answer came, so that a lost line makes no second video. @param {any} body */
function attemptOf(body) {
  const text = JSON.stringify(body);
  if (attempt.body !== text) attempt = { body: text, key: newAttempt() };
  return attempt.key;
}

/**
 * Show a video: follow it, play it, or say why there is none.
 * @param {any} video @param {() => void} made
 */
export async function open(video, made) {
  following?.abort();
  const mine = (following = new AbortController());
  shownId = video.id;
  if (isEnd(video.status)) return showEnd(video);
  show("making");
  showError("making", "");
  progress(video);
  byId("panel").scrollIntoView({ block: "nearest", behavior: "smooth" });
  try {
    const ended = await follow(video.id, progress, mine.signal);
    showEnd(ended);
  } catch (error) {
    if (!mine.signal.aborted) showError("making", explained(error));
  }
  made();
}

/** @param {string} id of a video that was deleted */
export function closeIfShown(id) {
  if (id === shownId) again();
}

/** @param {any} told */
function progress(told) {
  if (told.lost) {
    byId("making-note").textContent = "The line to the server is lost: trying again. Your video goes on.";
    return;
  }
  if (isEnd(told.status)) return;
  const waiting = told.status === "queued";
  byId("panel").classList.toggle("waiting", !told.percent);
  const words = waiting ? (told.queue_position ? inQueue(told.queue_position) : "Waiting for its turn") : (told.stage ?? "Starting");
  if (byId("stage-words").textContent !== words) {
    byId("stage-words").textContent = words;
    say(words);
  }
  const percent = Math.min(99, Math.round(told.percent ?? 0));
  byId("percent").textContent = `${percent} %`;
  byId("bar").setAttribute("aria-valuenow", String(percent));
  byId("bar-fill").style.transform = `scaleX(${percent / 100})`;
  end.at = told.eta_s == null ? 0 : Date.now() + 1000 * told.eta_s;
  showRemaining();
}

function showRemaining() {
  if (byId("panel").dataset.state !== "making" || byId("making-note").textContent.startsWith("Cancel")) return;
  const left = (end.at - Date.now()) / 1000;
  const text = end.at && left > 1 ? `About ${duration(left)} left. ` : "";
  byId("making-note").textContent = `${text}You can leave this page: it goes on.`;
}

/** @param {any} video */
function showEnd(video) {
  if (video.status === "done") showVideo(video);
  else {
    show("failed");
    const words = video.status === "cancelled" ? "You cancelled this video. Nothing was charged." : sentence(video.error?.message ?? "It failed: try again");
    byId("failure").textContent = words;
  }
  const state = /** @type {"done"} */ (byId("panel").dataset.state);
  say(TITLES[state]);
}

/** @param {any} video */
function showVideo(video) {
  show("done");
  const { files, result } = video;
  const player = byId("video");
  player.poster = files.thumbnail ?? "";
  player.replaceChildren(...track(video));
  player.src = files.video;
  byId("stage").classList.toggle("see-through", files.video.includes(".webm"));
  byId("download").href = asDownload(files.video);
  const links = { "Captions, SRT": files.captions_srt, "Captions, VTT": files.captions_vtt, Manifest: files.manifest, "Contact sheet": files.contact_sheet };
  byId("links").replaceChildren(
    ...Object.entries(links).filter(([, url]) => url).map(([text, url]) => make("a", { href: asDownload(url), download: "", text })),
  );
  const checks = result.quality.checks.filter((/** @type {any} */ one) => one.measured);
  const passed = checks.filter((/** @type {any} */ one) => one.passed).length;
  const facts = [duration(result.duration_s), `${result.width} × ${result.height}`, `${result.fps} fps`, `${passed} of ${checks.length} quality checks passed`, money(video.receipt.price)];
  byId("facts").textContent = facts.join(" · ");
  showFindings("result-findings", result.warnings.map((/** @type {string} */ text) => ({ kind: "warn", text: sentence(text) })));
}

/** Captions of another origin cannot be shown; they can be downloaded. @param {any} video */
function track(video) {
  const url = video.files.captions_vtt;
  if (!url || new URL(url, location.href).origin !== location.origin) return [];
  return [make("track", { kind: "captions", label: "Captions", srclang: "en", src: url, default: video.request.look?.captions !== "burned" })];
}

/** @param {string} url */
function asDownload(url) {
  const link = new URL(url, location.href);
  if (link.origin === location.origin) link.searchParams.set("download", "true");
  return link.href;
}

/** @param {"idle" | "making" | "done" | "failed"} state */
function show(state) {
  const panel = byId("panel");
  const hadFocus = panel.contains(document.activeElement) && document.activeElement !== byId("panel-title");
  panel.dataset.state = state;
  panel.classList.remove("waiting");
  byId("panel-title").textContent = TITLES[state];
  byId("video").hidden = state !== "done";
  if (state !== "done") byId("video").pause();
  preview();
  if (state === "done") byId("preview").hidden = byId("stage-empty").hidden = true;
  if (hadFocus || state === "idle") byId("panel-title").focus({ preventScroll: true });
}

async function cancel() {
  byId("making-note").textContent = "Cancelling …";
  try {
    await call("POST", `/v1/videos/${shownId}/cancel`);
  } catch (error) {
    showError("making", explained(error));
  }
}

function again() {
  following?.abort();
  shownId = null;
  byId("video").removeAttribute("src");
  show("idle");
  byId("portrait").scrollIntoView({ block: "start", behavior: "smooth" });
}
