import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canMount } from "../unit/record/tiny-disk.ts";

const binary = process.env.OOM_GUARD_BIN ?? "";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "oom-guard-live-"));
  writeFileSync(join(folder, "calls"), "");
});

afterEach(() => rmSync(folder, { recursive: true }));

// Every place that is written to is covered in a mount namespace of its own: a machine with empty folders.
const COVERED = ["/etc", "/run", "/usr/local", "/usr/lib/systemd", "/var/lib"];

/** Runs a shell script on such a machine. $O is the program; systemctl and journalctl are what `fake` made. */
function onMachine(script: string, systemd = true) {
  const cover = COVERED.map((path) => `mount -t tmpfs oom-guard-test ${path}`).join(" && ");
  const booted = systemd ? "mkdir -p /run/systemd/system" : "true";
  const { stdout, stderr } = Bun.spawnSync(
    [
      "unshare",
      "-m",
      "sh",
      "-c",
      `${cover} && ${booted} || exit 9; PATH="$1:$PATH"; O="$2"; ${script}`,
      "sh",
      folder,
      binary,
    ],
    { timeout: 20_000 },
  );
  const calls = readFileSync(join(folder, "calls"), "utf8").split("\n").slice(0, -1);
  return { stdout: stdout.toString(), stderr: stderr.toString(), calls };
}

