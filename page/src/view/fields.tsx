// Labelled fields of a form.
import { useId } from 'preact/hooks';

interface NumberFieldProps {
  label: string;
  about: string;
  value: number | null; // null: empty
  placeholder?: number | string | undefined;
  isWhole?: boolean;
  onChange: (value: number | null) => void;
}

export function NumberField({ label, about, value, placeholder, isWhole, onChange }: NumberFieldProps) {
  const id = useId();
  const shown = typeof placeholder === 'number' ? String(Number(placeholder.toPrecision(4))) : placeholder;
  return (
    <div class="number" title={about}>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        step={isWhole ? 1 : 'any'}
        value={value ?? ''}
        placeholder={shown}
        aria-description={about}
        onChange={(event) => {
          const number = event.currentTarget.valueAsNumber;
          onChange(Number.isNaN(number) ? null : isWhole ? Math.trunc(number) : number);
        }}
      />
    </div>
  );
}

interface TextFieldProps {
  label: string;
  value: string;
  rows: number;
  isCode?: boolean;
  onChange: (text: string) => void;
}

export function TextField({ label, value, rows, isCode, onChange }: TextFieldProps) {
  return (
    <label>
      {label}
      <textarea
        rows={rows}
        class={isCode ? 'code-field' : undefined}
        spellcheck={!isCode}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </label>
  );
}
