/** The samples of a text in Prometheus' format, by name with labels as they stand there. */
export function samplesOf(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const end = line.lastIndexOf(" ");
    const series = line.slice(0, end);
    if (samples.has(series)) throw new Error(`twice: ${series}`);
    samples.set(series, Number(line.slice(end + 1)));
  }
  return samples;
}
