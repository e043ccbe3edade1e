// The line above a conversation: what it is called, which model answers, and where everything else is.
import { useState } from 'preact/hooks';
import { shownTitle } from '../state/conversation';
import { applyTheme, readTheme, type Theme } from '../state/preferences';
import { store, useStore, type Panel } from '../state/store';
import { ConversationMenu } from './conversation_menu';
import { IconButton } from './icons';

const NEXT_THEME: Record<Theme, Theme> = { auto: 'dark', dark: 'light', light: 'auto' };
const THEME_NAMES: Record<Theme, string> = { auto: 'as the system has it', dark: 'dark', light: 'light' };

function ThemeButton() {
  const [theme, setTheme] = useState(readTheme());
  const next = () => {
    applyTheme(NEXT_THEME[theme]);
    setTheme(NEXT_THEME[theme]);
    store.announce(`Colours: ${THEME_NAMES[NEXT_THEME[theme]]}`);
  };
  return <IconButton icon="theme" label={`Colours: ${THEME_NAMES[theme]}`} onClick={next} />;
}

function ModelPicker() {
  const models = useStore((state) => state.models);
  const loaded = useStore((state) => state.loaded);
  const settings = useStore((state) => state.current.settings);
  if (models.length === 0) {
    return loaded > 0 && loaded < 1 ? (
      <label class="loading">
        Loading the model <progress value={loaded} max={1} />
      </label>
    ) : (
      <span class="loading">Waiting for the server</span>
    );
  }
  const isKnown = models.some((model) => model.id === settings.model);
  return (
    <select
      class="model"
      aria-label="Model"
      value={isKnown ? settings.model : models[0]!.id}
      title={models.find((model) => model.id === settings.model)?.about ?? models[0]!.about}
      onChange={(event) => store.setSettings({ ...settings, model: event.currentTarget.value })}
    >
      {models.map((model) => (
        <option key={model.id} value={model.id}>
          {model.id}
        </option>
      ))}
    </select>
  );
}

function PanelButton({ panel, icon, label }: { panel: Panel; icon: 'settings' | 'engine' | 'help'; label: string }) {
  const isOpen = useStore((state) => state.panel) === panel;
  return (
    <IconButton
      icon={icon}
      label={label}
      expanded={isOpen}
      onClick={() => store.set({ panel: isOpen ? 'none' : panel })}
    />
  );
}

export function Header({ hasSidebar, onMenu }: { hasSidebar: boolean; onMenu: () => void }) {
  const title = useStore((state) => shownTitle(state.current));
  return (
    <header>
      <IconButton icon="menu" label="Conversations" expanded={hasSidebar} onClick={onMenu} />
      <h1 title={title}>{title}</h1>
      <ConversationMenu />
      <span class="space" />
      <ModelPicker />
      <PanelButton panel="settings" icon="settings" label="Settings" />
      <PanelButton panel="engine" icon="engine" label="Engine" />
      <ThemeButton />
      <PanelButton panel="help" icon="help" label="Help" />
    </header>
  );
}
