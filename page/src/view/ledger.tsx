// What the device has done since the server's start: every kernel launched and every byte that crossed.
import type { Metrics } from '../api/metrics';

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

function bytes(count: number): string {
  let unit = 0;
  while (count >= 1024 && unit < UNITS.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? count : count.toFixed(1)} ${UNITS[unit]}`;
}

export function Ledger({ latest }: { latest: Metrics }) {
  const launches = [...latest.all('device_launches_total')].sort((a, b) => b.value - a.value);
  const facts: [string, string][] = [
    ['Steps', latest.value('steps_total').toLocaleString()],
    ['Recorded steps replayed', latest.value('device_graph_replays_total').toLocaleString()],
    ['Host to device', bytes(latest.value('device_host_to_device_bytes_total'))],
    ['Device to host', bytes(latest.value('device_device_to_host_bytes_total'))],
    ['Device memory', bytes(latest.value('device_allocated_bytes'))],
    ['Allocations', latest.value('device_allocations_total').toLocaleString()],
    ['Resident memory', bytes(latest.value('process_resident_memory_bytes'))],
  ];
  return (
    <section aria-label="Ledger">
      <h3>Ledger</h3>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <table class="launches">
        <thead>
          <tr>
            <th scope="col">Kernel</th>
            <th scope="col">Launches</th>
          </tr>
        </thead>
        <tbody>
          {launches.map(({ labels, value }) => (
            <tr key={labels.kernel}>
              <td>{labels.kernel}</td>
              <td>{value.toLocaleString()}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
