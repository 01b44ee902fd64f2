/** The renderers that this server has, and under which licence. */

import { call } from "./api.js";
import { byId, make } from "./dom.js";
import { showTrouble } from "./trouble.js";

const AUTO = "The best one for the server that makes the video.";
/** @type {Map<string, any>} */
const renderers = new Map();

export function setUpRenderers() {
  byId("renderer").addEventListener("input", showRenderer);
  showRenderer();
}

export async function loadRenderers() {
  try {
    const { data } = await call("GET", "/v1/renderers");
    for (const one of data) renderers.set(one.name, one);
  } catch (error) {
    if (/** @type {any} */ (error).status !== 401) showTrouble("renderer", error, loadRenderers);
    return;
  }
  const field = byId("renderer");
  const chosen = field.value;
  const options = [...renderers.keys()].map((name) => make("option", { value: name, text: named(name) }));
  field.replaceChildren(make("option", { value: "auto", text: "Automatic" }), ...options);
  field.value = chosen;
  showRenderer();
}

function showRenderer() {
  const one = renderers.get(byId("renderer").value);
  byId("renderer-hint").textContent = one ? licenceOf(one) : AUTO;
  for (const option of byId("resolution").options) {
    option.disabled = one ? !one.resolutions.includes(Number(option.value)) : false;
  }
}

/** @param {any} renderer */
function licenceOf({ version, licence, commercial_use: commercial, weights }) {
  const use = commercial ? "free for commercial use" : "not for commercial use";
  const needs = weights ? ` It needs the weights “${weights}” on the server, whose licence counts too.` : "";
  return `Version ${version}, licence ${licence}: ${use}.${needs}`;
}

/** @param {string} name */
function named(name) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
