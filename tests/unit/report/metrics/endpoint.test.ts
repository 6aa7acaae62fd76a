import { afterEach, beforeEach, expect, test } from "bun:test";
import { Endpoint } from "../../../../src/report/metrics/endpoint.ts";
import { freePort } from "../../../support/cluster/free-port.ts";
import { keptLog } from "./log-kept.ts";

const served = { contentType: "text/x-test", body: () => Promise.resolve("up 1\n") };

let kept: ReturnType<typeof keptLog>;
let endpoint: Endpoint;
let port: number;

beforeEach(() => {
  kept = keptLog();
  endpoint = new Endpoint(kept.log);
  port = freePort();
});
afterEach(() => endpoint.stop());

const local = () => ({ host: "127.0.0.1", port });
const get = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${port}${path}`, init);
const isServed = (at: string) =>
  fetch(`http://${at}/metrics`).then(
    ({ ok }) => ok,
    () => false,
  );

test("serves the metrics, and says where", async () => {
  await endpoint.serve(served, local());
  const response = await get("/metrics");
  expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
    200,
    "text/x-test",
    "up 1\n",
  ]);
  expect(kept.said).toEqual([`info metrics-served: metrics are served at http://127.0.0.1:${port}/metrics`]);
});

test.each([
  ["GET", "/", 404],
  ["GET", "/metrics/", 404],
  ["GET", "/metrics?x=1", 200],
  ["HEAD", "/metrics", 200],
  ["POST", "/metrics", 405],
  ["DELETE", "/metrics", 405],
  ["POST", "/x", 404],
])("%s %s is answered with %d", async (method, path, status) => {
  await endpoint.serve(served, local());
  expect((await get(path, { method })).status).toBe(status);
});

test("metrics that cannot be made are an error, without what it is about", async () => {
  const body = () => Promise.reject(new Error("secret"));
  await endpoint.serve({ ...served, body }, local());
  const response = await get("/metrics");
  expect([response.status, await response.text()]).toEqual([500, "the metrics could not be made\n"]);
});

test("is said to be open to others where it is", async () => {
  await endpoint.serve(served, { host: "0.0.0.0", port });
  expect(kept.said).toEqual([expect.stringMatching(/^warn metrics-exposed: .*without TLS/)]);
});

test("serves on IPv6", async () => {
  await endpoint.serve(served, { host: "::1", port });
  expect(await isServed(`[::1]:${port}`)).toBe(true);
  expect(await isServed(`127.0.0.1:${port}`)).toBe(false);
});

test("a port that is taken is said once, and taken over when it is free", async () => {
  const other = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  await endpoint.serve(served, local());
  for (let i = 0; i < 3; i++) endpoint.retry();
  expect(kept.said).toEqual([
    `warn metrics-not-served: metrics cannot be served at 127.0.0.1:${port} (EADDRINUSE): tried again every second`,
  ]);
  other.stop(true);
  endpoint.retry();
  expect(await isServed(`127.0.0.1:${port}`)).toBe(true);
  expect(kept.said.slice(1)).toEqual([
    `debug metrics-served: 127.0.0.1:${port} is no trouble any more`,
    `info metrics-served: metrics are served at http://127.0.0.1:${port}/metrics`,
  ]);
});

test("a port is not shared with another guard", async () => {
  await endpoint.serve(served, local());
  const other = new Endpoint(kept.log);
  await other.serve(served, local());
  expect(kept.said.at(-1)).toContain("EADDRINUSE");
  await other.stop();
});

test("an address that is not the node's is said", async () => {
  await endpoint.serve(served, { host: "192.0.2.1", port });
  expect(kept.said).toEqual([expect.stringMatching(/^warn metrics-not-served: .*192\.0\.2\.1/)]);
});

test("another address replaces the first, the same one nothing, none ends it", async () => {
  const first = port;
  await endpoint.serve(served, local());
  port = freePort();
  await endpoint.serve(served, local());
  expect([await isServed(`127.0.0.1:${first}`), await isServed(`127.0.0.1:${port}`)]).toEqual([false, true]);
  await endpoint.serve(served, local());
  expect(kept.said).toHaveLength(2);
  await endpoint.serve(served, null);
  expect(await isServed(`127.0.0.1:${port}`)).toBe(false);
});
