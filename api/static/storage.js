/** What outlives the page, where the browser permits it; where not, nothing is kept. */

/** @param {() => Storage} of */
function kept(of) {
  return {
    /** @param {string} name @returns {string | null} */
    get: (name) => permitted(() => of().getItem(name)),
    /** @param {string} name @param {string} value */
    set: (name, value) => permitted(() => of().setItem(name, value)),
    /** @param {string} name */
    remove: (name) => permitted(() => of().removeItem(name)),
  };
}

/** @param {() => any} act */
function permitted(act) {
  try {
    return act();
  } catch {
    return null; // storage is blocked or full
  }
}

export const tab = kept(() => sessionStorage);
export const computer = kept(() => localStorage);
