// The state of the whole page: conversations, the server, what is open. Views look at it through useStore() and change
// it through its methods; every change is told to them, and conversations are written to the browser's database.
import { useEffect, useRef, useState } from 'preact/hooks';
import { readiness, serverFacts, servedModels, ServerError, type ServedModel, type ServerFacts } from '../api/server';
import { newConversation, shownTitle, withSelected } from './conversation';
import { readConversation, readConversations, removeConversation, writeConversation } from './database';
import { apiKey, readDefaults, setApiKey, writeDefaults } from './preferences';
import type { AnswerSettings, Conversation, Message } from './types';

const SAVE_GROWING_MS = 1000; // an answer under way is not written at every piece
const LOADING_POLL_MS = 500,
  BROKEN_POLL_MS = 5000;

export interface Summary {
  id: string;
  title: string;
  updated: number;
}

export type Panel = 'none' | 'settings' | 'engine' | 'help';

class Store {
  conversations = new Map<string, Conversation>();
  summaries: Summary[] = [];
  current = newConversation(readDefaults());
  running = new Map<string, AbortController>(); // by the message that is being written
  models: ServedModel[] = [];
  facts: ServerFacts | null = null;
  loaded = 0; // how much of the model; 1: ready
  trouble = ''; // why the server cannot be asked
  needsKey = false;
  panel: Panel = 'none';
  status = ''; // told to screen readers
  draft = { id: '', text: '' }; // what the composer is to show for a conversation

  private listeners = new Set<() => void>();
  private unsaved = new Set<string>();
  private saveTimer = 0;
  private channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('hearth');

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed() {
    for (const listener of this.listeners) listener();
  }

  set(values: Partial<Store>) {
    Object.assign(this, values);
    this.changed();
  }

  announce(status: string) {
    this.set({ status });
  }

  async start() {
    for (const conversation of await readConversations()) this.adopt(conversation);
    this.refreshSummaries();
    const wanted = this.conversations.get(location.hash.slice(1));
    if (wanted) this.current = wanted;
    this.changed();
    addEventListener('pagehide', () => void this.save());
    document.addEventListener('visibilitychange', () => document.hidden && void this.save());
    addEventListener('hashchange', () => this.open(location.hash.slice(1)));
    this.channel?.addEventListener('message', (event) => void this.reread(String(event.data)));
    await this.connect();
  }

  // Until the server is ready and says what it serves.
  async connect() {
    for (;;) {
      let pause = LOADING_POLL_MS;
      try {
        const loaded = await readiness();
        this.set({ loaded, trouble: '' });
        if (loaded === 1) {
          const [models, facts] = await Promise.all([servedModels(), serverFacts()]);
          return this.set({ models, facts, needsKey: false });
        }
      } catch (error) {
        if (this.isAboutKey(error)) return;
        this.set({ trouble: (error as Error).message });
        pause = BROKEN_POLL_MS;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  // Whether the server wants a key, or another one: then it is asked for.
  isAboutKey(error: unknown): boolean {
    const isIt = error instanceof ServerError && error.status === 401;
    if (isIt) this.set({ needsKey: true, trouble: apiKey() ? 'The server does not know this key.' : '' });
    return isIt;
  }

  useKey(key: string) {
    setApiKey(key);
    this.set({ needsKey: false });
    void this.connect();
  }

  // What a closed page left unfinished has been stopped.
  private adopt(conversation: Conversation) {
    for (const [id, message] of Object.entries(conversation.messages)) {
      if (message.state === 'streaming') conversation.messages[id] = { ...message, state: 'stopped' };
      if (message.repetition?.outcome === 'running') delete conversation.messages[id]!.repetition;
    }
    this.conversations.set(conversation.id, conversation);
  }

  refreshSummaries() {
    this.summaries = [...this.conversations.values()]
      .sort((a, b) => b.updated - a.updated)
      .map((each) => ({ id: each.id, title: shownTitle(each), updated: each.updated }));
  }

  open(id: string) {
    const conversation = this.conversations.get(id);
    if (!conversation || conversation.id === this.current.id) return;
    history.replaceState(null, '', `#${id}`);
    this.set({ current: conversation });
  }

  openNew() {
    history.replaceState(null, '', location.pathname + location.search);
    this.set({ current: newConversation(readDefaults()) });
  }

  // A conversation in its new state; it is kept from its first message on.
  put(conversation: Conversation) {
    const isNew = !this.conversations.has(conversation.id);
    if (isNew && Object.keys(conversation.messages).length === 0) {
      return this.set({ current: conversation });
    }
    this.conversations.set(conversation.id, conversation);
    if (conversation.id === this.current.id) {
      this.current = conversation;
      if (isNew) history.replaceState(null, '', `#${conversation.id}`);
    }
    this.unsaved.add(conversation.id);
    this.saveTimer ||= window.setTimeout(() => void this.save(), this.running.size > 0 ? SAVE_GROWING_MS : 0);
    this.changed();
  }

  add(conversations: Conversation[]) {
    for (const conversation of conversations) this.put(conversation);
    this.refreshSummaries();
    this.changed();
  }

  rename(id: string, title: string) {
    const conversation = this.conversations.get(id);
    if (!conversation) return;
    this.put({ ...conversation, title: title.trim().slice(0, 200) });
    this.refreshSummaries();
    this.changed();
  }

  remove(id: string) {
    const conversation = this.conversations.get(id);
    for (const message of Object.keys(conversation?.messages ?? {})) this.running.get(message)?.abort();
    this.conversations.delete(id);
    this.unsaved.delete(id);
    this.refreshSummaries();
    void removeConversation(id).then(() => this.channel?.postMessage(id));
    if (this.current.id === id) this.openNew();
    this.changed();
  }

  select(message: Message) {
    this.put(withSelected(this.current, message));
  }

  setSettings(settings: AnswerSettings) {
    writeDefaults({ ...settings, seed: null });
    this.put({ ...this.current, settings });
  }

  async save() {
    clearTimeout(this.saveTimer);
    this.saveTimer = 0;
    const ids = [...this.unsaved];
    this.unsaved.clear();
    for (const id of ids) {
      const conversation = this.conversations.get(id);
      if (!conversation) continue;
      try {
        await writeConversation(conversation);
        this.channel?.postMessage(id);
      } catch (error) {
        this.set({ trouble: `The browser does not keep this conversation: ${(error as Error)?.message ?? 'no room'}` });
      }
    }
  }

  // Another tab has changed it.
  private async reread(id: string) {
    const known = this.conversations.get(id);
    if (known && Object.keys(known.messages).some((message) => this.running.has(message))) return;
    const conversation = await readConversation(id);
    if (conversation) this.adopt(conversation);
    else this.conversations.delete(id);
    if (this.current.id === id && conversation) this.current = conversation;
    this.refreshSummaries();
    this.changed();
  }
}

export const store = new Store();

// What `select` takes of the store, and again whenever that changes.
export function useStore<T>(select: (state: Store) => T): T {
  const latest = useRef(select);
  latest.current = select;
  const [, redraw] = useState(0);
  const value = select(store);
  const shown = useRef(value);
  shown.current = value;
  useEffect(
    () =>
      store.subscribe(() => {
        if (latest.current(store) !== shown.current) redraw((count) => count + 1);
      }),
    [],
  );
  return value;
}
