import { expect, test } from "bun:test";
import { arch, archNamed } from "../../../ffi/arch.ts";
import { Epoll } from "../../../ffi/epoll.ts";
import { createEventfd, drainEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import { close } from "../../../ffi/file.ts";

// include/uapi/linux/eventpoll.h packs the struct on x86-64 only; O_DIRECTORY and the system calls have numbers of
// their own on each (arch/*/include/uapi/asm/fcntl.h, asm-generic/unistd.h).
test.each([
  [
    "x64",
    {
      O_DIRECTORY: 0x10000,
      epollEventBytes: 12,
      epollDataOffset: 4,
      SYS_getdents64: 217,
      SYS_fstat: 5,
      SYS_newfstatat: 262,
      SYS_memfd_create: 319,
      SYS_mlock2: 325,
      linkCountOffset: 16,
      modeOffset: 24,
      deviceOffset: 40,
    },
  ],
  [
    "arm64",
    {
      O_DIRECTORY: 0x4000,
      epollEventBytes: 16,
      epollDataOffset: 8,
      SYS_getdents64: 61,
      SYS_fstat: 80,
      SYS_newfstatat: 79,
      SYS_memfd_create: 279,
      SYS_mlock2: 284,
      linkCountOffset: 20,
      modeOffset: 16,
      deviceOffset: 32,
    },
  ],
])("%s has its own numbers", (name, numbers) => {
  expect(archNamed(name)).toEqual(numbers);
});

test("an architecture nobody built for is named in the refusal", () => {
  expect(() => archNamed("riscv64")).toThrow("riscv64");
});

test("this machine's is one of them", () => {
  expect(arch).toBe(archNamed(process.arch));
});

test("tags come back from epoll as they went in, beyond 32 bits too", () => {
  const epoll = new Epoll(4);
  const tags = [7, 8 * 4_194_304 + 3, 2 ** 40 + 5];
  const fds = tags.map((tag) => {
    const fd = createEventfd();
    epoll.add(fd, tag);
    signalEventfd(fd);
    return fd;
  });
  const ready = epoll.wait(0);
  expect(Array.from({ length: ready }, (_, i) => epoll.tagAt(i)).sort((a, b) => a - b)).toEqual(tags);
  // Edge-triggered: what was reported is not reported again, and the next signal is, though nobody drained the first.
  expect(epoll.wait(0)).toBe(0);
  signalEventfd(fds[1]!);
  expect(epoll.wait(0)).toBe(1);
  expect(epoll.tagAt(0)).toBe(tags[1]!);
  expect(drainEventfd(fds[1]!)).toBe(2);
  for (const fd of fds) {
    epoll.remove(fd);
    close(fd);
  }
});

test("a silent descriptor reports once when it is listened to, what came before included", () => {
  const epoll = new Epoll(4);
  const fd = createEventfd();
  epoll.addSilent(fd, 1);
  signalEventfd(fd);
  expect(epoll.wait(0)).toBe(0);
  epoll.listenOnce(fd, 2);
  expect(epoll.wait(0)).toBe(1);
  expect(epoll.tagAt(0)).toBe(2);
  signalEventfd(fd);
  expect(epoll.wait(0)).toBe(0);
  close(fd);
});
