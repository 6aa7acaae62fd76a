import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Incident } from "../../../src/record/incident.ts";
import { SCHEMA_VERSION } from "../../../src/record/schema.ts";
import { IncidentStore } from "../../../src/record/store.ts";
import type { Stored } from "../../../src/record/store-error.ts";
import { hostileNames } from "../report/hostile.ts";
import { incident, victim } from "./incidents.ts";
import { canMount, scratch, tinyDisk } from "./tiny-disk.ts";

// 10,050 synced commits take 3 s on an idle disk.
setDefaultTimeout(60_000);

function must<T>(stored: Stored<T>): T {
  if (!stored.ok) throw stored.error;
  return stored.value;
}

function reasonOf(stored: Stored<unknown>): string | null {
  return stored.ok ? null : stored.error.reason;
}

function idsOf(store: IncidentStore): string[] {
  return must(store.recent()).incidents.map(({ id }) => id);
}

/** A store with some incidents, closed again. */
function filled(stateDir: string, count: number): void {
  const store = must(IncidentStore.open(stateDir));
  for (let i = 0; i < count; i++) must(store.insert(incident({ id: `i${i}`, timeMs: i })));
  store.close();
}

describe("what is stored", () => {
  test.each([
    ["everything known", {}],
    [
      "nothing known",
      {
        namespace: null,
        pod: null,
        podUid: null,
        container: null,
        containerId: null,
        limitBytes: null,
        thresholdBytes: null,
        usageBytes: null,
        reclaimableBytes: null,
        decideMicros: null,
        victims: [],
        victimCount: 0,
      },
    ],
    [
      "a victim nobody could read",
      { victims: [{ pid: 1, comm: null, rssBytes: null, oomScoreAdj: null, badness: null }] },
    ],
    ["v1's unlimited limit", { limitBytes: 2 ** 63 - 4096 }],
    [
      "dead, and its Event sent",
      { deadMillis: 31, event: { state: "sent", attempts: 3, name: "web-0.a", reason: null } },
    ],
  ] as [string, Partial<Incident>][])("comes back as it was: %s", (_promise, changes) => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path));
    expect(store.insert(incident(changes))).toEqual({ ok: true, value: true });
    expect(must(store.recent())).toEqual({ incidents: [incident(changes)], unreadable: 0 });
    store.close();
  });

  test("hostile names come back as they were", () => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path));
    for (const [i, [, name]] of hostileNames.entries())
      must(
        store.insert(incident({ id: String(i), timeMs: i, pod: name, victims: [victim({ comm: name })] })),
      );
    const found = must(store.recent()).incidents.toReversed();
    // UTF-8 has no lone surrogates.
    expect(found.map(({ pod }) => pod)).toEqual(hostileNames.map(([, name]) => name.toWellFormed()));
    store.close();
  });

  test("an id is stored once, and the first record counts", () => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path));
    expect(store.insert(incident({ pod: "first" }))).toEqual({ ok: true, value: true });
    expect(store.insert(incident({ pod: "second" }))).toEqual({ ok: true, value: false });
    expect(must(store.recent()).incidents.map(({ pod }) => pod)).toEqual(["first"]);
    store.close();
  });

  test("death is noted later, for what is there", () => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path));
    must(store.insert(incident({ id: "a" })));
    expect(store.setDead("a", 31)).toEqual({ ok: true, value: true });
    expect(must(store.recent()).incidents[0]?.deadMillis).toBe(31);
    expect(store.setDead("b", 31)).toEqual({ ok: true, value: false });
    store.close();
  });

  test("what is no incident is refused as a value, and does not pass for stored", () => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path));
    expect(reasonOf(store.insert(incident({ timeMs: Number.NaN })))).toBe("invalid");
    expect(idsOf(store)).toEqual([]);
    store.close();
  });

  test("what was edited by hand is left out and counted, the rest is shown", () => {
    using dir = scratch();
    filled(dir.path, 5);
    const db = new Database(join(dir.path, "incidents.db"));
    db.run("UPDATE incidents SET victims = 'not json' WHERE id = 'i0'");
    db.run(`UPDATE incidents SET victims = '[{"pid":"1"}]' WHERE id = 'i1'`);
    db.run("UPDATE incidents SET kind = 'murder' WHERE id = 'i2'");
    db.close();
    const store = must(IncidentStore.open(dir.path, { readonly: true }));
    const { incidents, unreadable } = must(store.recent());
    expect([incidents.map(({ id }) => id), unreadable]).toEqual([["i4", "i3"], 3]);
    store.close();
  });
});

