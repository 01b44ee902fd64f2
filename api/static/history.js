/** The videos that were made before. */

import { call } from "./api.js";
import { byId, icon, make, say, scrollTo, showError } from "./dom.js";
import { isEnd } from "./follow.js";
import { closeIfShown, open } from "./making.js";
import { on } from "./order.js";
import { ago, explained, inQueue } from "./plain.js";
import { asDownload } from "./player.js";
import { reuse } from "./reuse.js";
import { showTrouble } from "./trouble.js";

const LOOK_EVERY_MS = 3000;
const PAGE = 12;
const WORDS = { queued: "Waiting", running: "Being made", done: "", failed: "Failed", cancelled: "Cancelled" };

/** @type {Map<string, any>} */
const videos = new Map();
/** @type {string | null} */
let cursor = null;
/** @type {any} The video that the dialog asks about. */
let doomed = null;

export function setUpHistory() {
  byId("older").addEventListener("click", () => load(cursor));
  byId("delete-keep").addEventListener("click", () => byId("delete-dialog").close());
  byId("delete-sure").addEventListener("click", remove);
  on("made", load);
  setInterval(() => {
    const isOpen = [...videos.values()].some((video) => !isEnd(video.status));
    if (isOpen && !document.hidden) load();
  }, LOOK_EVERY_MS);
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
    if (/** @type {any} */ (error).status !== 401) showTrouble("history", error, () => load(after));
  }
}

/** @returns {any} The newest that is being made and was not asked for as one of many. */
export function newestOpen() {
  return sorted().find((video) => !isEnd(video.status) && !video.batch);
}

function sorted() {
  return [...videos.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

function show() {
  const list = byId("films");
  const shown = sorted();
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
  const cover = make("button", { type: "button", class: "open", "aria-label": `${verb} “${title}”${words ? `, ${words}` : ""}`, onclick: () => fresh(video, play) });
  const text = make("div", { class: "text" }, make("p", { class: "title", text: title }), make("p", { class: "when", text: whenOf(video) }));
  return make("li", { class: "film", "data-id": video.id, "data-seen": seen(video) }, picture, cover, text, actions(video, title));
}

/** @param {any} video @param {string} title */
function actions(video, title) {
  const row = make("div", { class: "actions" });
  const { files } = video;
  if (files) row.append(make("a", { class: "action", href: video.download, download: "", text: "MP4", "aria-label": `Download “${title}”` }));
  if (files?.captions_srt) row.append(make("a", { class: "action", ...asDownload(files.captions_srt), text: "SRT", "aria-label": `Captions of “${title}” as SRT` }));
  row.append(make("span", { class: "gap" }));
  const button = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ onclick) =>
    row.append(make("button", { type: "button", class: "icon-button", "aria-label": `${label} “${title}”`, title: label, onclick }, icon(name)));
  button("again", "Make again with changes", () => fresh(video, change));
  if (isEnd(video.status)) button("bin", "Delete", () => ask(video));
  else button("stop", "Cancel", () => cancel(video));
  return row;
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

/** With links that hold. @param {any} video @param {(video: any) => void} act */
async function fresh(video, act) {
  try {
    act(await call("GET", `/v1/videos/${video.id}`));
    showError("history", "");
  } catch (error) {
    showTrouble("history", error, () => fresh(video, act));
  }
}

/** @param {any} video */
function play(video) {
  open(video);
  scrollTo("panel", "start");
  byId("panel-title").focus({ preventScroll: true });
}

/** @param {any} video */
async function change(video) {
  await reuse(video);
  closeIfShown(video.id);
  scrollTo("portrait", "start");
  byId("portrait").focus({ preventScroll: true });
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

/** @param {any} video */
function ask(video) {
  doomed = video;
  byId("delete-name").textContent = titleOf(video);
  showError("delete", "");
  byId("delete-dialog").showModal();
}

async function remove() {
  const { id } = doomed;
  try {
    await call("DELETE", `/v1/videos/${id}`);
  } catch (error) {
    if (/** @type {any} */ (error).status !== 404) return showTrouble("delete", error, remove);
  }
  byId("delete-dialog").close();
  videos.delete(id);
  closeIfShown(id);
  show();
  byId("history").focus({ preventScroll: true });
  say("Deleted");
}
