import { samplesOf } from "./metrics-text.ts";

/** The metrics a guard serves at a loopback port, as they stand there. The guard makes them anew once a second. */
export async function scrapeText(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  if (!response.ok) throw new Error(`/metrics: ${response.status}`);
  return response.text();
}

/** Its samples, by name with labels. */
export async function scrape(port: number): Promise<Map<string, number>> {
  return samplesOf(await scrapeText(port));
}