describe("recent", () => {
  const pending = { state: "pending", attempts: 0, name: null, reason: null } as const;
  const wanted = { namespace: "kube-system", pod: "dns", container: "coredns", kind: "stuck" } as const;
  test.each([
    ["all, newest first", {}, ["d", "c", "b", "a"]],
    ["so many", { limit: 2 }, ["d", "c"]],
    ["none", { limit: 0 }, []],
    ["since", { sinceMs: 20 }, ["d", "c", "b"]],
    ["a namespace", { namespace: "kube-system" }, ["c"]],
    ["a pod", { pod: "dns" }, ["c"]],
    ["a container", { container: "coredns" }, ["c"]],
    ["a kind", { kind: "stuck" }, ["c"]],
    ["Events that wait", { eventState: "pending" }, ["b"]],
    ["several conditions", { namespace: "kube-system", limit: 1, sinceMs: 40 }, []],
    ["a name that is SQL", { pod: "' OR 1=1 --" }, []],
  ] as [string, object, string[]][])("%s", (_promise, query, expected) => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path));
    must(store.insert(incident({ id: "b", timeMs: 20, event: pending })));
    must(store.insert(incident({ id: "a", timeMs: 10 })));
    must(store.insert(incident({ ...wanted, id: "c", timeMs: 30 })));
    must(store.insert(incident({ id: "d", timeMs: 30 })));
    expect(must(store.recent(query)).incidents.map(({ id }) => id)).toEqual(expected);
    store.close();
  });
});

describe("how much is stored", () => {
  test("of 10,050 the newest 10,000 are kept", () => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path));
    for (let i = 0; i < 10_050; i++) must(store.insert(incident({ id: `i${i}`, timeMs: i })));
    const ids = idsOf(store);
    expect([ids.length, ids[0], ids.at(-1)]).toEqual([10_000, "i10049", "i50"]);
    store.close();
  });

  test("an incident is kept though the clock was set back before it", () => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path, { maxIncidents: 3 }));
    for (const [i, timeMs] of [1000, 1001, 1002, 5].entries())
      must(store.insert(incident({ id: `i${i}`, timeMs })));
    expect(idsOf(store)).toEqual(["i2", "i1", "i3"]);
    store.close();
  });

  test("a smaller bound takes effect at the next incident", () => {
    using dir = scratch();
    filled(dir.path, 10);
    const store = must(IncidentStore.open(dir.path, { maxIncidents: 2 }));
    must(store.insert(incident({ id: "new", timeMs: 100 })));
    expect(idsOf(store)).toEqual(["new", "i9"]);
    store.close();
  });
});

