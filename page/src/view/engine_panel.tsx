// The engine at work, drawn from the server's /metrics once a second while it is looked at.
import { useEffect, useState } from 'preact/hooks';
import { readMetrics, type Metrics } from '../api/metrics';
import { store, useStore } from '../state/store';
import { Chart } from './chart';
import { Ledger } from './ledger';
import { Panel } from './panel';

const POLL_MS = 1000,
  KEPT = 90;

function useMetrics() {
  const [history, setHistory] = useState<Metrics[]>([]);
  const [trouble, setTrouble] = useState('');
  useEffect(() => {
    const ending = new AbortController();
    const poll = async () => {
      while (!ending.signal.aborted) {
        try {
          if (!document.hidden) {
            const metrics = await readMetrics(ending.signal);
            setHistory((known) => [...known.slice(1 - KEPT), metrics]);
            setTrouble('');
          }
        } catch (error) {
          if (ending.signal.aborted || store.isAboutKey(error)) return;
          setTrouble((error as Error).message);
        }
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    };
    void poll();
    return () => ending.abort();
  }, []);
  return { history, trouble };
}

// How much a counter grew each second, between one look and the next.
function rates(history: Metrics[], name: string): number[] {
  return history.slice(1).map((now, at) => {
    const before = history[at]!;
    const grown = now.value(name) - before.value(name);
    return Math.max(0, grown) / Math.max(0.001, (now.time - before.time) / 1000);
  });
}

function Bar({ label, value, max, text }: { label: string; value: number; max: number; text: string }) {
  return (
    <label class="bar">
      <span>{label}</span>
      <span>{text}</span>
      <meter min={0} max={max || 1} value={value} />
    </label>
  );
}

function share(part: number, whole: number): string {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : 'none yet';
}

function Requests({ history }: { history: Metrics[] }) {
  const latest = history.at(-1)!;
  const parallel = history.map((each) => each.value('num_requests_running'));
  const waiting = history.map((each) => each.value('num_requests_waiting'));
  return (
    <section aria-label="Requests">
      <h3>Requests</h3>
      <Chart label="Running" values={parallel} text={String(latest.value('num_requests_running'))} />
      <Chart label="Waiting" values={waiting} text={String(latest.value('num_requests_waiting'))} />
    </section>
  );
}

function Speed({ history }: { history: Metrics[] }) {
  const latest = history.at(-1)!;
  const written = rates(history, 'generation_tokens_total'),
    read = rates(history, 'prompt_tokens_total');
  const percents = history.map((each) => each.value('decode_bandwidth_limit_percent'));
  const perSecond = (values: number[]) => `${(values.at(-1) ?? 0).toFixed(1)} tokens/s`;
  return (
    <section aria-label="Speed">
      <h3>Speed</h3>
      <Chart label="Written" values={written} text={perSecond(written)} />
      <Chart label="Read" values={read} text={perSecond(read)} />
      {latest.has('decode_bandwidth_limit_percent') ? (
        <Chart label="Of the memory’s limit" values={percents} max={100} text={`${percents.at(-1)!.toFixed(1)} %`} />
      ) : (
        <p class="about">The share of the memory’s limit is measured for models of 64 MiB or more.</p>
      )}
    </section>
  );
}

function Cache({ latest }: { latest: Metrics }) {
  const all = latest.value('kv_cache_blocks');
  const used = latest.value('kv_cache_blocks_in_use'),
    cached = latest.value('kv_cache_blocks_cached');
  const hits = latest.value('prefix_cache_hits_total'),
    asked = latest.value('prefix_cache_queries_total');
  return (
    <section aria-label="Cache">
      <h3>Cache</h3>
      <Bar label="Blocks in use" value={used} max={all} text={`${used} of ${all}`} />
      <Bar label="Blocks kept for prompts to come" value={cached} max={all} text={`${cached} of ${all}`} />
      <Bar label="Prompt tokens found in it" value={hits} max={asked} text={share(hits, asked)} />
    </section>
  );
}

export function EnginePanel() {
  const { history, trouble } = useMetrics();
  const device = useStore((state) => state.facts?.device);
  const latest = history.at(-1);
  return (
    <Panel title="Engine">
      {trouble && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
      {device && <p class="about">{device}</p>}
      {latest && (
        <>
          <Requests history={history} />
          <Speed history={history} />
          <Cache latest={latest} />
          <Ledger latest={latest} />
        </>
      )}
    </Panel>
  );
}
