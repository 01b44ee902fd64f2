/** The videos that were made before. */

import { call, isEnd } from "./api.js";
import { byId, icon, make, say, showError } from "./dom.js";
import { closeIfShown } from "./making.js";
import { ago, explained, inQueue } from "./plain.js";

const LOOK_EVERY_MS = 3000;
const UNDO_MS = 7000;
const PAGE = 12;
const WORDS = { queued: "Waiting", running: "Being made", done: "", failed: "Failed", cancelled: "Cancelled" };

/** @type {Map<string, any>} */
const videos = new Map();
/** @type {Set<string>} Deleted here, perhaps not yet there. */
const gone = new Set();
/** @type {string | null} */
let cursor = null;
let opener = (/** @type {any} */ _video) => {};
/** @type {{id: string, timer: number} | null} */
let leaving = null;

/** @param {(video: any) => void} open */
export function setUpHistory(open) {
  opener = open;
  byId("older").addEventListener("click", () => load(cursor));
  byId("toast-undo").addEventListener("click", undo);
  setInterval(() => {
    const isOpen = [...videos.values()].some((video) => !isEnd(video.status));
    if (isOpen && !document.hidden) load(null);
  }, LOOK_EVERY_MS);
  addEventListener("pagehide", () => leaving && finish(true));
}

/** @param {string | null} [after] a cursor; without one the newest are read again */
export async function load(after = null) {
  try {
    const query = after ? `&cursor=${after}` : "";
    const page = await call("GET", `/v1/videos?limit=${PAGE}${query}`);
    for (const video of page.data) videos.set(video.id, video);
    if (after || videos.size <= PAGE) cursor = page.next_cursor;
    showError("history", "");
    show();
  } catch (error) {
    if (/** @type {any} */ (error).status !== 401) showError("history", explained(error));
  }
}

function show() {
  const list = byId("films");
  const shown = [...videos.values()].filter((video) => !gone.has(video.id));
  shown.sort((a, b) => (a.id < b.id ? 1 : -1));
  const there = new Map([...list.children].map((/** @type {any} */ film) => [film.dataset.id, film]));
  const films = shown.map((video) => {
    const film = there.get(video.id);
    return film?.dataset.seen === seen(video) ? film : card(video);
  });
  const focused = document.activeElement?.closest(".film")?.getAttribute("data-id");
  if (films.length !== list.children.length || films.some((film, index) => film !== list.children[index])) {
    list.replaceChildren(...films);
    if (focused) /** @type {any} */ (films.find((film) => film.dataset.id === focused)?.querySelector(".open"))?.focus();
  }
  byId("history-empty").hidden = shown.length > 0;
  byId("older").hidden = !cursor;
}

/** What a card shows: where it is the same, the card stays. @param {any} video */
function seen(video) {
  return [video.status, Math.round(video.percent), video.queue_position].join(" ");
}

/** @param {any} video */
function card(video) {
  const title = titleOf(video);
  const words = statusOf(video);
  const picture = make("div", { class: "picture" }, icon("portrait"));
  if (video.files?.thumbnail) picture.append(make("img", { src: video.files.thumbnail, alt: "", loading: "lazy" }));
  if (words) picture.append(make("span", { class: "pill", text: words }));
  const verb = video.status === "done" ? "Play" : "Show";
  const open = make("button", { type: "button", class: "open", "aria-label": `${verb} “${title}”${words ? `, ${words}` : ""}`, onclick: () => fresh(video) });
  const about = make("div", { class: "text" }, make("p", { class: "title", text: title }), make("p", { class: "when", text: whenOf(video) }));
  const ends = isEnd(video.status);
  const remove = make("button", { type: "button", class: "icon-button", "aria-label": `${ends ? "Delete" : "Cancel"} “${title}”`, onclick: () => (ends ? leave(video) : cancel(video)) }, icon(ends ? "bin" : "stop"));
  return make("li", { class: "film", "data-id": video.id, "data-seen": seen(video) }, picture, open, make("div", { class: "about" }, about, remove));
}

/** @param {any} video */
function titleOf(video) {
  const said = video.request.speech ?? {};
  const text = said.script ?? said.topic ?? said.transcript ?? "A recording";
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** @param {any} video */
function statusOf(video) {
  if (video.status === "running") return `${Math.round(video.percent)} %`;
  if (video.status === "queued" && video.queue_position) return inQueue(video.queue_position);
  return WORDS[/** @type {"done"} */ (video.status)];
}

/** @param {any} video */
function whenOf(video) {
  const length = video.result ? `${Math.round(video.result.duration_s)} s · ` : "";
  return `${length}${ago(video.created_at)}`;
}

/** With links that hold. @param {any} video */
async function fresh(video) {
  try {
    opener(await call("GET", `/v1/videos/${video.id}`));
    byId("panel").scrollIntoView({ block: "start", behavior: "smooth" });
    byId("panel-title").focus({ preventScroll: true });
  } catch (error) {
    showError("history", explained(error));
  }
}

/** @param {any} video */
async function cancel(video) {
  try {
    await call("POST", `/v1/videos/${video.id}/cancel`);
    say("Cancelling");
  } catch (error) {
    showError("history", explained(error));
  }
  await load();
}

/** Gone from the page at once, from the server when it can no longer be undone. @param {any} video */
function leave(video) {
  if (leaving) finish();
  gone.add(video.id);
  leaving = { id: video.id, timer: window.setTimeout(finish, UNDO_MS) };
  closeIfShown(video.id);
  show();
  byId("toast-text").textContent = "Video deleted";
  byId("toast").hidden = false;
  byId("toast-undo").focus({ preventScroll: true });
}

function undo() {
  if (!leaving) return;
  clearTimeout(leaving.timer);
  gone.delete(leaving.id);
  const { id } = leaving;
  hideToast();
  show();
  /** @type {any} */ (document.querySelector(`[data-id="${id}"] .open`))?.focus();
}

/** @param {boolean} [closing] the page goes away: the call must outlive it */
async function finish(closing) {
  if (!leaving) return;
  const { id, timer } = leaving;
  clearTimeout(timer);
  hideToast();
  try {
    await call("DELETE", `/v1/videos/${id}`, { keepalive: closing === true });
    videos.delete(id);
  } catch (error) {
    gone.delete(id);
    showError("history", explained(error));
    show();
  }
}

function hideToast() {
  const hadFocus = byId("toast").contains(document.activeElement);
  leaving = null;
  byId("toast").hidden = true;
  if (hadFocus) byId("history").focus({ preventScroll: true });
}
