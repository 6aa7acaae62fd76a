import { describe, expect, test } from "bun:test";
import { close, openDirectory } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import { childNames } from "../../src/cgroup/children.ts";
import { pidsBelow } from "../../src/cgroup/processes.ts";
import { TestCgroup } from "../support/cgroup.ts";
import { missingMemoryCgroup } from "../support/requirements.ts";

describe.skipIf(missingMemoryCgroup() !== null)("child cgroups", () => {
  test("are listed in the order they were made, which is the order the kernel walks them", async () => {
    const top = TestCgroup.top();
    const fd = openDirectory(cString(top.directory));
    try {
      const names = Array.from({ length: 40 }, (_, i) => `${Bun.hash(String(i)).toString(36)}-${i}`);
      for (const name of names) top.child(name);
      expect(childNames(fd)).toEqual(names);
      expect(childNames(fd)).toEqual(names);
      expect(pidsBelow(fd)).toEqual([]);
    } finally {
      close(fd);
      await top.remove();
    }
  });

  test("of a removed cgroup are none", async () => {
    const top = TestCgroup.top();
    const fd = openDirectory(cString(top.directory));
    await top.remove();
    expect(childNames(fd)).toEqual([]);
    expect(pidsBelow(fd)).toEqual([]);
    close(fd);
  });
});
