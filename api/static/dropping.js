/** Files that are dropped beside every field: a picture is a portrait, a sound is a recording. */

import * as portrait from "./portrait.js";
import * as words from "./words.js";

export function setUpDropping() {
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault(); // the browser would leave the page for the file
    const file = event.dataTransfer?.files[0];
    if (file) (file.type.startsWith("audio/") ? words : portrait).take(file);
  });
}
