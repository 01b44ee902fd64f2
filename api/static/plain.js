/** Numbers, names and errors in the words of people. */

/** @param {number} seconds @returns {string} such as "12 s" or "3 min 20 s" */
export function duration(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  const rest = whole % 60;
  return rest && minutes < 10 ? `${minutes} min ${rest} s` : `${minutes} min`;
}

/** @param {number} seconds @returns {string} such as "1:05" */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {{amount: string | number, currency: string}} price */
export function money(price) {
  const amount = Number(price.amount);
  if (!amount) return "Free";
  const digits = amount < 0.01 ? 4 : 2;
  return new Intl.NumberFormat("en", {
    style: "currency",
    currency: price.currency,
    maximumFractionDigits: digits,
  }).format(amount);
}

/** @param {string} time ISO 8601 */
export function ago(time) {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  if (seconds < 60) return "Just now";
  const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (seconds < 3600) return relative.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86_400) return relative.format(-Math.round(seconds / 3600), "hour");
  if (seconds < 604_800) return relative.format(-Math.round(seconds / 86_400), "day");
  return new Date(time).toLocaleDateString("en", { dateStyle: "medium" });
}

/** @param {number} place 1 is next */
export function inQueue(place) {
  if (place <= 1) return "Next in the queue";
  const ending = { one: "st", two: "nd", few: "rd" };
  const rule = new Intl.PluralRules("en", { type: "ordinal" }).select(place);
  return `${place}${ending[/** @type {"one"} */ (rule)] ?? "th"} in the queue`;
}

const languages = new Intl.DisplayNames("en", { type: "language", fallback: "none" });

/** @param {string} code of a voice @param {string} fallback */
export function language(code, fallback) {
  try {
    return languages.of(code.split("-")[0]) ?? fallback;
  } catch {
    return fallback;
  }
}

/** @param {string} text */
export function sentence(text) {
  const named = text.replace(/[0-9a-f]{64}\.\w+/g, "this file").replace(/\bupl_[0-9a-f]{32}\b/g, "it");
  const begun = named.charAt(0).toUpperCase() + named.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

const FIELDS = {
  "portrait.upload": "The portrait",
  "portrait.face_index": "The chosen face",
  "speech.script": "The script",
  "speech.topic": "The topic",
  "speech.voice": "The voice",
  "speech.upload": "The recording",
  "speech.transcript": "The transcript",
  "look.background.upload": "The background picture",
};
const CODES = {
  budget_exceeded: "This key’s budget for the month is used up: ask whoever gave it to you for more.",
  scope_missing: "This key may look, but not make videos: use another one.",
  upload_expired: "The server no longer keeps this file: choose it again.",
  service_unavailable: "The studio is not ready at the moment: try again in a moment.",
  internal: "This failed on the server’s side: try again, or tell whoever runs it.",
};

const FAILURES = {
  key_missing: "This server cannot write scripts: whoever runs it has to set MISTRAL_API_KEY. Until then, choose Script and type the words yourself.",
  service_refused: "The service that writes scripts refused this one: put the topic another way, or type the words yourself.",
  internal: CODES.internal,
};

/** @param {any} video that ended without a result @returns {string} */
export function failed({ status, error }) {
  if (status === "cancelled") return "You cancelled this video. Nothing was charged.";
  const known = FAILURES[/** @type {"internal"} */ (error?.code)];
  return `${known ?? sentence(error?.message ?? "It failed: try again")} Nothing was charged.`;
}

/** @param {any} error @returns {string} What went wrong and what to do, for people. */
export function explained(error) {
  const problem = error?.problem;
  if (!problem) return sentence(error?.message ?? String(error));
  if (problem.code in CODES) return CODES[/** @type {"internal"} */ (problem.code)];
  if (problem.code === "rate_limited") {
    return `That was more than this key may ask for in a minute: wait ${duration(error.retryAfter ?? 30)}.`;
  }
  const finding = problem.errors?.[0];
  const place = fieldOf(problem);
  if (finding && place) {
    const name = FIELDS[/** @type {"speech.script"} */ (place)] ?? place;
    return sentence(`${name} will not do: ${finding.message}`);
  }
  return sentence(problem.detail ?? "This failed: try again");
}

/** @param {any} problem @returns {string} Its field without the union's own parts. */
export function fieldOf(problem) {
  return (problem.field ?? "").replace(/^speech\.(script|recording|topic)\./, "speech.");
}
