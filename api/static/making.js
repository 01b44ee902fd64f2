/** The panel: a video that is asked for, made, ready or failed. */

import { call } from "./api.js";
import { byId, say, scrollTo, showError } from "./dom.js";
import { follow, isEnd } from "./follow.js";
import { announce } from "./order.js";
import { duration, failed, inQueue } from "./plain.js";
import { closeVideo, showVideo } from "./player.js";
import { preview } from "./quote.js";
import { attemptOf, attemptSucceeded, isComplete, placeError, request } from "./request.js";
import { editWords, reuse, startAnew } from "./reuse.js";
import { tab } from "./storage.js";
import { showTrouble } from "./trouble.js";

const NAME = document.title;
const SHOWN = "avatar-shown";
const PATIENCE_MS = 60_000;
const TITLES = { idle: "Preview", making: "Your video is being made", done: "Your video is ready", failed: "That did not work" };

/** @type {AbortController | null} */
let following = null;
/** @type {any} */
let shown = null;
/** What was told last, and since when nobody has begun; milliseconds. */
let told = { lost: false, ends: 0, waits: 0, cancelled: false };

export function setUpMaking() {
  byId("studio").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    render();
  });
  byId("cancel").addEventListener("click", cancel);
  byId("another").addEventListener("click", () => leave(startAnew));
  byId("same").addEventListener("click", () => leave(() => reuse(shown)).then(render));
  byId("edit-script").addEventListener("click", () => leave(() => editWords(shown, byId("spoken").textContent)));
  for (const button of document.querySelectorAll(".change")) {
    button.addEventListener("click", () => leave(() => reuse(shown)));
  }
  setInterval(showNote, 1000);
}

async function render() {
  if (byId("render").getAttribute("aria-disabled") === "true") return;
  showError("render", "");
  if (!isComplete()) return;
  byId("render").setAttribute("aria-disabled", "true");
  try {
    const body = request();
    const video = await call("POST", "/v1/videos", { json: body, headers: { "Idempotency-Key": attemptOf(body) } });
    attemptSucceeded();
    announce("made");
    open(video);
    scrollTo("panel", "nearest");
  } catch (error) {
    placeError(error, render);
  } finally {
    byId("render").removeAttribute("aria-disabled");
  }
}

/** The video that this tab showed before it was reloaded, or else the newest that is being made. @param {any} [newest] */
export async function resume(newest) {
  if (shown) return;
  const id = tab.get(SHOWN) ?? newest?.id;
  if (!id) return;
  try {
    const video = await call("GET", `/v1/videos/${id}`);
    open(video);
    if (!isEnd(video.status)) await reuse(video);
  } catch {
    tab.remove(SHOWN); // it was deleted, or belongs to another key
  }
}

/** Show a video: follow it, play it, or say why there is none. @param {any} video */
export async function open(video) {
  following?.abort();
  const mine = (following = new AbortController());
  shown = video;
  tab.set(SHOWN, video.id);
  if (isEnd(video.status)) return showEnd(video);
  told = { lost: false, ends: 0, waits: Date.now(), cancelled: video.cancel_requested };
  show("making");
  showError("making", "");
  progress(video);
  try {
    showEnd(await follow(video.id, progress, mine.signal));
  } catch (error) {
    if (!mine.signal.aborted) showTrouble("making", error, () => open(video));
  }
  announce("made");
}

/** @param {string} id of a video that was deleted */
export function closeIfShown(id) {
  if (id === shown?.id) leave();
}

/** Back to the form. @param {() => any} [then] */
async function leave(then) {
  following?.abort();
  await then?.();
  shown = null;
  tab.remove(SHOWN);
  show("idle");
  if (!then) return;
  scrollTo("portrait", "start");
  byId("portrait").focus({ preventScroll: true });
}

/** @param {any} video as an event tells of it */
function progress(video) {
  told.lost = Boolean(video.lost);
  if (video.lost || isEnd(video.status)) return showNote();
  const percent = Math.min(99, Math.round(video.percent ?? 0));
  if (video.status !== "queued" || video.queue_position) told.waits = Date.now();
  told.ends = video.eta_s == null ? 0 : Date.now() + 1000 * video.eta_s;
  byId("panel").classList.toggle("waiting", !percent);
  showStage(video.status === "queued" ? waiting(video) : (video.stage ?? "Starting"));
  byId("percent").textContent = `${percent} %`;
  byId("bar").setAttribute("aria-valuenow", String(percent));
  byId("bar-fill").style.transform = `scaleX(${percent / 100})`;
  document.title = percent ? `${percent} % · ${NAME}` : `Waiting · ${NAME}`;
  showNote();
}

/** @param {any} video */
function waiting(video) {
  if (video.queue_position) return inQueue(video.queue_position);
  return video.stage ?? "Waiting for its turn";
}

/** @param {string} words */
function showStage(words) {
  if (byId("stage-words").textContent === words) return;
  byId("stage-words").textContent = words;
  say(words);
}

function showNote() {
  if (byId("panel").dataset.state !== "making") return;
  const text = note();
  if (byId("making-note").textContent !== text) byId("making-note").textContent = text;
  byId("cancel").disabled = told.cancelled;
}

function note() {
  const left_s = (told.ends - Date.now()) / 1000;
  if (told.cancelled) return "Cancelling …";
  if (told.lost) return "The line to the server is lost: trying again. Your video goes on.";
  if (Date.now() - told.waits > PATIENCE_MS) return "It takes longer than usual to begin. Your video is kept, and made as soon as the server can.";
  return `${left_s > 1 ? `About ${duration(left_s)} left. ` : ""}You can leave this page: it goes on.`;
}

/** @param {any} video */
function showEnd(video) {
  shown = video;
  if (video.status === "done") showVideo(video);
  else {
    byId("failure").textContent = failed(video);
    byId("same").hidden = !video.error?.retryable;
  }
  show(video.status === "done" ? "done" : "failed");
  const title = TITLES[/** @type {"done"} */ (byId("panel").dataset.state)];
  document.title = `${title} · ${NAME}`;
  say(title);
}

/** @param {"idle" | "making" | "done" | "failed"} state */
function show(state) {
  const panel = byId("panel");
  const hadFocus = panel.contains(document.activeElement) && document.activeElement !== byId("panel-title");
  panel.dataset.state = state;
  panel.classList.remove("waiting");
  byId("panel-title").textContent = TITLES[state];
  byId("stage-words-empty").textContent = state === "making" ? "It appears here when it is ready" : "Your portrait appears here";
  byId("video").hidden = state !== "done";
  if (state !== "done") closeVideo();
  if (state === "idle") document.title = NAME;
  preview();
  if (state === "done") byId("preview").hidden = byId("stage-empty").hidden = true;
  if (hadFocus || state === "idle") byId("panel-title").focus({ preventScroll: true });
}

async function cancel() {
  told.cancelled = true;
  showNote();
  try {
    await call("POST", `/v1/videos/${shown.id}/cancel`);
  } catch (error) {
    if (/** @type {any} */ (error).status === 409) return; // it was finished first
    told.cancelled = false;
    showTrouble("making", error, cancel);
  }
}
