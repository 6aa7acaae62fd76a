import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** Makes a tree for containers: busybox with all its applets. @returns the directory */
export function makeRootfs(directory: string): string {
  for (const name of ["bin", "dev", "proc", "sys", "tmp"])
    mkdirSync(join(directory, name), { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "", join(directory, "bin/busybox"));
  const applets = Bun.spawnSync(["busybox", "--list"]).stdout.toString().trim().split("\n");
  for (const applet of applets)
    if (applet !== "busybox") symlinkSync("busybox", join(directory, "bin", applet));
  return directory;
}
