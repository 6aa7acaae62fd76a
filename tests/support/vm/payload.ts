import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** What tests in a machine need of the repository. Of node_modules, what is imported, and Bun. */
const PARTS = [
  "dist/oom-guard",
  "ffi",
  "package.json",
  "src",
  "systemd",
  "tests",
  "tsconfig.json",
  ...["@bufbuild/protobuf", "@connectrpc", "bun", "cac", "consola", "fastest-levenshtein", "valibot"].map(
    (name) => `node_modules/${name}`,
  ),
];

/** Packs the executable under test, the tests and Bun into a file system image. @throws when mke2fs(8) fails */
export function packPayload(repository: string, folder: string): string {
  const tree = join(folder, "payload");
  for (const part of PARTS) {
    mkdirSync(join(tree, part, ".."), { recursive: true });
    cpSync(join(repository, part), join(tree, part), { recursive: true, dereference: true });
  }
  return packTree(tree, join(folder, "payload.ext4"));
}

/** Turns a folder, which is used up, into a file system image. @returns the image @throws when mke2fs(8) fails */
export function packTree(tree: string, image: string): string {
  const made = Bun.spawnSync(["mke2fs", "-q", "-t", "ext4", "-d", tree, image, "1G"]);
  if (made.exitCode !== 0) throw new Error(`mke2fs: ${made.stderr}`);
  rmSync(tree, { recursive: true });
  return image;
}