describe("the files", () => {
  test("belong to root alone", () => {
    using dir = scratch();
    const stateDir = join(dir.path, "state");
    const store = must(IncidentStore.open(stateDir));
    must(store.insert(incident()));
    expect((statSync(stateDir).mode & 0o777).toString(8)).toBe("700");
    const files = readdirSync(stateDir).sort();
    expect(files).toEqual(["incidents.db", "incidents.db-shm", "incidents.db-wal"]);
    for (const file of files) expect((statSync(join(stateDir, file)).mode & 0o777).toString(8)).toBe("600");
    store.close();
  });

  test.if(Bun.which("strace") !== null)("every commit is synced", () => {
    using dir = scratch();
    const writer = `
      const { IncidentStore } = await import("${import.meta.dir}/../../../src/record/store.ts");
      const { incident } = await import("${import.meta.dir}/incidents.ts");
      const store = IncidentStore.open(process.argv[1]).value;
      for (let i = 0; i < 20; i++) store.insert(incident({ id: String(i) }));
      process.kill(process.pid, "SIGKILL");`;
    const trace = join(dir.path, "trace");
    Bun.spawnSync([
      "strace",
      "-f",
      "-e",
      "trace=fdatasync,fsync",
      "-o",
      trace,
      process.execPath,
      "-e",
      writer,
      dir.path,
    ]);
    expect(readFileSync(trace, "utf8").match(/f(data)?sync\(/g)?.length).toBeGreaterThanOrEqual(20);
  });

  test("a reader makes nothing where nothing is", () => {
    using dir = scratch();
    const stateDir = join(dir.path, "state");
    const store = must(IncidentStore.open(stateDir, { readonly: true }));
    expect(must(store.recent())).toEqual({ incidents: [], unreadable: 0 });
    expect(reasonOf(store.insert(incident()))).toBe("read-only");
    expect(existsSync(stateDir)).toBe(false);
  });

  test("a file that was just made, and nothing more, holds no incidents", () => {
    using dir = scratch();
    writeFileSync(join(dir.path, "incidents.db"), "");
    expect(must(must(IncidentStore.open(dir.path, { readonly: true })).recent()).incidents).toEqual([]);
    const store = must(IncidentStore.open(dir.path));
    expect(must(store.insert(incident()))).toBe(true);
    store.close();
  });

  test("a reader sees what the writer has acknowledged, while it writes", () => {
    using dir = scratch();
    const writer = must(IncidentStore.open(dir.path));
    must(writer.insert(incident({ id: "a", timeMs: 1 })));
    const reader = must(IncidentStore.open(dir.path, { readonly: true }));
    expect(idsOf(reader)).toEqual(["a"]);
    must(writer.insert(incident({ id: "b", timeMs: 2 })));
    expect(idsOf(reader)).toEqual(["b", "a"]);
    expect(reasonOf(reader.insert(incident({ id: "c" })))).toBe("read-only");
    reader.close();
    writer.close();
  });

  test("closing twice, and using what is closed, throws nothing", () => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path));
    store.close();
    store.close();
    expect(store.insert(incident()).ok).toBe(false);
    expect(store.recent().ok).toBe(false);
  });
});

