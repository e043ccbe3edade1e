// How the open conversation is answered. New conversations begin with what was set last.
import { mistakeIn } from '../api/chat_request';
import { apiKey } from '../state/preferences';
import { store, useStore } from '../state/store';
import type { AnswerSettings, FormKind, Thinking } from '../state/types';
import { NumberField, TextField } from './fields';
import { Panel } from './panel';
import { PresetPicker } from './preset_picker';

const SAMPLING: [name: string, label: string, about: string][] = [
  ['temperature', 'Temperature', 'divides the logits; 0: always the likeliest token'],
  ['top_k', 'Top k', 'keep the k likeliest tokens; 0: all'],
  ['top_p', 'Top p', 'keep the likeliest tokens that together reach this probability'],
  ['min_p', 'Min p', 'keep tokens of at least this share of the likeliest one’s probability'],
  ['typical_p', 'Typical p', 'keep the most typical tokens that together reach this probability'],
  ['repeat_penalty', 'Repeat penalty', 'divides the logits of tokens seen lately; 1: off'],
  ['repeat_last_n', 'Repeat window', 'how many tokens the repeat penalty looks back on; -1: all'],
  ['presence_penalty', 'Presence penalty', 'subtracted from the logits of tokens already in the answer'],
  ['frequency_penalty', 'Frequency penalty', 'subtracted for each time that a token is in the answer'],
  ['dry_multiplier', 'DRY', 'strength of the penalty on repeated sequences; 0: off'],
  ['xtc_probability', 'XTC', 'how often the likeliest tokens are removed; 0: never'],
  ['xtc_threshold', 'XTC threshold', 'the probability from which XTC counts a token as likely'],
];

const FORMS: [FormKind, string][] = [
  ['none', 'Any text'],
  ['json', 'JSON'],
  ['schema', 'JSON that fits a schema'],
  ['regex', 'A regular expression'],
  ['grammar', 'A grammar (GBNF)'],
];
const FORM_FIELDS: Partial<Record<FormKind, string>> = { schema: 'JSON Schema', regex: 'Pattern', grammar: 'Grammar' };
const THINKING: [Thinking, string][] = [
  ['auto', 'As the model has it'],
  ['on', 'Think first'],
  ['off', 'Do not think'],
];

type Change = (part: Partial<AnswerSettings>) => void;

function Sampling({ settings, change }: { settings: AnswerSettings; change: Change }) {
  const defaults = useStore((state) => state.facts?.sampling);
  const set = (name: string, value: number | null) => {
    const sampling = { ...settings.sampling };
    if (value === null) delete sampling[name];
    else sampling[name] = value;
    change({ sampling });
  };
  return (
    <fieldset>
      <legend>Sampling</legend>
      <p class="about">What is left empty is as the model has it.</p>
      <div class="grid">
        {SAMPLING.map(([name, label, about]) => (
          <NumberField
            key={name}
            label={label}
            about={about}
            value={settings.sampling[name] ?? null}
            placeholder={defaults?.[name]}
            onChange={(value) => set(name, value)}
          />
        ))}
        <NumberField
          label="Seed"
          about="the same seed gives the same answer; empty: drawn for each"
          value={settings.seed}
          placeholder="drawn"
          isWhole
          onChange={(seed) => change({ seed })}
        />
        <NumberField
          label="Longest answer"
          about="tokens, at most"
          value={settings.maxTokens}
          placeholder="no limit"
          isWhole
          onChange={(maxTokens) => change({ maxTokens })}
        />
      </div>
      <TextField
        label="Stop at (a text on each line)"
        value={settings.stop.join('\n')}
        rows={2}
        onChange={(text) => change({ stop: text.split('\n').filter(Boolean) })}
      />
    </fieldset>
  );
}

function Form({ settings, change }: { settings: AnswerSettings; change: Change }) {
  const field = FORM_FIELDS[settings.form];
  return (
    <fieldset>
      <legend>Form of the answer</legend>
      <label>
        The answer is
        <select value={settings.form} onChange={(event) => change({ form: event.currentTarget.value as FormKind })}>
          {FORMS.map(([kind, name]) => (
            <option key={kind} value={kind}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {field && (
        <TextField
          label={field}
          value={settings.formText}
          rows={6}
          isCode
          onChange={(formText) => change({ formText })}
        />
      )}
    </fieldset>
  );
}

function KeyField() {
  if (!apiKey()) return null;
  return (
    <button type="button" onClick={() => store.set({ needsKey: true })}>
      Use another API key
    </button>
  );
}

export function SettingsPanel() {
  const settings = useStore((state) => state.current.settings);
  const change: Change = (part) => store.setSettings({ ...settings, ...part });
  const mistake = mistakeIn(settings);
  return (
    <Panel title="Settings">
      {mistake && (
        <p class="trouble" role="alert">
          {mistake}
        </p>
      )}
      <PresetPicker settings={settings} />
      <TextField label="System prompt" value={settings.system} rows={4} onChange={(system) => change({ system })} />
      <label>
        Thinking
        <select
          value={settings.thinking}
          onChange={(event) => change({ thinking: event.currentTarget.value as Thinking })}
        >
          {THINKING.map(([kind, name]) => (
            <option key={kind} value={kind}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={settings.logprobs}
          onChange={(event) => change({ logprobs: event.currentTarget.checked })}
        />
        Keep each token’s probability and alternatives
      </label>
      <Form settings={settings} change={change} />
      <Sampling settings={settings} change={change} />
      <fieldset>
        <legend>Tools</legend>
        <p class="about">Their calls are shown, and you say what they give back.</p>
        <TextField
          label="Tools, as OpenAI’s API has them (JSON)"
          value={settings.tools}
          rows={6}
          isCode
          onChange={(tools) => change({ tools })}
        />
      </fieldset>
      <KeyField />
    </Panel>
  );
}
