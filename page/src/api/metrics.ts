// The server's /metrics. Format: Prometheus's text exposition.
import { ask } from './server';

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export class Metrics {
  readonly time = performance.now();
  private readonly samples = new Map<string, Sample[]>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const match = line.match(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/);
      if (!match) continue;
      const labels: Record<string, string> = Object.create(null);
      for (const [, name, value] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
        labels[name!] = value!.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
      }
      const sample = { labels, value: Number(match[3]) };
      const known = this.samples.get(match[1]!);
      if (known) known.push(sample);
      else this.samples.set(match[1]!, [sample]);
    }
  }

  all(name: string): Sample[] {
    return this.samples.get(`hearth:${name}`) ?? this.samples.get(name) ?? [];
  }

  has(name: string): boolean {
    return this.all(name).length > 0;
  }

  value(name: string): number {
    return this.all(name)[0]?.value ?? 0;
  }
}

export async function readMetrics(signal?: AbortSignal): Promise<Metrics> {
  return new Metrics(await (await ask('metrics', undefined, signal)).text());
}
