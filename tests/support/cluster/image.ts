import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MARK } from "../../runner/leftovers.ts";
import { compile } from "../compile.ts";
import { compileStaticLeak } from "../leak.ts";
import { makeRootfs } from "../rootfs.ts";

/** busybox and `leak`; the command is the container's. On a registry that cannot exist, so that none is asked. */
export const IMAGE = "oom-guard.invalid/busybox:test";
/** The same; `/pause`, as the real one. */
export const PAUSE_IMAGE = "oom-guard.invalid/pause:test";

/** Writes both into one archive, as `docker save` does; `ctr images import` and `docker load` read it. */
export function writeImages(archive: string): void {
  const directory = mkdtempSync(join(tmpdir(), "oom-guard-image-"));
  const rootfs = makeRootfs(join(directory, "rootfs"));
  compileStaticLeak(join(rootfs, "bin/leak"));
  compile(join(import.meta.dir, "pause.c"), join(rootfs, "pause"), ["-static"]);
  const image = join(directory, "image");
  mkdirSync(image);
  tar(["-cf", join(image, "layer.tar"), "-C", rootfs, "."]);
  const layer = new Bun.CryptoHasher("sha256").update(readFileSync(join(image, "layer.tar"))).digest("hex");
  // Known by their mark, containers are ended with the test file that started them when it cannot do so itself.
  const mark = process.env[MARK];
  const environment = ["PATH=/bin", ...(mark === undefined ? [] : [`${MARK}=${mark}`])];
  const describe = (tag: string, command: readonly string[] | null) => {
    const config = `${tag.replaceAll(/\W/g, "-")}.json`;
    const content = {
      architecture: { x64: "amd64", arm64: "arm64" }[process.arch as string] ?? process.arch,
      os: "linux",
      config: { Env: environment, Cmd: command },
      rootfs: { type: "layers", diff_ids: [`sha256:${layer}`] },
    };
    writeFileSync(join(image, config), JSON.stringify(content));
    return { Config: config, RepoTags: [tag], Layers: ["layer.tar"] };
  };
  const manifest = [describe(IMAGE, null), describe(PAUSE_IMAGE, ["/pause"])];
  writeFileSync(join(image, "manifest.json"), JSON.stringify(manifest));
  tar(["-cf", archive, "-C", image, "."]);
  rmSync(directory, { recursive: true });
}

function tar(args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["tar", "--owner=0", "--group=0", ...args]);
  if (exitCode !== 0) throw new Error(`tar: ${stderr}`);
}
