import { expect, test } from "bun:test";
import { defaultConfigPath } from "../../../src/config/load.ts";
import { CONFIG_PATH, ENABLED_LINK, installedFiles, UNIT_PATH } from "../../../src/install/files.ts";
import { unitFile } from "../../../src/install/unit.ts";

test("what is installed, where, and with what rights", () => {
  expect(installedFiles.map(({ path, mode }) => `${path} ${mode.toString(8)}`)).toEqual([
    "/usr/local/bin/oom-guard 755",
    "/etc/oom-guard/config.toml 644",
    "/etc/systemd/system/oom-guard.service 644",
    "/usr/lib/systemd/catalog/oom-guard.catalog 644",
  ]);
});

test("the configuration is the user's, only the catalog may be missing, only the executable is a copy", () => {
  const where = (has: (file: (typeof installedFiles)[number]) => boolean) =>
    installedFiles.filter(has).map(({ path }) => path);
  expect(where((it) => it.belongsToUser)).toEqual([CONFIG_PATH]);
  expect(where((it) => it.optional)).toEqual(["/usr/lib/systemd/catalog/oom-guard.catalog"]);
  expect(where((it) => it.text === null)).toEqual(["/usr/local/bin/oom-guard"]);
});

test("the guard reads the configuration that is installed", () => {
  expect(CONFIG_PATH).toBe(defaultConfigPath);
});

test("the unit starts the executable that is installed, and is there only after it", () => {
  const [program] = installedFiles;
  expect(unitFile).toContain(`ExecStart=${program?.path} run\n`);
  expect(installedFiles.findIndex(({ path }) => path === UNIT_PATH)).toBeGreaterThan(0);
});

test("the link that is removed is the one that the unit's [Install] asks for", () => {
  const [, target] = /^WantedBy=(.*)$/m.exec(unitFile) ?? [];
  expect(ENABLED_LINK).toBe(`/etc/systemd/system/${target}.wants/oom-guard.service`);
});
