// A conversation as a tree: a message's children are the alternatives that followed it, and one of them is shown.
import type { AnswerSettings, Conversation, Message } from './types';

export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  // A letter in front: objects keep such keys in the order in which they were added.
  return 'm' + Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function newConversation(settings: AnswerSettings): Conversation {
  const now = Date.now();
  return { id: newId(), title: '', created: now, updated: now, messages: {}, selected: {}, settings };
}

export function childrenOf(conversation: Conversation, parent: string): Message[] {
  return Object.values(conversation.messages).filter((message) => message.parent === parent);
}

// The messages that are shown, from the first to the last.
export function shownPath(conversation: Conversation): Message[] {
  const children = new Map<string, Message[]>();
  for (const message of Object.values(conversation.messages)) {
    const known = children.get(message.parent);
    if (known) known.push(message);
    else children.set(message.parent, [message]);
  }
  const path: Message[] = [];
  for (let parent = ''; ;) {
    const choices = children.get(parent);
    if (!choices) return path;
    const chosen = choices.find((message) => message.id === conversation.selected[parent]) ?? choices.at(-1)!;
    path.push(chosen);
    parent = chosen.id;
  }
}

// The messages that lead to this one, itself included.
export function pathTo(conversation: Conversation, id: string): Message[] {
  const path: Message[] = [];
  for (let at = conversation.messages[id]; at; at = conversation.messages[at.parent]) path.unshift(at);
  return path;
}

export function withMessage(conversation: Conversation, message: Message): Conversation {
  return {
    ...conversation,
    updated: Date.now(),
    messages: { ...conversation.messages, [message.id]: message },
    selected: { ...conversation.selected, [message.parent]: message.id },
  };
}

// The same message in another state; where it was deleted meanwhile, nothing.
export function withChanged(conversation: Conversation, message: Message): Conversation {
  if (!conversation.messages[message.id]) return conversation;
  return { ...conversation, updated: Date.now(), messages: { ...conversation.messages, [message.id]: message } };
}

export function withSelected(conversation: Conversation, message: Message): Conversation {
  return { ...conversation, selected: { ...conversation.selected, [message.parent]: message.id } };
}

// Without the message and all that follow it.
export function without(conversation: Conversation, id: string): Conversation {
  const gone = new Set([id]);
  const messages: Record<string, Message> = {};
  // A message comes after the one that it follows.
  for (const message of Object.values(conversation.messages)) {
    if (gone.has(message.id) || gone.has(message.parent)) gone.add(message.id);
    else messages[message.id] = message;
  }
  return { ...conversation, updated: Date.now(), messages };
}

// What is shown up to this message, as a conversation of its own.
export function branchedOff(conversation: Conversation, id: string): Conversation {
  const branch = newConversation(structuredClone(conversation.settings));
  branch.title = conversation.title;
  let parent = '';
  for (const message of pathTo(conversation, id)) {
    const copy = { ...structuredClone(message), id: newId(), parent };
    branch.messages[copy.id] = copy;
    parent = copy.id;
  }
  return branch;
}

export function titleFor(text: string): string {
  const line = text.trim().split('\n')[0] ?? '';
  return line.length > 60 ? line.slice(0, 57).trimEnd() + '…' : line;
}

export function shownTitle(conversation: Conversation): string {
  return conversation.title || 'New conversation';
}
