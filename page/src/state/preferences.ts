// What holds for the whole page: theme, presets, the settings of new conversations (kept in localStorage), and the API
// key (kept for this tab alone, in sessionStorage).
import { readSettings } from './transfer';
import { plainSettings, type AnswerSettings, type Preset } from './types';

export type Theme = 'auto' | 'light' | 'dark';

const BUILT_IN_PRESETS: Preset[] = [
  { name: 'The model’s own', settings: plainSettings() },
  { name: 'Precise', settings: { ...plainSettings(), sampling: { temperature: 0 } } },
  { name: 'Inventive', settings: { ...plainSettings(), sampling: { temperature: 1.1, min_p: 0.05 } } },
];

function read(storage: Storage | undefined, name: string): string | null {
  try {
    return storage?.getItem(`hearth.${name}`) ?? null;
  } catch {
    return null;
  }
}

function write(storage: Storage | undefined, name: string, value: string) {
  try {
    storage?.setItem(`hearth.${name}`, value);
  } catch {
    // Full, or not allowed: it holds for as long as the page is open.
  }
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

export function readTheme(): Theme {
  const theme = read(localStorage, 'theme');
  return theme === 'light' || theme === 'dark' ? theme : 'auto';
}

export function applyTheme(theme: Theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  write(localStorage, 'theme', theme);
}

export function readDefaults(): AnswerSettings {
  return readSettings(parsed(read(localStorage, 'defaults')));
}

export function writeDefaults(settings: AnswerSettings) {
  write(localStorage, 'defaults', JSON.stringify(settings));
}

export function ownPresets(): Preset[] {
  const list = parsed(read(localStorage, 'presets'));
  if (!Array.isArray(list)) return [];
  return list
    .filter((each) => typeof each?.name === 'string')
    .map((each) => ({ name: each.name, settings: readSettings(each.settings) }));
}

export function presets(): Preset[] {
  return [...BUILT_IN_PRESETS, ...ownPresets()];
}

export function writePresets(list: Preset[]) {
  write(localStorage, 'presets', JSON.stringify(list));
}

export function apiKey(): string {
  return read(sessionStorage, 'key') ?? '';
}

export function setApiKey(key: string) {
  write(sessionStorage, 'key', key);
}
