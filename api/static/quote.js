/** The preview and the quote: how it will be framed, how long it takes, what it costs. */

import { call } from "./api.js";
import { byId, chosen, debounced, showError } from "./dom.js";
import { draw, drawCaption } from "./framing.js";
import { on, order } from "./order.js";
import { duration, money } from "./plain.js";
import { placeError, request } from "./request.js";

const QUOTE_AFTER_MS = 350;
const BEHIND = { blur: "blurred", colour: "in your colour", picture: "with your picture", transparent: "see-through" };
let number = 0;

export function setUpQuote() {
  on("changed", debounced(quote, QUOTE_AFTER_MS));
  on("changed", preview);
  preview();
}

export function preview() {
  const portrait = order.portrait;
  const image = portrait?.image;
  byId("stage-empty").hidden = Boolean(image);
  byId("preview").hidden = !image;
  const behind = BEHIND[/** @type {"blur"} */ (chosen("background"))];
  byId("stage-note").textContent = image && behind ? `The background becomes ${behind} when it is made.` : "";
  if (!image) return;
  draw(byId("preview"), image, portrait.box, chosen("aspect"));
  if (chosen("captions") === "burned") drawCaption(byId("preview"));
}

async function quote() {
  const asked = request();
  const mine = ++number;
  for (const field of ["look", "renderer", "voice", "render"]) showError(field, "");
  if (!asked) return showQuote(null);
  try {
    const made = await call("POST", "/v1/quotes", { json: asked });
    if (mine === number) showQuote(made);
  } catch (error) {
    if (mine !== number) return;
    showQuote(null);
    placeError(error, quote);
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
