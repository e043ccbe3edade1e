// A line of the last values, with the latest in words.

const WIDTH = 200,
  HEIGHT = 36,
  PLACES = 90;

interface ChartProps {
  label: string;
  values: number[];
  text: string;
  max?: number;
}

export function Chart({ label, values, text, max }: ChartProps) {
  const top = max ?? Math.max(1, ...values);
  const points = values.map((value, at) => {
    const x = WIDTH - ((values.length - 1 - at) * WIDTH) / (PLACES - 1);
    return `${x.toFixed(1)},${(HEIGHT - 1 - (Math.min(value, top) / top) * (HEIGHT - 2)).toFixed(1)}`;
  });
  return (
    <div class="chart">
      <p>
        <span>{label}</span>
        <span>{text}</span>
      </p>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <polyline points={points.join(' ')} vector-effect="non-scaling-stroke" />
      </svg>
    </div>
  );
}
