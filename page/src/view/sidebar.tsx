// All conversations: found by words in them, opened, brought in from files and taken out.
import { useState } from 'preact/hooks';
import { store, useStore, type Summary } from '../state/store';
import { asJson, readFile } from '../state/transfer';
import { download } from './download';
import { Icon, IconButton } from './icons';

const IMPORT_BYTES_MAX = 64 << 20;

// Those with every word of `wanted` somewhere in title or messages.
function matching(summaries: Summary[], wanted: string): Summary[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return summaries;
  return summaries.filter(({ id, title }) => {
    const conversation = store.conversations.get(id);
    const texts = Object.values(conversation?.messages ?? {}).map((message) => message.text.toLowerCase());
    return words.every((word) => title.toLowerCase().includes(word) || texts.some((text) => text.includes(word)));
  });
}

async function importFiles(files: FileList | null): Promise<string> {
  const told: string[] = [];
  for (const file of files ?? []) {
    try {
      if (file.size > IMPORT_BYTES_MAX) throw new Error('it is larger than 64 MiB');
      const conversations = readFile(await file.text());
      store.add(conversations);
      if (conversations[0]) store.open(conversations[0].id);
      told.push(`${file.name}: ${conversations.length} conversation${conversations.length === 1 ? '' : 's'}.`);
    } catch (error) {
      told.push(`${file.name} is not imported: ${(error as Error).message}.`);
    }
  }
  return told.join(' ');
}

function day(time: number): string {
  const days = Math.floor((new Date().setHours(24, 0, 0, 0) - time) / 86_400_000);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return new Date(time).toLocaleDateString(undefined, { month: 'long', year: 'numeric' });
}

function Entries({ found, onOpened }: { found: Summary[]; onOpened: () => void }) {
  const current = useStore((state) => state.current.id);
  const groups = new Map<string, Summary[]>();
  for (const each of found) groups.set(day(each.updated), [...(groups.get(day(each.updated)) ?? []), each]);
  const open = (id: string) => {
    store.open(id);
    onOpened();
  };
  return (
    <div class="entries">
      {[...groups].map(([name, entries]) => (
        <section key={name} aria-label={name}>
          <h3>{name}</h3>
          <ul>
            {entries.map(({ id, title }) => (
              <li key={id}>
                <button
                  type="button"
                  class="entry"
                  aria-current={id === current ? 'page' : undefined}
                  onClick={() => open(id)}
                >
                  {title}
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

export function Sidebar({ onClose, onOpened }: { onClose: () => void; onOpened: () => void }) {
  const summaries = useStore((state) => state.summaries);
  const [wanted, setWanted] = useState('');
  const [told, setTold] = useState('');
  const found = matching(summaries, wanted);
  const startNew = () => {
    store.openNew();
    onOpened();
    document.getElementById('message')?.focus();
  };
  return (
    <nav class="sidebar" aria-label="Conversations">
      <div class="sidebar-head">
        <button type="button" class="new" onClick={startNew}>
          <Icon name="plus" /> New conversation
        </button>
        <span class="only-narrow">
          <IconButton icon="close" label="Close the list" onClick={onClose} />
        </span>
      </div>
      <input
        id="search"
        type="search"
        placeholder="Search"
        aria-label="Search conversations"
        value={wanted}
        onInput={(event) => setWanted(event.currentTarget.value)}
      />
      {found.length === 0 ? (
        <p class="none">{summaries.length === 0 ? 'Conversations stay in this browser.' : 'None has these words.'}</p>
      ) : (
        <Entries found={found} onOpened={onOpened} />
      )}
      <div class="sidebar-foot">
        <label class="button">
          Import
          <input
            type="file"
            class="off-screen"
            accept=".json,application/json"
            multiple
            onChange={async (event) => {
              const input = event.currentTarget;
              setTold(await importFiles(input.files));
              input.value = '';
            }}
          />
        </label>
        <button
          type="button"
          disabled={summaries.length === 0}
          onClick={() =>
            download('hearth-conversations.json', 'application/json', asJson([...store.conversations.values()]))
          }
        >
          Export all
        </button>
        {told && <p role="status">{told}</p>}
      </div>
    </nav>
  );
}
