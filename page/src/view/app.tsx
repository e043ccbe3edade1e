// The whole page: conversations at the left, the open one in the middle, a panel at the right.
import { useEffect, useState } from 'preact/hooks';
import { isAnswering, stop } from '../state/answering';
import { store, useStore } from '../state/store';
import { Composer } from './composer';
import { ConversationView } from './conversation_view';
import { EnginePanel } from './engine_panel';
import { Header } from './header';
import { HelpPanel } from './help_panel';
import { KeyDialog } from './key_dialog';
import { SettingsPanel } from './settings_panel';
import { Sidebar } from './sidebar';

const NARROW = '(max-width: 860px)';

function useKeys(openSidebar: () => void) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isCommand = event.ctrlKey || event.metaKey;
      if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]')) {
        if (store.panel !== 'none') store.set({ panel: 'none' });
        else if (isAnswering(store.current)) stop(store.current);
      } else if (isCommand && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openSidebar();
        setTimeout(() => document.getElementById('search')?.focus());
      } else if (isCommand && event.shiftKey && event.key.toLowerCase() === 'o') {
        event.preventDefault();
        store.openNew();
        document.getElementById('message')?.focus();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

export function App() {
  const [hasSidebar, setSidebar] = useState(!matchMedia(NARROW).matches);
  const panel = useStore((state) => state.panel);
  const status = useStore((state) => state.status);
  const needsKey = useStore((state) => state.needsKey);
  useKeys(() => setSidebar(true));
  const closeIfNarrow = () => matchMedia(NARROW).matches && setSidebar(false);
  return (
    <div class="app">
      <button type="button" class="skip" onClick={() => document.getElementById('message')?.focus()}>
        Skip to the message
      </button>
      {hasSidebar && <Sidebar onClose={() => setSidebar(false)} onOpened={closeIfNarrow} />}
      <div class="middle">
        <Header hasSidebar={hasSidebar} onMenu={() => setSidebar(!hasSidebar)} />
        <ConversationView />
        <Composer />
      </div>
      {panel === 'settings' && <SettingsPanel />}
      {panel === 'engine' && <EnginePanel />}
      {panel === 'help' && <HelpPanel />}
      {needsKey && <KeyDialog />}
      <p class="off-screen" role="status">
        {status}
      </p>
    </div>
  );
}
