// Conversations in the browser's IndexedDB, each under its id. Where there is none (some private windows), the page
// works and forgets.
import type { Conversation } from './types';

const STORE = 'conversations';
let opened: Promise<IDBDatabase | null> | undefined;

function database(): Promise<IDBDatabase | null> {
  opened ??= new Promise((resolve) => {
    let request: IDBOpenDBRequest;
    try {
      request = indexedDB.open('hearth', 1);
    } catch {
      return resolve(null);
    }
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => resolve(null);
  });
  return opened;
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | null> {
  const db = await database();
  if (!db) return null;
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

export const readConversation = (id: string) => run<Conversation>('readonly', (store) => store.get(id));
export const readConversations = async () => (await run<Conversation[]>('readonly', (store) => store.getAll())) ?? [];
export const writeConversation = (conversation: Conversation) => run('readwrite', (store) => store.put(conversation));
export const removeConversation = (id: string) => run('readwrite', (store) => store.delete(id));
