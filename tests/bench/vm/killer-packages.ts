import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { CannotMeasure } from "../stage.ts";

/** nohang is Python, which the machine lacks. */
const PACKAGES = [
  ...["earlyoom", "nohang", "systemd-oomd"],
  ...[
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libexpat1",
    "zlib1g",
    "libffi8",
  ],
];
const RELEASE = "bookworm";

/**
 * Unpacks the other killers, as Debian ships them, into a folder. They are fetched once, into the cache, and never
 * installed on this machine.
 * @throws CannotMeasure where they cannot be had
 */
export function unpackKillers(folder: string): void {
  const cache = join(
    process.env.XDG_CACHE_HOME || join(homedir(), ".cache"),
    "oom-guard",
    `killers-${RELEASE}`,
  );
  if (!existsSync(cache)) fetchInto(cache);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(cache)) {
    const unpacked = Bun.spawnSync(["dpkg", "-x", join(cache, name), folder]);
    if (unpacked.exitCode !== 0) throw new CannotMeasure(`cannot unpack ${name}: ${unpacked.stderr}`);
  }
}

function fetchInto(cache: string): void {
  if (!new RegExp(`^VERSION_CODENAME=${RELEASE}$`, "m").test(readFileSync("/etc/os-release", "utf8"))) {
    throw new CannotMeasure(
      `Debian ${RELEASE} has the packages (${PACKAGES.join(" ")}): put their .deb into ${cache}`,
    );
  }
  const staged = `${cache}.${process.pid}`;
  mkdirSync(staged, { recursive: true });
  // The sandbox of apt may not write there.
  const fetched = Bun.spawnSync(
    ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", ...PACKAGES],
    {
      cwd: staged,
    },
  );
  if (fetched.exitCode !== 0) {
    rmSync(staged, { recursive: true });
    throw new CannotMeasure(
      `apt-get download: ${String(fetched.stderr).trim().split("\n")[0]}; try apt-get update`,
    );
  }
  renameSync(staged, cache);
}
