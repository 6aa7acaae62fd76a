import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { serve, TOKEN } from "./api-server.ts";
import { Authority, type Issued } from "./authority.ts";

// Variables that a daemon may inherit and that Bun reads before any of our code runs: so in a process of its own.

const authority = new Authority();
const foreign = new Authority();
let good: Issued;
let named: Issued;

beforeAll(() => {
  good = authority.issue("good");
  named = authority.issue("named", { names: "DNS:other" });
});
afterAll(() => {
  authority.remove();
  foreign.remove();
});

const PROGRAM = `
import * as v from "valibot";
import { accessTo, clientFor, messageOf } from "./api-server.ts";
const [server, cert] = process.argv.slice(-2);
const request = { method: "GET", path: ["api"], right: { verb: "list", resource: "pods" }, schema: v.unknown() };
const result = await clientFor(accessTo({ cert }, { server })).request(request);
console.log(result.ok ? "ok" : result.error.kind, messageOf(result));
`;

async function ask(issued: Issued, ca: string, env: Record<string, string>): Promise<string> {
  const { server, stop } = serve(issued, () => Response.json({}));
  const child = Bun.spawn([process.execPath, "-e", PROGRAM, server, ca], {
    cwd: join(import.meta.dir),
    env: { PATH: process.env.PATH, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const output = (await child.stdout.text()) + (await child.stderr.text());
  stop();
  return output;
}

test("without them: the good server is trusted", async () => {
  expect(await ask(good, authority.cert, {})).toStartWith("ok ");
});

test.each([
  ["an unknown authority", () => ask(good, foreign.cert, { NODE_TLS_REJECT_UNAUTHORIZED: "0" })],
  ["another name", () => ask(named, authority.cert, { NODE_TLS_REJECT_UNAUTHORIZED: "0" })],
])("NODE_TLS_REJECT_UNAUTHORIZED=0 does not make %s acceptable", async (_, asked) => {
  expect(await asked()).toStartWith("tls ");
});

test.each(["curl", "1", "true"])("BUN_CONFIG_VERBOSE_FETCH=%s does not print the token", async (value) => {
  const output = await ask(good, authority.cert, { BUN_CONFIG_VERBOSE_FETCH: value });
  expect(output).toBe("ok no error, but {}\n");
  expect(output).not.toContain(TOKEN);
});

test("HTTPS_PROXY is used as a tunnel: the proxy sees where to, and nothing that is said", async () => {
  let seen = "";
  const proxy = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (head) => {
      const port = Number(/^CONNECT 127\.0\.0\.1:(\d+) /.exec(String(head))?.[1]);
      const upstream = connect(port, "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
      upstream.on("error", () => undefined);
      socket.pipe(upstream).pipe(socket);
    });
    socket.on("data", (bytes) => {
      seen += bytes.toString("latin1");
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const env = { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as { port: number }).port}` };
  expect(await ask(good, authority.cert, env)).toStartWith("ok ");
  expect(seen).toStartWith("CONNECT 127.0.0.1:");
  expect(seen).not.toContain("SECRET");
  const lenient = { ...env, NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  expect(await ask(named, authority.cert, lenient)).toStartWith("tls ");
  expect(await ask(good, foreign.cert, lenient)).toStartWith("tls ");
  proxy.close();
});
