import text from "./sample.toml" with { type: "text" };

/** The commented configuration file that `oom-guard print config` prints: every key with its default. */
export const sampleConfig: string = text;
