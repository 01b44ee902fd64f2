/** Step 1: the picture, the faces on it, and what the preflight thinks of them. */

import { upload } from "./api.js";
import { byId, make, showError, showFindings, takeFiles } from "./dom.js";
import { announce, order } from "./order.js";
import { sentence } from "./plain.js";
import { showTrouble } from "./trouble.js";

const MOST_BYTES = 10 * 1024 * 1024;
let attempt = 0;
let shownUrl = "";
/** @type {Map<string, File>} Of this visit, by upload: a video is made again with its own picture. */
const files = new Map();

export function setUpPortrait() {
  takeFiles("portrait-file", "portrait", take);
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    take(file);
  });
  byId("face-boxes").addEventListener("change", (/** @type {any} */ event) => {
    if (!order.portrait) return;
    order.portrait.faceIndex = Number(event.target.value);
    order.portrait.box = boxOf(event.target);
    announce("changed");
    announce("examine");
  });
}

/** @param {File} file */
export async function take(file) {
  const mine = ++attempt;
  showError("portrait", "");
  if (file.size > MOST_BYTES) {
    const size = (file.size / 1024 / 1024).toFixed(1);
    showError("portrait", `This picture has ${size} MB: use one of at most 10 MB.`);
    return;
  }
  clear();
  await show(file);
  showFindings("portrait-findings", [{ kind: "busy", text: "Sending the picture" }]);
  try {
    const [kept, image] = await Promise.all([upload(file), decoded(file)]);
    if (mine !== attempt) return;
    if (kept.kind !== "image") throw new Error("this is a recording: add it under Words, and a picture here");
    files.set(kept.id, file);
    order.portrait = { upload: kept.id, image, faceIndex: 0, box: null, refused: false };
    announce("changed");
    announce("examine");
  } catch (error) {
    if (mine !== attempt) return;
    clear();
    showTrouble("portrait", error, () => take(file));
    announce("changed");
  }
}

/**
 * The portrait of a video that was made.
 * @param {{upload: string | null, face_index: number | null}} who @param {string} [thumbnail] of the video
 */
export async function reuse({ upload: id, face_index: faceIndex }, thumbnail) {
  attempt += 1;
  clear();
  if (!id) return showError("portrait", "That portrait came from an address: choose the picture here.");
  const file = files.get(id);
  order.portrait = { upload: id, image: null, faceIndex: faceIndex ?? 0, box: null, refused: false };
  const mine = order.portrait;
  await show(file ?? thumbnail ?? "");
  byId("photo").classList.toggle("made", !file);
  mine.image = await (file ? decoded(file) : createImageBitmap(byId("photo-image")).catch(() => null));
  if (order.portrait !== mine) return;
  announce("changed");
  announce("examine");
}

/** @param {File | string} picture or its address */
async function show(picture) {
  URL.revokeObjectURL(shownUrl);
  shownUrl = typeof picture === "string" ? picture : URL.createObjectURL(picture);
  const image = byId("photo-image");
  image.src = shownUrl;
  byId("photo").classList.remove("made");
  byId("face-boxes").replaceChildren();
  byId("portrait-drop").classList.add("visually-hidden");
  byId("portrait-chosen").hidden = false;
  const canShow = await image.decode().then(() => true, () => false);
  image.hidden = !canShow;
  byId("photo").classList.toggle("unshown", !canShow);
}

export function clear() {
  order.portrait = null;
  showError("portrait", "");
  showFindings("portrait-findings", []);
  byId("portrait-drop").classList.remove("visually-hidden");
  byId("portrait-chosen").hidden = true;
}

/** @param {File} file @returns {Promise<ImageBitmap | null>} None of a kind that this browser cannot show. */
function decoded(file) {
  return createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
}

export function isExamined() {
  if (order.portrait) showFindings("portrait-findings", [{ kind: "busy", text: "Looking for faces" }]);
}

/** @param {any} found the preflight's answer */
export function wasExamined(found) {
  const { portrait } = order;
  if (!portrait) return;
  const report = found.portrait;
  portrait.refused = Boolean(found.portrait_refused);
  if (report) drawFaces(report);
  const findings = report ? wordsOf(report, portrait.faceIndex) : [];
  if (found.portrait_refused) {
    findings.splice(0, findings.length, { kind: "bad", text: sentence(found.portrait_refused.message) });
  }
  showFindings("portrait-findings", findings);
  announce("changed");
}

/** @param {string} text */
export function couldNotBeExamined(text) {
  if (order.portrait) showFindings("portrait-findings", [{ kind: "warn", text }]);
}

/** @param {any} report @param {number} index @returns {any[]} */
function wordsOf(report, index) {
  const count = report.faces.length;
  const face = report.faces[index];
  const warnings = [...report.warnings, ...(face?.warnings ?? [])];
  const found = count === 1 ? "One face found." : `${count} faces found: choose who speaks.`;
  const praise = warnings.length ? "" : " It will do very well.";
  return [
    { kind: "good", text: found + praise },
    ...warnings.map((text) => ({ kind: "warn", text: sentence(text) })),
  ];
}

/** @param {any} report */
function drawFaces(report) {
  const { portrait } = order;
  const current = document.activeElement;
  const hadFocus = byId("face-boxes").contains(current);
  const rows = report.faces.map((/** @type {any} */ face) => faceBox(face, report));
  const isOriginal = !byId("photo-image").hidden && !byId("photo").classList.contains("made");
  byId("face-boxes").replaceChildren(...(isOriginal ? rows : []));
  const checked = /** @type {HTMLInputElement | null} */ (byId("face-boxes").querySelector(":checked"));
  if (portrait && checked) portrait.box = boxOf(checked);
  if (hadFocus) checked?.focus();
}

/** @param {any} face @param {any} report */
function faceBox(face, report) {
  const [left, top, right, bottom] = face.box;
  const place = make("label", { class: "face" });
  const inPercent = (/** @type {number} */ part, /** @type {number} */ whole) => `${(100 * part) / whole}%`;
  place.style.left = inPercent(left, report.width);
  place.style.top = inPercent(top, report.height);
  place.style.width = inPercent(right - left, report.width);
  place.style.height = inPercent(bottom - top, report.height);
  const input = make("input", {
    type: "radio",
    name: "face",
    value: face.index,
    checked: face.index === order.portrait?.faceIndex,
    "aria-label": `Face ${face.index + 1} of ${report.faces.length}`,
    "data-box": face.box.join(" "),
  });
  place.append(input, make("span", { class: "box" }));
  if (report.faces.length > 1) place.append(make("span", { class: "tag", text: String(face.index + 1), "aria-hidden": "true" }));
  return place;
}

/** @param {HTMLInputElement} input */
function boxOf(input) {
  const [left, top, right, bottom] = (input.dataset.box ?? "").split(" ").map(Number);
  return { left, top, right, bottom };
}
