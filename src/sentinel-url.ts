/**
 * Where the sentinel thread's code is. It stands beside main.ts because the executable knows its two entries by their
 * place below this folder.
 */
export const sentinelUrl = new URL("./sentinel/worker.ts", import.meta.url).href;
