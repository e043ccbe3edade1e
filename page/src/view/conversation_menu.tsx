// What can be done with the open conversation as a whole.
import { useRef } from 'preact/hooks';
import { asJson, asMarkdown } from '../state/transfer';
import { shownTitle } from '../state/conversation';
import { store, useStore } from '../state/store';
import { download } from './download';
import { Icon } from './icons';

function fileName(title: string, ending: string): string {
  return `${
    title
      .replace(/[^\p{L}\p{N} _-]+/gu, '')
      .trim()
      .slice(0, 60) || 'conversation'
  }.${ending}`;
}

export function ConversationMenu() {
  const isKept = useStore((state) => state.conversations.has(state.current.id));
  const menu = useRef<HTMLDetailsElement>(null);
  const doing = (work: () => void) => () => {
    menu.current!.open = false;
    work();
  };
  const rename = () => {
    const title = prompt('The conversation’s name', store.current.title);
    if (title !== null) store.rename(store.current.id, title);
  };
  const remove = () => {
    if (confirm(`Delete “${shownTitle(store.current)}”? It cannot be brought back.`)) store.remove(store.current.id);
  };
  const exportJson = () => download(fileName(store.current.title, 'json'), 'application/json', asJson([store.current]));
  const exportMarkdown = () =>
    download(fileName(store.current.title, 'md'), 'text/markdown', asMarkdown(store.current));
  if (!isKept) return null;
  const closeOnEscape = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !menu.current!.open) return;
    event.preventDefault();
    menu.current!.open = false;
    menu.current!.querySelector('summary')!.focus();
  };
  return (
    <details class="menu" ref={menu} onKeyDown={closeOnEscape}>
      <summary aria-label="This conversation" title="This conversation">
        <Icon name="more" />
      </summary>
      <div class="menu-items">
        <button type="button" onClick={doing(rename)}>
          Rename
        </button>
        <button type="button" onClick={doing(exportJson)}>
          Export as JSON
        </button>
        <button type="button" onClick={doing(exportMarkdown)}>
          Export as Markdown
        </button>
        <button type="button" onClick={doing(remove)}>
          Delete
        </button>
      </div>
    </details>
  );
}
