// The open conversation's messages. While an answer grows, its end stays in view, unless the reader has scrolled away.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { shownPath } from '../state/conversation';
import { store, useStore } from '../state/store';
import type { Conversation, Message } from '../state/types';
import { MessageView } from './message';

const NEAR_END_PX = 80;
const SHOWN_AT_FIRST = 60; // messages: a conversation of a thousand opens as fast as a short one

function useFollowing(conversation: Conversation) {
  const log = useRef<HTMLDivElement>(null);
  const isFollowing = useRef(true);
  useEffect(() => {
    isFollowing.current = true;
  }, [conversation.id]);
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = log.current!;
    isFollowing.current = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  };
  useLayoutEffect(() => {
    if (isFollowing.current) log.current!.scrollTop = log.current!.scrollHeight;
  }, [conversation]);
  return { log, onScroll };
}

// Where a message stands among those that could be in its place.
function placesIn(conversation: Conversation, path: Message[]): Map<string, { at: number; ids: string[] }> {
  const ids = new Map<string, string[]>(path.map((message) => [message.parent, []]));
  for (const message of Object.values(conversation.messages)) ids.get(message.parent)?.push(message.id);
  return new Map(
    path.map((message) => {
      const siblings = ids.get(message.parent)!;
      return [message.id, { at: siblings.indexOf(message.id), ids: siblings }];
    }),
  );
}

function Welcome() {
  const facts = useStore((state) => state.facts);
  const model = useStore((state) => state.models[0]);
  return (
    <div class="welcome">
      <h2>Hearth</h2>
      {model && (
        <p>
          {model.id}
          {model.about && ` · ${model.about}`}
          <br />
          {facts && `context ${facts.context.toLocaleString()} tokens · ${facts.device}`}
        </p>
      )}
      <p>Everything stays between this browser and your server.</p>
    </div>
  );
}

export function ConversationView() {
  const conversation = useStore((state) => state.current);
  const trouble = useStore((state) => state.trouble);
  const { log, onScroll } = useFollowing(conversation);
  const [shown, setShown] = useState(SHOWN_AT_FIRST);
  useEffect(() => setShown(SHOWN_AT_FIRST), [conversation.id]);
  const path = shownPath(conversation);
  const hidden = Math.max(0, path.length - shown);
  const places = placesIn(conversation, path);
  const isBusy = path.some((message) => store.running.has(message.id));
  return (
    <main class="log" ref={log} onScroll={onScroll} aria-label="Conversation" aria-busy={isBusy} tabIndex={-1}>
      {trouble && (
        <p class="trouble" role="alert">
          {trouble}
        </p>
      )}
      {path.length === 0 && <Welcome />}
      {hidden > 0 && (
        <button type="button" class="earlier" onClick={() => setShown(shown + 10 * SHOWN_AT_FIRST)}>
          Show earlier messages ({hidden})
        </button>
      )}
      {path.slice(hidden).map((message, index) => {
        const { at, ids } = places.get(message.id)!;
        return (
          <MessageView
            key={message.id}
            message={message}
            at={at}
            count={ids.length}
            previous={ids[at - 1] ?? ''}
            next={ids[at + 1] ?? ''}
            isLast={hidden + index === path.length - 1}
            isBusy={isBusy}
          />
        );
      })}
    </main>
  );
}
