import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SentinelHandle } from "../../../src/sentinel/handle.ts";
import type { FromSentinel, ToSentinel } from "../../../src/sentinel/protocol.ts";
import { scratch } from "../record/tiny-disk.ts";

const start = {
  cgroupVersion: 1,
  mount: "/m",
  procRoot: "/proc",
  kernelRelease: "6.1",
  blackBoxFd: -1,
  blackBoxFirst: 0,
} as const;

/** A thread that behaves as told in the place of the sentinel. */
async function spawn(
  script: string,
  onDeath: (reason: string) => void,
  onMessage: (message: FromSentinel) => void = () => undefined,
) {
  using folder = scratch();
  const file = join(folder.path, "worker.ts");
  writeFileSync(file, `declare const self: Worker;\n${script}\n`);
  const handle = SentinelHandle.spawn(file, start, onMessage, onDeath);
  await handle.ready;
  return handle;
}

test.each([
  ["cannot be loaded", 'throw new Error("no libc");'],
  ["fails before it is ready", 'self.onmessage = () => { throw new Error("no libc"); };'],
])("a sentinel that %s ends the start instead of holding it up", async (_, script) => {
  const deaths: string[] = [];
  await expect(spawn(script, (reason) => deaths.push(reason))).rejects.toThrow("no libc");
  await Bun.sleep(300);
  expect(deaths).toEqual([]);
});

test("one that fails later is reported", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  await spawn(
    'self.onmessage = () => { postMessage({ type: "ready" }); setTimeout(() => { throw new Error("gone"); }, 20); };',
    resolve,
  );
  expect(await promise).toContain("gone");
});

test("a ping resolves when it is answered, by its own number", async () => {
  const handle = await spawn(
    `self.onmessage = ({ data: { port } }) => {
      const waiting = [];
      port.onmessage = ({ data }) => {
        waiting.push(...data.map(({ serial }) => serial));
        if (waiting.length === 3) for (const serial of [99, waiting[1], waiting[0]]) postMessage({ type: "pong", serial });
      };
      postMessage({ type: "ready" });
    };`,
    () => undefined,
  );
  const order: string[] = [];
  const pings = ["first", "second", "third"].map((name) =>
    handle.ping().then((answer) => order.push(`${name} ${answer}`)),
  );
  await Promise.all(pings.slice(0, 2));
  await Bun.sleep(50);
  expect(order).toEqual(["second true", "first true"]);
});

test("what is sent together comes together, but a cgroup to guard does not wait for what follows", async () => {
  const script = `self.onmessage = ({ data: { port } }) => {
    port.onmessage = ({ data }) => postMessage({ type: "settled", key: data.map(({ type }) => type).join() });
    postMessage({ type: "ready" });
  };`;
  const came: FromSentinel[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const handle = await spawn(
    script,
    () => undefined,
    (message) => {
      if (came.push(message) === 2) resolve();
    },
  );
  const release = { type: "release", slot: 1 } as const;
  for (const message of [release, { type: "watch" } as ToSentinel, release, release]) handle.send(message);
  await promise;
  expect(came).toMatchObject([{ key: "release,watch" }, { key: "release,release" }]);
});

test("a ping to a thread that has ended, or ends, is answered with false", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const handle = await spawn(
    'self.onmessage = () => { postMessage({ type: "ready" }); setTimeout(() => { throw new Error("gone"); }, 50); };',
    resolve,
  );
  const before = handle.ping();
  await promise;
  expect([await before, await handle.ping()]).toEqual([false, false]);
});

test.each([
  ["before it is ready", 'postMessage({ type: "failed", reason: "EMFILE" });', "rejects"],
  ["later", 'postMessage({ type: "ready" }); postMessage({ type: "failed", reason: "EMFILE" });', "dies"],
])(
  "one that says itself why it ends, %s, is taken at its word, and stopped at once",
  async (_, script, end) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const spawned = spawn(`self.onmessage = () => { ${script} };`, resolve);
    if (end === "rejects") {
      await expect(spawned).rejects.toThrow("did not start: EMFILE");
      return;
    }
    const handle = await spawned;
    expect(await promise).toBe("EMFILE");
    expect(await handle.stop(60_000)).toBe(false);
  },
);

test.each([
  ["when it has rehearsed", 'postMessage({ type: "rehearsed" });'],
  ["when it ends before", 'throw new Error("gone");'],
])("the stage that is built for a rehearsal is taken away %s", async (_, end) => {
  const { promise: folder, resolve } = Promise.withResolvers<string>();
  const handle = await spawn(
    `self.onmessage = ({ data: { port } }) => {
      port.onmessage = ({ data: [{ stage }] }) => {
        postMessage({ type: "dead", id: stage });
        setTimeout(() => { ${end} }, 50);
      };
      postMessage({ type: "ready" });
    };`,
    () => undefined,
    (message) => {
      if (message.type === "dead") resolve(message.id);
    },
  );
  const rehearsed = handle.rehearse("rest");
  expect(existsSync(`${await folder}/rehearsal/cgroup.procs`)).toBe(true);
  await rehearsed;
  expect(existsSync(await folder)).toBe(false);
});