/** A systemctl and a journalctl that note how they are called. @param answers shell lines, $* being the call */
function fake(answers = ""): void {
  for (const name of ["systemctl", "journalctl"]) {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\necho ${name} "$*" >> ${folder}/calls\n${answers}\n`);
    chmodSync(path, 0o755);
  }
}

const INACTIVE = 'case "$*" in is-active*) exit 3;; esac';

describe.skipIf(binary === "" || !canMount)("on a machine that systemd runs", () => {
  test("install makes systemd read the unit, and names the next command", () => {
    fake(INACTIVE);
    const { stdout, stderr, calls } = onMachine("$O install; /usr/local/bin/oom-guard install");
    expect(stderr).toBe("");
    expect(stdout.match(/^next: .*$/gm)).toEqual([
      "next: systemctl enable --now oom-guard",
      "next: systemctl enable --now oom-guard",
    ]);
    expect(stdout).toContain("unchanged  /usr/local/bin/oom-guard\n");
    // The second time nothing had changed.
    expect(calls).toEqual([
      "systemctl daemon-reload",
      "journalctl --update-catalog",
      "systemctl is-active --quiet oom-guard",
      "systemctl is-active --quiet oom-guard",
    ]);
  });

  test("install over a running guard says restart, and nothing when nothing changed", () => {
    fake();
    const { stdout } = onMachine("$O install; $O install");
    expect(stdout).toContain("next: systemctl restart oom-guard\n");
    expect(stdout).toEndWith("oom-guard is running\n");
  });

  test("a second install says restart too, while the guard that runs is still the one before the first", () => {
    fake();
    const { stdout } = onMachine(
      "mkdir /usr/local/bin; cp /bin/sleep /usr/local/bin/oom-guard; /usr/local/bin/oom-guard 100 & $O install; $O install; kill $!; wait; $O install",
    );
    expect(stdout.match(/^(next: .*|oom-guard is .*)$/gm)).toEqual([
      "next: systemctl restart oom-guard",
      "next: systemctl restart oom-guard",
      "oom-guard is running",
    ]);
  });

  test("a folder that is a link to nothing is named as that", () => {
    fake();
    const { stderr } = onMachine("ln -s /nowhere /usr/local/bin; $O install");
    expect(stderr).toBe(
      "oom-guard: /usr/local/bin/oom-guard: a part of its path is a link to nothing: make what it points to, or move it away\n",
    );
  });

  test("what systemd refuses is a warning: the files are there", () => {
    fake('case "$*" in daemon-reload|--update*) echo "Failed to connect to bus" >&2; exit 1;; esac');
    const { stdout, stderr } = onMachine('$O install; echo "exit $?"');
    expect(stdout).toEndWith("exit 0\n");
    expect(stderr).toBe(
      "oom-guard: systemctl daemon-reload: Failed to connect to bus\n" +
        "oom-guard: journalctl --update-catalog: Failed to connect to bus\n",
    );
  });

  test("a machine without systemctl in $PATH is no obstacle either", () => {
    const { stdout, stderr } = onMachine('PATH=/nonexistent; $O install; echo "exit $?"');
    expect(stdout).toEndWith("next: systemctl enable --now oom-guard\nexit 0\n");
    expect(stderr).toContain("oom-guard: systemctl daemon-reload: systemctl is not in $PATH\n");
  });

  test("uninstall stops the guard before anything is removed, and works without it running", () => {
    fake();
    const { stdout, stderr, calls } = onMachine(
      "$O install >/dev/null; /usr/local/bin/oom-guard uninstall; ls /usr/local/bin",
    );
    expect({ stdout, stderr }).toEqual({
      stdout:
        "removed  /usr/lib/systemd/catalog/oom-guard.catalog\nremoved  /etc/systemd/system/oom-guard.service\n" +
        "removed  /usr/local/bin/oom-guard\nkept     /etc/oom-guard (configuration; --purge removes it)\n" +
        "kept     /var/lib/oom-guard (incidents; --purge removes them)\n",
      stderr: "",
    });
    expect(calls.slice(-5)).toEqual([
      "systemctl is-active --quiet oom-guard",
      "systemctl stop oom-guard",
      "systemctl disable oom-guard",
      "systemctl daemon-reload",
      "journalctl --update-catalog",
    ]);
  });

  test("--root / is the live system, too: the guard is stopped, and one started by hand keeps its state", () => {
    fake();
    const { stdout, calls } = onMachine("$O install --root /; $O uninstall --root / >/dev/null");
    expect(stdout).toEndWith("next: systemctl restart oom-guard\n");
    expect(calls).toContain("systemctl daemon-reload");
    expect(calls).toContain("systemctl stop oom-guard");
    const byHand = onMachine(
      'mkdir -p /var/lib/oom-guard; exec 9>/var/lib/oom-guard/lock; flock 9; $O uninstall --purge --root / 9>&-; echo "exit $?"',
    );
    expect(byHand.stdout).toBe("exit 1\n");
  });

  test("a guard that cannot be stopped keeps its files", () => {
    fake('case "$*" in stop*) echo "Job for oom-guard.service canceled." >&2; exit 1;; esac');
    const { stdout, stderr } = onMachine(
      '$O install >/dev/null; $O uninstall; echo "exit $?"; ls /usr/local/bin',
    );
    expect(stdout).toBe("exit 1\noom-guard\n");
    expect(stderr).toBe(
      "oom-guard: nothing was removed, because the guard could not be stopped: systemctl stop oom-guard: Job for oom-guard.service canceled.\n",
    );
  });

  test("a unit that somebody has masked stays masked", () => {
    fake(INACTIVE);
    const { stdout } = onMachine(
      "mkdir -p /etc/systemd/system; ln -s /dev/null /etc/systemd/system/oom-guard.service; $O uninstall; readlink /etc/systemd/system/oom-guard.service",
    );
    expect(stdout).toBe(
      "kept     /etc/systemd/system/oom-guard.service (masked)\nnothing to uninstall\n/dev/null\n",
    );
  });

  test("--purge on a disk that has become read-only ends with one line", () => {
    fake(INACTIVE);
    const { stdout, stderr } = onMachine(
      '$O install >/dev/null; touch /var/lib/oom-guard/lock; mount -o remount,ro /var/lib; $O uninstall --purge; echo "exit $?"',
    );
    expect(stdout).toBe("exit 1\n");
    expect(stderr).toStartWith(
      "oom-guard: nothing was removed: /var/lib/oom-guard/lock: the file system is read-only: remount it, or ",
    );
  });

  test("uninstall where nothing is asks for nothing to be stopped", () => {
    fake(INACTIVE);
    const { stdout, calls } = onMachine("$O uninstall");
    expect(stdout).toBe("nothing to uninstall\n");
    expect(calls).toEqual(["systemctl is-active --quiet oom-guard"]);
  });

  test("--purge leaves the state of a guard that somebody started by hand", () => {
    fake(INACTIVE);
    const { stdout, stderr } = onMachine(
      'mkdir -p /var/lib/oom-guard; exec 9>/var/lib/oom-guard/lock; flock 9; echo "pid 42" >&9; $O uninstall --purge 9>&-; echo "exit $?"; ls /var/lib/oom-guard',
    );
    expect(stdout).toBe("exit 1\nlock\n");
    expect(stderr).toBe(
      "oom-guard: nothing was removed, because another oom-guard (pid 42) uses /var/lib/oom-guard: stop it first\n",
    );
  });
});

test.skipIf(binary === "" || !canMount)("on a machine without systemd install says what is missing", () => {
  fake();
  const { stdout, calls } = onMachine("$O install", false);
  expect(stdout).toEndWith("systemd does not run here: have something else keep `oom-guard run` up\n");
  expect(calls).toEqual([]);
});
