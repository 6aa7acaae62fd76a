import { describe, expect, test } from "bun:test";
import { parseStatus } from "../../../src/proc/status.ts";
import { bytesOf, statusText } from "./status-text.ts";

const K = 1024;

function parse(fields: Readonly<Record<string, string | null>> = {}) {
  const bytes = bytesOf(statusText(fields));
  return parseStatus(bytes, bytes.length);
}

test("sizes are bytes", () => {
  expect(parse()).toEqual({
    comm: "java",
    parentPid: 17,
    rssBytes: 988_188 * K,
    swapBytes: 512 * K,
    pageTableBytes: 3888 * K,
    admin: false,
    hasMemory: true,
  });
});

test.each([
  ["Linux 4.0 to 4.14 count page middle directories apart", { VmPMD: "      12 kB" }, 3900],
  ["Linux 3.10 has page tables only", { VmPMD: null }, 3888],
])("%s", (_, fields, kilobytes) => {
  expect(parse(fields).pageTableBytes).toBe(kilobytes * K);
});

test("a kernel built without swap has no VmSwap line", () => {
  expect(parse({ VmSwap: null }).swapBytes).toBe(0);
});

test("a zombie, and a kernel thread, have no memory", () => {
  const zombie = parse({ VmPeak: null, VmSize: null, VmHWM: null, VmRSS: null, VmPTE: null, VmSwap: null });
  expect(zombie).toMatchObject({ hasMemory: false, rssBytes: 0, swapBytes: 0, pageTableBytes: 0 });
});

describe("CAP_SYS_ADMIN is bit 21", () => {
  test.each([
    ["all capabilities", "000001ffffffffff", true],
    ["that one alone", "0000000000200000", true],
    ["Docker's default set", "00000000a80425fb", false],
    ["every other one", "000001ffffdfffff", false],
    ["none", "0000000000000000", false],
  ])("%s", (_, CapEff, admin) => {
    expect(parse({ CapEff }).admin).toBe(admin);
  });

  test("a status without CapEff has none", () => {
    expect(parse({ CapEff: null }).admin).toBe(false);
  });
});

describe("a process may call itself anything", () => {
  // Left as the kernel prints it, right what the process is called.
  test.each([
    ["a newline and a forged line", "a\\nVmRSS:\t1 kB", "a\nVmRSS:\t1 kB"],
    ["a backslash", "a\\\\b", "a\\b"],
    ["a backslash before an n", "a\\\\nb", "a\\nb"],
    ["parentheses", "a) R 1 (b", "a) R 1 (b"],
    ["an escape sequence", "\x1b[31mred", "\x1b[31mred"],
    ["the name of a field", "VmRSS:", "VmRSS:"],
    ["a carriage return", "a\rVmRSS: 1 kB", "a\rVmRSS: 1 kB"],
    ["nothing", "", ""],
    ["blanks", "  ", "  "],
  ])("%s", (_, printed, comm) => {
    expect(parse({ Name: printed })).toMatchObject({ comm, rssBytes: 988_188 * K, parentPid: 17 });
  });

  test("bytes that are no UTF-8 become replacement characters", () => {
    const head = bytesOf("Name:\t");
    const rest = bytesOf(statusText({ Name: null }));
    const bytes = new Uint8Array([...head, 0xff, 0xfe, 10, ...rest]);
    expect(parseStatus(bytes, bytes.length)).toMatchObject({ comm: "��", rssBytes: 988_188 * K });
  });
});

test("what lies behind the length is left over from before, and is not read", () => {
  const text = statusText({ VmRSS: null });
  const bytes = bytesOf(`${text}VmRSS:\t 9 kB\n`);
  expect(parseStatus(bytes, bytesOf(text).length).hasMemory).toBe(false);
});
