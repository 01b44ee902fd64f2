/** A video followed to its end, through lost lines and restarted servers. */

import { ApiError, call, pause, send } from "./api.js";

const TRIES_S = [0.5, 1, 2, 4];
const POLL_S = 2;

/** @param {string} status */
export function isEnd(status) {
  return ["done", "failed", "cancelled"].includes(status);
}

/**
 * By events, resumed where the line is lost; by asking where the stream cannot be had at all.
 * @param {string} id @param {(told: any) => void} tell also of `lost`: whether the line is
 * @param {AbortSignal} signal
 * @returns {Promise<any>} The finished video.
 */
export async function follow(id, tell, signal) {
  let last = "";
  for (let failures = 0; failures < TRIES_S.length; failures += 1) {
    try {
      for await (const event of events(id, last, signal)) {
        failures = 0;
        last = event.id || last;
        tell(event.data);
        if (isEnd(event.data.status)) break;
      }
      const video = await call("GET", `/v1/videos/${id}`, { signal });
      if (isEnd(video.status)) return video;
      tell(video);
    } catch (error) {
      if (signal.aborted || isFinal(error)) throw error;
      if (failures) tell({ lost: true });
    }
    await pause(TRIES_S[failures], signal);
  }
  return poll(id, tell, signal);
}

/** @param {string} id @param {(told: any) => void} tell @param {AbortSignal} signal */
async function poll(id, tell, signal) {
  for (;;) {
    try {
      const video = await call("GET", `/v1/videos/${id}`, { signal });
      tell(video);
      if (isEnd(video.status)) return video;
    } catch (error) {
      if (signal.aborted || isFinal(error)) throw error;
      tell({ lost: true });
    }
    await pause(POLL_S, signal);
  }
}

/** Asking again would not help. @param {any} error */
function isFinal(error) {
  return error instanceof ApiError && [401, 403, 404].includes(error.status);
}

/**
 * EventSource cannot send a key, so the stream is read by hand.
 * @param {string} id @param {string} last @param {AbortSignal} signal
 */
async function* events(id, last, signal) {
  const headers = last ? { "Last-Event-ID": last } : {};
  const response = await send("GET", `/v1/videos/${id}/events`, { headers, signal });
  if (!response.body) return; // everything has been told
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value.replaceAll("\r", "")).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parsed(block);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {}); // the line is gone already
  }
}

/** @param {string} block */
function parsed(block) {
  const found = { id: "", data: "" };
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name === "id") found.id = value;
    if (name === "data") found.data += value;
  }
  return found.data ? { id: found.id, data: JSON.parse(found.data) } : null;
}
