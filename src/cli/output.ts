/**
 * Writes to standard output and waits until it is taken. A reader that went away (`| head`) is no failure: the rest
 * is not wanted.
 * @returns false when nobody reads any more, so that a long-running command can stop
 */
export async function writeOut(text: string): Promise<boolean> {
  try {
    await Bun.write(Bun.stdout, text);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EPIPE") return false;
    throw error;
  }
}
