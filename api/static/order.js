/** What is being asked for; whoever changes it tells everybody. */

/**
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box
 * @typedef {{upload: string, image: ImageBitmap | null, faceIndex: number, box: Box | null, refused: boolean}} Portrait
 * @typedef {{upload: string, refused: boolean}} Recording
 */

export const order = {
  /** @type {Portrait | null} */ portrait: null,
  /** @type {Recording | null} */ recording: null,
  /** @type {string | null} Upload of a background picture. */ backdrop: null,
  voice: "en-us",
};

const bus = new EventTarget();

/** @typedef {"changed" | "examine" | "made"} What the order, what the preflight is asked, the list of videos */

/** @param {What} what */
export function announce(what) {
  bus.dispatchEvent(new Event(what));
}

/** @param {What} what @param {() => void} act */
export function on(what, act) {
  bus.addEventListener(what, () => act());
}
