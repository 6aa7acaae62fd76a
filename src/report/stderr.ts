import { fstatSync, writeSync } from "node:fs";
import { isatty } from "node:tty";
import { peerPath } from "../../ffi/peer-path.ts";
import { isWritable } from "../../ffi/poll.ts";

/** Where log lines go. */
export interface LogTarget {
  readonly isTty: boolean;
  /** Does the journal read what is written here? */
  readonly isJournal: boolean;
  /** Writes a line of at most 4096 bytes. Never throws, never waits long. @returns false when the line is lost. */
  write(line: string): boolean;
}

/** A reader a little slower than a burst of lines is waited for this long, once; then lines are dropped. */
const PATIENCE_MS = 20;

/**
 * Standard error (or another descriptor) as a log target. A plain write would block for ever on a pipe nobody reads,
 * and `process.stderr.write` keeps what the pipe does not take in memory without bound and waits for it at exit; so
 * poll(2) is asked first.
 */
export function stderrTarget(env: Readonly<Record<string, string | undefined>>, fd = 2): LogTarget {
  let stalled = false;
  return {
    isTty: isatty(fd),
    isJournal: isJournalStream(env.JOURNAL_STREAM, fd),
    write(line) {
      stalled = !isWritable(fd, stalled ? 0 : PATIENCE_MS);
      if (stalled) return false;
      try {
        writeSync(fd, line);
        return true;
      } catch {
        // EPIPE, EAGAIN, ENOSPC: there is nowhere left to say it.
        return false;
      }
    },
  };
}

// Of a log namespace, too (LogNamespace=).
const JOURNAL_STDOUT = /^\/run\/systemd\/journal(\.[^/]+)?\/stdout$/;

/**
 * systemd sets JOURNAL_STREAM to device:inode of the stream; children that redirected stderr inherit it, too. Before
 * 231 (CentOS 7 has 219) there is no such variable, but the stream is connected to journald's socket all the same.
 */
function isJournalStream(journalStream: string | undefined, fd: number): boolean {
  if (JOURNAL_STDOUT.test(peerPath(fd) ?? "")) return true;
  if (!journalStream) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return journalStream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}