describe("what can be wrong with the file", () => {
  const junk: [string, (path: string) => void][] = [
    ["it is no database", (path) => writeFileSync(path, "no database ".repeat(1000))],
    [
      "its pages are damaged",
      (path) => {
        const bytes = readFileSync(path);
        bytes.fill(0xa5, 4096);
        writeFileSync(path, bytes);
      },
    ],
    ["it is cut off", (path) => writeFileSync(path, readFileSync(path).subarray(0, 5000))],
  ];

  test.each(junk)("%s: it is moved aside, a new one begins, and the answer says so", (_promise, damage) => {
    using dir = scratch();
    filled(dir.path, 50);
    const path = join(dir.path, "incidents.db");
    damage(path);
    const damaged = readFileSync(path);
    expect(reasonOf(readAll(dir.path))).toBe("corrupt");

    const store = must(IncidentStore.open(dir.path, { now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) }));
    expect(store.setAside).toBe(`${path}.corrupt-20260102T030405.006Z`);
    expect(readFileSync(store.setAside ?? "")).toEqual(damaged);
    expect(must(store.insert(incident()))).toBe(true);
    expect(idsOf(store)).toEqual([incident().id]);
    store.close();
    expect(must(IncidentStore.open(dir.path)).setAside).toBeNull();
  });

  test("of corrupt files the newest three are kept", () => {
    using dir = scratch();
    for (let i = 1; i <= 5; i++) {
      writeFileSync(join(dir.path, "incidents.db"), "junk".repeat(1000));
      must(IncidentStore.open(dir.path, { now: () => Date.UTC(2026, 0, i) })).close();
    }
    const aside = readdirSync(dir.path).filter((name) => name.includes(".corrupt-"));
    expect(aside.sort().map((name) => name.slice(-20, -12))).toEqual(["20260103", "20260104", "20260105"]);
  });

  test("a newer oom-guard made it: refused, and left as it is", () => {
    using dir = scratch();
    filled(dir.path, 1);
    const path = join(dir.path, "incidents.db");
    const db = new Database(path);
    db.run("PRAGMA user_version = 99");
    db.close();
    const before = readFileSync(path);
    for (const readonly of [false, true]) {
      const opened = IncidentStore.open(dir.path, { readonly });
      expect(opened.ok ? "opened" : opened.error.message).toContain(
        `made by a newer oom-guard: schema 99, this one knows ${SCHEMA_VERSION}`,
      );
      expect(reasonOf(opened)).toBe("newer schema");
    }
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("it is a directory", () => {
    using dir = scratch();
    mkdirSync(join(dir.path, "incidents.db"));
    expect(reasonOf(IncidentStore.open(dir.path))).toBe("unavailable");
  });

  test("the state directory is a file", () => {
    using dir = scratch();
    writeFileSync(join(dir.path, "state"), "");
    expect(reasonOf(IncidentStore.open(join(dir.path, "state")))).toBe("unavailable");
  });

  test("somebody else holds the lock: said soon, and over when it is released", () => {
    using dir = scratch();
    const store = must(IncidentStore.open(dir.path));
    const other = new Database(join(dir.path, "incidents.db"));
    other.run("BEGIN IMMEDIATE");
    const begin = performance.now();
    expect(reasonOf(store.insert(incident()))).toBe("locked");
    expect(performance.now() - begin).toBeLessThan(1000);
    other.run("COMMIT");
    expect(must(store.insert(incident()))).toBe(true);
    other.close();
    store.close();
  });
});

/** The first error on the way to the incidents, by a reader. */
function readAll(stateDir: string): Stored<unknown> {
  const opened = IncidentStore.open(stateDir, { readonly: true });
  if (!opened.ok) return opened;
  const found = opened.value.recent();
  opened.value.close();
  return found;
}

describe.if(canMount)("what can be wrong with the disk", () => {
  test("it is full: said, and over when there is room again; nothing acknowledged is lost", () => {
    using disk = tinyDisk("256k");
    const store = must(IncidentStore.open(disk.path));
    const stored: string[] = [];
    let result = store.insert(incident({ id: "first" }));
    for (let i = 0; result.ok && i < 1000; i++) {
      stored.push(i === 0 ? "first" : `i${i}`);
      result = store.insert(incident({ id: `i${i + 1}`, timeMs: i }));
    }
    expect(reasonOf(result)).toBe("disk full");
    expect(stored.length).toBeGreaterThan(3);
    expect(new Set(idsOf(store))).toEqual(new Set(stored));
    expect(reasonOf(store.insert(incident({ id: "still" })))).toBe("disk full");
    Bun.spawnSync(["mount", "-o", "remount,size=8m", disk.path]);
    expect(must(store.insert(incident({ id: "room" })))).toBe(true);
    expect(new Set(idsOf(store))).toEqual(new Set([...stored, "room"]));
    store.close();
  });

  test("it is full before anything was stored", () => {
    using disk = tinyDisk("64k");
    writeFileSync(join(disk.path, "ballast"), Buffer.alloc(64 * 1024));
    expect(reasonOf(IncidentStore.open(disk.path))).toBe("disk full");
  });

  test("it filled up while nobody had the store open", () => {
    using disk = tinyDisk("160k");
    filled(disk.path, 1);
    const ballast = Buffer.alloc(4096);
    try {
      for (let i = 0; ; i++) writeFileSync(join(disk.path, `ballast${i}`), ballast);
    } catch {}
    expect(reasonOf(IncidentStore.open(disk.path))).toBe("disk full");
    expect(readdirSync(disk.path).filter((name) => name.includes("corrupt"))).toEqual([]);
  });

  test("it is read-only and empty", () => {
    using disk = tinyDisk("1m");
    disk.remount("ro");
    expect(reasonOf(IncidentStore.open(disk.path))).toBe("read-only");
    expect(reasonOf(IncidentStore.open(join(disk.path, "state")))).toBe("read-only");
    expect(must(readAll(disk.path))).toEqual({ incidents: [], unreadable: 0 });
  });

  test("it became read-only: no writing, but what was stored can be read", () => {
    using disk = tinyDisk("1m");
    filled(disk.path, 3);
    disk.remount("ro");
    expect(reasonOf(IncidentStore.open(disk.path))).toBe("read-only");
    const reader = must(IncidentStore.open(disk.path, { readonly: true }));
    expect(idsOf(reader)).toEqual(["i2", "i1", "i0"]);
    reader.close();
  });
});

describe("the process dies", () => {
  test("by SIGKILL in the midst of writing: everything acknowledged is there", async () => {
    using dir = scratch();
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "store-writer.ts"), dir.path], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const acknowledged: string[] = [];
    let rest = "";
    for await (const chunk of child.stdout) {
      rest += new TextDecoder().decode(chunk);
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      acknowledged.push(...lines);
      if (acknowledged.length > 200) child.kill("SIGKILL");
    }
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    const store = must(IncidentStore.open(dir.path));
    expect(store.setAside).toBeNull();
    const found = new Set(idsOf(store));
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([]);
    store.close();
  });
});
