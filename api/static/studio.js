/** The studio: puts its parts together. */

import { setUpDropping } from "./dropping.js";
import { setUpExamine } from "./examine.js";
import { load, newestOpen, setUpHistory } from "./history.js";
import { setUpKey } from "./key.js";
import { setUpLine } from "./line.js";
import { setUpLook } from "./look.js";
import { resume, setUpMaking } from "./making.js";
import { setUpPortrait } from "./portrait.js";
import { setUpQuote } from "./quote.js";
import { loadRenderers, setUpRenderers } from "./renderers.js";
import { setUpThemeButton } from "./theme-button.js";
import { loadVoices, setUpVoices } from "./voices.js";
import { setUpWords } from "./words.js";

async function begin() {
  await Promise.all([loadVoices(), loadRenderers(), load()]);
  await resume(newestOpen());
}

setUpThemeButton();
setUpKey(begin);
setUpLine(begin);
setUpVoices();
setUpPortrait();
setUpWords();
setUpLook();
setUpRenderers();
setUpQuote();
setUpExamine();
setUpMaking();
setUpHistory();
setUpDropping();
begin();
