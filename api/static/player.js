/** The finished video: played with captions, saved, read. */

import { byId, make, showFindings } from "./dom.js";
import { duration, money, sentence } from "./plain.js";

let shownId = "";

/** @param {any} video */
export function showVideo(video) {
  const { files, result } = video;
  const player = byId("video");
  shownId = video.id;
  player.poster = files.thumbnail ?? "";
  player.replaceChildren(...track(video));
  player.src = files.video;
  byId("stage").classList.toggle("see-through", new URL(files.video, location.href).pathname.endsWith(".webm"));
  byId("download").href = video.download;
  byId("links").replaceChildren(...links(files));
  byId("facts").textContent = facts(video);
  showFindings("result-findings", result.warnings.map((/** @type {string} */ text) => ({ kind: "warn", text: sentence(text) })));
  showSpoken(video);
}

export function closeVideo() {
  const player = byId("video");
  player.pause();
  player.removeAttribute("src");
  player.load(); // lets go of the file
  shownId = "";
}

/** @param {any} video */
function track(video) {
  const url = video.files.captions_vtt;
  const isShown = video.request.look?.captions !== "burned";
  return url ? [make("track", { kind: "captions", label: "Captions", srclang: "en", src: url, default: isShown })] : [];
}

/** @param {any} files */
function links(files) {
  const named = { SRT: files.captions_srt, VTT: files.captions_vtt, "Contact sheet": files.contact_sheet, Manifest: files.manifest };
  const said = (/** @type {string} */ text) => (["SRT", "VTT"].includes(text) ? `Captions, ${text}` : text);
  return Object.entries(named)
    .filter(([, url]) => url)
    .map(([text, url]) => make("a", { ...asDownload(url), text, "aria-label": said(text) }));
}

/** Another origin's is opened beside the page: a link cannot save it. @param {string} url */
export function asDownload(url) {
  const link = new URL(url, location.href);
  if (link.origin !== location.origin) return { href: link.href, target: "_blank", rel: "noopener" };
  link.searchParams.set("download", "true");
  return { href: link.href, download: "" };
}

/** @param {any} video */
function facts({ result, receipt }) {
  const checks = result.quality.checks.filter((/** @type {any} */ one) => one.measured);
  const passed = checks.filter((/** @type {any} */ one) => one.passed).length;
  return [
    duration(result.duration_s),
    `${result.width} × ${result.height}`,
    `${result.fps} fps`,
    money(receipt.price),
    `${passed} of ${checks.length} quality checks passed`,
  ].join(" · ");
}

/** @param {any} video */
async function showSpoken(video) {
  byId("spoken-part").hidden = true;
  const text = await spoken(video).catch(() => ""); // the video is there without it
  if (shownId !== video.id || !text) return;
  byId("spoken").textContent = text;
  byId("edit-script").hidden = video.request.speech.type !== "topic";
  byId("spoken-part").hidden = false;
}

/** The words of its captions. @param {any} video @returns {Promise<string>} */
async function spoken(video) {
  if (!video.files.captions_vtt) return "";
  const response = await fetch(video.files.captions_vtt);
  if (!response.ok) return "";
  const cues = (await response.text()).split(/\r?\n\r?\n/).slice(1);
  const lines = cues.flatMap((cue) => cue.split(/\r?\n/).filter((line) => line && !line.includes("-->") && !/^\d+$/.test(line)));
  return lines.join(" ");
}
