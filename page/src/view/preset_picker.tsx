// Settings under a name: taken, kept, thrown away.
import { useState } from 'preact/hooks';
import { ownPresets, presets, writePresets } from '../state/preferences';
import { store } from '../state/store';
import type { AnswerSettings } from '../state/types';

export function PresetPicker({ settings }: { settings: AnswerSettings }) {
  const [chosen, setChosen] = useState('');
  const [, redraw] = useState(0);
  const list = presets();
  const take = (name: string) => {
    setChosen(name);
    const preset = list.find((each) => each.name === name);
    if (preset) store.setSettings({ ...structuredClone(preset.settings), model: settings.model });
  };
  const keep = () => {
    const name = prompt('The preset’s name', chosen)?.trim().slice(0, 60);
    if (!name) return;
    writePresets([...ownPresets().filter((each) => each.name !== name), { name, settings: structuredClone(settings) }]);
    setChosen(name);
  };
  const remove = () => {
    writePresets(ownPresets().filter((each) => each.name !== chosen));
    setChosen('');
    redraw((count) => count + 1);
  };
  const isOwn = ownPresets().some((each) => each.name === chosen);
  return (
    <div class="row presets">
      <label>
        Preset
        <select value={chosen} onChange={(event) => take(event.currentTarget.value)}>
          <option value="">Choose…</option>
          {list.map((each, at) => (
            <option key={at} value={each.name}>
              {each.name}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={keep}>
        Keep as…
      </button>
      {isOwn && (
        <button type="button" onClick={remove}>
          Delete
        </button>
      )}
    </div>
  );
}
