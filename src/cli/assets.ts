/** The files the executable carries, by the name `print` knows them under. Each is loaded when it is asked for. */
export const assets: Readonly<Record<string, () => Promise<string>>> = {
  config: async () => (await import("../config/sample.ts")).sampleConfig,
  rbac: async () => (await import("../kubernetes/rbac.ts")).rbacManifest,
};

/** Their names, for people. */
export const assetNames: string = Object.keys(assets).join(", ");
