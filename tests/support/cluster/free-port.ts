const FIRST = 20_000;
const LAST = 32_000;

/**
 * A free loopback port below the range (from 32768 on) that the kernel takes the ports of outgoing connections from:
 * one of those might be taken while a server is down that is to come back at the same port.
 */
export function freePort(): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
      return port;
    } catch {
      // Somebody's.
    }
  }
}
