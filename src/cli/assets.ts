/** The files the executable carries, by the name `print` knows them under. Each is loaded when it is asked for. */
export const assets: Readonly<Record<string, () => Promise<string>>> = {
  config: async () => (await import("../config/sample.ts")).sampleConfig,
  rbac: async () => (await import("../kubernetes/rbac.ts")).rbacManifest,
  unit: async () => (await import("../install/unit.ts")).unitFile,
  rules: async () => (await import("../report/metrics/rules.ts")).alertRules,
  dashboard: async () => (await import("../report/metrics/dashboard.ts")).grafanaDashboard,
  catalog: async () => (await import("../install/catalog.ts")).catalogFile,
};

/** Their names, for people. */
export const assetNames: string = Object.keys(assets).join(", ");
