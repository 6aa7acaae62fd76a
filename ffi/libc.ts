import { dlopen, FFIType, type Pointer, read } from "bun:ffi";

// glibc's name first; musl installs one name per architecture and no libc.so.6.
export const libraryNames = [
  "libc.so.6",
  process.arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1",
  "libc.so",
];

// size_t, ssize_t and off_t travel as i64_fast: plain numbers, no BigInt on the hot path
// (Number() around a result only tells the compiler so).
const symbols = {
  __errno_location: { args: [], returns: "ptr" },
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  eventfd: { args: ["u32", "i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  getpagesize: { args: [], returns: "i32" },
  getpeername: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  inotify_add_watch: { args: ["i32", "ptr", "u32"], returns: "i32" },
  inotify_init1: { args: ["i32"], returns: "i32" },
  inotify_rm_watch: { args: ["i32", "i32"], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  lseek: { args: ["i32", FFIType.i64_fast, "i32"], returns: FFIType.i64_fast },
  madvise: { args: ["ptr", FFIType.i64_fast, "i32"], returns: "i32" },
  memset: { args: ["ptr", "i32", FFIType.i64_fast], returns: "ptr" },
  mincore: { args: ["ptr", FFIType.i64_fast, "ptr"], returns: "i32" },
  mlockall: { args: ["i32"], returns: "i32" },
  mmap: { args: ["ptr", FFIType.i64_fast, "i32", "i32", "i32", FFIType.i64_fast], returns: "ptr" },
  munmap: { args: ["ptr", FFIType.i64_fast], returns: "i32" },
  openat: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  poll: { args: ["ptr", FFIType.i64_fast, "i32"], returns: "i32" },
  prctl: {
    args: ["i32", FFIType.i64_fast, FFIType.i64_fast, FFIType.i64_fast, FFIType.i64_fast],
    returns: "i32",
  },
  pread: { args: ["i32", "ptr", FFIType.i64_fast, FFIType.i64_fast], returns: FFIType.i64_fast },
  pwrite: { args: ["i32", "ptr", FFIType.i64_fast, FFIType.i64_fast], returns: FFIType.i64_fast },
  read: { args: ["i32", "ptr", FFIType.i64_fast], returns: FFIType.i64_fast },
  sched_setscheduler: { args: ["i32", "i32", "ptr"], returns: "i32" },
  sendmsg: { args: ["i32", "ptr", "i32"], returns: FFIType.i64_fast },
  sendto: { args: ["i32", "ptr", FFIType.i64_fast, "i32", "ptr", "u32"], returns: FFIType.i64_fast },
  setenv: { args: ["ptr", "ptr", "i32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  syscall: {
    args: [FFIType.i64_fast, FFIType.i64_fast, FFIType.i64_fast, FFIType.i64_fast, FFIType.i64_fast],
    returns: FFIType.i64_fast,
  },
  sysinfo: { args: ["ptr"], returns: "i32" },
  write: { args: ["i32", "ptr", FFIType.i64_fast], returns: FFIType.i64_fast },
} as const;

function openLibc() {
  let cause: unknown;
  for (const name of libraryNames) {
    try {
      return dlopen(name, symbols).symbols;
    } catch (error) {
      cause ??= error;
    }
  }
  throw new Error(`no C library found (tried ${libraryNames.join(", ")})`, { cause });
}

/** The C library. Only files of this folder use it. */
export const libc = openLibc();

// errno is thread-local; every thread loads this module for itself, so each gets its own address.
const errnoAddress = libc.__errno_location() as Pointer;

/** The calling thread's errno. Read it right after the call that failed. */
export function errno(): number {
  return read.i32(errnoAddress, 0);
}
