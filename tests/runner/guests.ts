import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineImage } from "../support/vm/image.ts";
import { Machine } from "../support/vm/machine.ts";
import { packPayload } from "../support/vm/payload.ts";
import { parseJunit } from "./junit.ts";
import type { MachineSpec } from "./machines.ts";
import type { FileInMachine } from "./plan.ts";
import { type FileResult, outputBase, resultOf } from "./run-file.ts";

const BUN = "/payload/node_modules/bun/bin/bun.exe";
// Not below /var, which a test makes read-only, nor below /tmp, which from trixie on is a tmpfs and has no page cache to
// drop.
const WORK = "/srv/tests";

/** Runs test files inside of virtual machines, one of which is on at a time: from its first file to another one's. */
export class Guests {
  readonly #repository: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "oom-guard-vm-"));
  #payload: string | null = null;
  #on: { readonly spec: MachineSpec; readonly machine: Promise<Machine> } | null = null;

  constructor(repository: string) {
    this.#repository = repository;
  }

  /** Why a machine of this release cannot be had here and what would help; null: it can. */
  static missing(release: MachineSpec["release"]): string | null {
    if (Bun.which("qemu-system-x86_64") === null)
      return "qemu-system-x86_64 not found: apt-get install -y qemu-system-x86";
    return machineImage(release) === null
      ? `no virtual machine with ${release} is built: run tests/components/build-vm ${release} (needs debootstrap)`
      : null;
  }

  /** Runs one file in its machine and brings its report and its output back. */
  async run(file: FileInMachine, outputFolder: string): Promise<FileResult> {
    const logFile = `${outputBase(file, outputFolder)}.log`;
    const startedMs = performance.now();
    const missing = Guests.missing(file.machine.release);
    if (missing !== null) {
      const counts = { passed: 0, skipped: 1, failures: [] };
      return resultOf(file, { counts, skipReasons: [missing], startedMs, logFile });
    }
    try {
      const machine = await this.#ready(file);
      const { status, output } = await machine.run(commandFor(file), file.limitMs);
      writeFileSync(logFile, output);
      const counts = parseJunit(await contentOf(machine, "report.xml"));
      const hung = status === 124 ? `not over after ${file.limitMs / 1000} s: killed` : null;
      return resultOf(file, {
        counts,
        ended: hung ?? (counts === null ? `exit code ${status} without a report` : null),
        skipReasons: [...new Set(linesOf(await contentOf(machine, "skips")))],
        leftovers: linesOf(await contentOf(machine, "leftovers")),
        startedMs,
        logFile,
      });
    } catch (error) {
      // Whatever state it is in, it is none to run the next file in.
      await this.#switchOff();
      return resultOf(file, { counts: null, ended: String(error), startedMs, logFile });
    }
  }

  /** Switches the machine off and removes what the machines used. */
  async close(): Promise<void> {
    await this.#switchOff();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #ready({ machine: spec, afterReboot }: FileInMachine): Promise<Machine> {
    if (this.#on?.spec !== spec) {
      await this.#switchOff();
      this.#on = { spec, machine: this.#boot(spec) };
    }
    const machine = await this.#on.machine;
    if (afterReboot) {
      await machine.reboot();
      await prepare(machine);
    }
    return machine;
  }

  async #boot({ release, cgroupVersion, kernelArguments = "" }: MachineSpec): Promise<Machine> {
    this.#payload ??= packPayload(this.#repository, this.#folder);
    const image = machineImage(release) ?? "";
    const options = { image, payload: this.#payload, folder: this.#folder, cgroupVersion, kernelArguments };
    // One boot in some fifty hung under emulation.
    const machine = await Machine.boot(options).catch(() => Machine.boot(options));
    await prepare(machine);
    return machine;
  }

  async #switchOff(): Promise<void> {
    const machine = await this.#on?.machine.catch(() => null);
    this.#on = null;
    await machine?.switchOff();
  }
}

async function prepare(machine: Machine): Promise<void> {
  const { status, output } = await machine.run("mount -o ro /dev/nvme1n1 /payload");
  if (status !== 0) throw new Error(`the machine cannot mount its payload: ${output}`);
}

async function contentOf(machine: Machine, name: string): Promise<string> {
  return (await machine.run(`cat ${WORK}/${name} 2>/dev/null`)).output;
}

function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** What is left of a file's processes is named and killed, by the variable that all of them inherit. */
function commandFor({ path }: FileInMachine): string {
  return `
set -u
export TMPDIR=${WORK}/tmp OOM_GUARD_BIN=/payload/dist/oom-guard OOM_GUARD_TEST_SKIPS_LOG=${WORK}/skips
export OOM_GUARD_TEST_PATIENCE=10 OOM_GUARD_TEST_THRIFT=6
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
rm -rf ${WORK}
mkdir -p ${WORK}/tmp
cd /payload
OOM_GUARD_TEST_FILE=${path} ${BUN} test --reporter=junit --reporter-outfile=${WORK}/report.xml ./${path}
status=$?
[ $status = 0 ] || journalctl --no-pager -o short-precise -n 200 -u oom-guard
for process in $(grep -lzs "^OOM_GUARD_TEST_FILE=${path}$" /proc/[0-9]*/environ); do
  pid=$(basename "$(dirname "$process")")
  echo "$(cat "/proc/$pid/comm") (pid $pid)" >>${WORK}/leftovers
  kill -9 "$pid"
done
exit $status`;
}
