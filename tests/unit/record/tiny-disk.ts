import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of its own, gone when the scope ends. */
export function scratch(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "oom-guard-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** May this process mount? */
export const canMount = process.getuid?.() === 0;

/** A file system of a given size, which can be made read-only; unmounted when the scope ends. Needs root. */
export function tinyDisk(size: string): { path: string; remount(option: "ro" | "rw"): void } & Disposable {
  const directory = scratch();
  mount(["mount", "-t", "tmpfs", "-o", `size=${size},mode=0700`, "oom-guard-test", directory.path]);
  return {
    path: directory.path,
    remount: (option) => mount(["mount", "-o", `remount,${option}`, directory.path]),
    [Symbol.dispose]() {
      // Lazily: a test that failed may have left a file open.
      mount(["umount", "-l", directory.path]);
      directory[Symbol.dispose]();
    },
  };
}

function mount(command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}
