// What the user does with answers: asking, stopping, retrying, editing, going on, and having one again bit for bit.
import { Answer, readAnswer } from '../api/answer';
import { chatRequest, drawnSeed, mistakeIn } from '../api/chat_request';
import { childrenOf, newId, pathTo, titleFor, withChanged, withMessage } from './conversation';
import { Pace } from './pace';
import { store } from './store';
import type { AnswerSettings, AttachedFile, Conversation, Message } from './types';

function conversationOf(message: Message): Conversation | undefined {
  for (const conversation of [store.current, ...store.conversations.values()]) {
    if (conversation.messages[message.id]) return conversation;
  }
  return undefined;
}

function change(message: Message) {
  const conversation = conversationOf(message);
  if (conversation) store.put(withChanged(conversation, message));
}

export function isAnswering(conversation: Conversation): boolean {
  return Object.keys(conversation.messages).some((id) => store.running.has(id));
}

export function stop(conversation: Conversation) {
  for (const id of Object.keys(conversation.messages)) store.running.get(id)?.abort();
}

// A new message of the user's after `parent`, and an answer to it. False where the settings have a mistake.
export function send(text: string, files: AttachedFile[], parent: string): boolean {
  const conversation = store.current;
  const mistake = mistakeIn(conversation.settings);
  if (mistake) {
    store.set({ panel: 'settings', status: mistake });
    return false;
  }
  const message: Message = { id: newId(), parent, role: 'user', text, created: Date.now() };
  if (files.length > 0) message.files = files;
  const grown = withMessage(conversation, message);
  if (!grown.title) grown.title = titleFor(text || files[0]?.name || '');
  store.put(grown);
  void answer(grown, message.id, '');
  return true;
}

// The results of an answer's calls, and the answer that follows from them.
export function sendResults(message: Message, results: string[]) {
  let conversation = conversationOf(message);
  if (!conversation) return;
  let parent = message.id;
  (message.calls ?? []).forEach((call, at) => {
    const result: Message = {
      id: newId(),
      parent,
      role: 'tool',
      text: results[at] ?? '',
      created: Date.now(),
      callId: call.id,
    };
    conversation = withMessage(conversation!, result);
    parent = result.id;
  });
  store.put(conversation);
  void answer(conversation, parent, '');
}

// Another answer beside this one.
export function retry(message: Message) {
  const conversation = conversationOf(message);
  if (conversation) void answer(conversation, message.parent, '');
}

// Another answer that begins with `prefix` and goes on from there.
export function goOn(message: Message, prefix: string) {
  const conversation = conversationOf(message);
  if (conversation) void answer(conversation, message.parent, prefix);
}

// The user's own words for an answer, beside it.
export function putInPlace(message: Message, text: string) {
  const conversation = conversationOf(message);
  if (!conversation) return;
  const { id: _, facts: _f, tokens: _t, repetition: _r, asked: _a, finish: _e, error: _x, ...kept } = message;
  store.put(withMessage(conversation, { ...kept, id: newId(), text, state: 'done', created: Date.now() }));
}

async function answer(conversation: Conversation, parent: string, prefix: string) {
  const asked: AnswerSettings = structuredClone(conversation.settings);
  asked.seed ??= drawnSeed();
  if (prefix) asked.form = 'none'; // an answer whose form is given begins anew
  const message: Message = {
    id: newId(),
    parent,
    role: 'assistant',
    text: prefix,
    created: Date.now(),
    state: 'streaming',
    asked,
  };
  if (prefix) message.prefix = prefix;
  const controller = new AbortController();
  store.running.set(message.id, controller);
  store.put(withMessage(conversation, message));
  store.refreshSummaries();
  store.announce('The answer is being written.');
  const coming = new Answer(prefix);
  const pace = new Pace(
    (limit) => change(coming.into(message, limit)),
    () => coming.length,
  );
  let last: Partial<Message> = { state: 'done' };
  try {
    await readAnswer(
      chatRequest(pathTo(conversation, parent), asked, prefix),
      coming,
      () => pace.ask(),
      controller.signal,
    );
  } catch (error) {
    if (controller.signal.aborted) last = { state: 'stopped' };
    else last = { state: 'failed', error: (error as Error).message };
    store.isAboutKey(error);
  }
  await pace.finish();
  store.running.delete(message.id);
  change({ ...coming.into(message), ...last });
  store.refreshSummaries();
  const said = {
    done: 'The answer is complete.',
    stopped: 'The answer was stopped.',
    failed: `The answer failed: ${last.error}`,
  };
  store.announce(said[last.state as keyof typeof said]);
  void store.save();
}

// Asks for the same again, and compares.
export async function repeat(message: Message) {
  const conversation = conversationOf(message);
  if (!conversation || !message.asked) return;
  const tell = (outcome: NonNullable<Message['repetition']>['outcome'], detail: string) => {
    const latest = conversationOf(message)?.messages[message.id];
    if (latest) change({ ...latest, repetition: { outcome, detail } });
    if (outcome !== 'running') store.announce(detail);
  };
  const again = new Answer(message.prefix ?? '');
  tell('running', 'Asking again…');
  try {
    const request = chatRequest(pathTo(conversation, message.parent), message.asked, message.prefix ?? '');
    await readAnswer(request, again, () => {}, new AbortController().signal);
  } catch (error) {
    store.isAboutKey(error);
    return tell('failed', `Asking again failed: ${(error as Error).message}`);
  }
  const made = again.into(message);
  const before = message.facts?.fingerprint,
    now = made.facts?.fingerprint;
  if (before !== now) return tell('other-fingerprint', `${differingPart(before ?? '', now ?? '')} is another now.`);
  const difference = firstDifference(message, made);
  if (difference) return tell('different', difference);
  const tokens = made.facts?.tokens ?? 0;
  const bits = message.tokens ? ', and so are all probabilities, to the last bit' : '';
  tell('same', message.state === 'stopped' ? 'The same, as far as it came.' : `The same: ${tokens} tokens${bits}.`);
}

function firstDifference(before: Message, now: Message): string {
  const whole = before.state !== 'stopped'; // one that was stopped is the beginning of the other
  for (const part of ['reasoning', 'text'] as const) {
    const a = before[part] ?? '',
      b = now[part] ?? '';
    if (whole ? a === b : b.startsWith(a)) continue;
    let at = 0;
    while (at < a.length && a[at] === b[at]) at += 1;
    return `Another answer, from character ${at + 1} of the ${part === 'text' ? 'text' : 'thoughts'} on.`;
  }
  if (whole && JSON.stringify(callsOf(before)) !== JSON.stringify(callsOf(now))) return 'Other calls.';
  const at = (before.tokens ?? []).findIndex((token, index) => token.logprob !== now.tokens?.[index]?.logprob);
  return at < 0 ? '' : `The same text, but another probability at token ${at + 1}.`;
}

const callsOf = (message: Message) => (message.calls ?? []).map(({ name, arguments: written }) => [name, written]);

// Of two fingerprints ("build=…;model=…"), the first part that is not the same.
function differingPart(before: string, now: string): string {
  const others = new Set(now.split(';'));
  const part = before.split(';').find((each) => !others.has(each));
  return `The server’s ${part?.split('=')[0] ?? 'fingerprint'}`;
}

export function siblingsOf(conversation: Conversation, message: Message): Message[] {
  return childrenOf(conversation, message.parent);
}
