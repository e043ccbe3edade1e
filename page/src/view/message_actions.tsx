// The line below a message: its alternatives, what can be done with it, and what was measured.
import { goOn, repeat, retry } from '../state/answering';
import { branchedOff } from '../state/conversation';
import { store } from '../state/store';
import type { AnswerFacts, Message } from '../state/types';
import { CopyButton } from './copy_button';
import { IconButton } from './icons';
import type { MessageProps } from './message';

function Alternatives({ at, count, previous, next }: MessageProps) {
  const show = (id: string) => store.select(store.current.messages[id]!);
  return (
    <span class="alternatives" role="group" aria-label="Alternatives">
      <IconButton icon="left" label="Previous alternative" disabled={!previous} onClick={() => show(previous)} />
      <span>
        {at + 1}/{count}
      </span>
      <IconButton icon="right" label="Next alternative" disabled={!next} onClick={() => show(next)} />
    </span>
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

// Tokens after the first, over the time since the first.
export function tokensPerSecond(facts: AnswerFacts): number {
  const time = facts.totalMs - facts.firstTokenMs;
  return facts.tokens > 1 && time > 0 ? (1000 * (facts.tokens - 1)) / time : 0;
}

function Measured({ message }: { message: Message }) {
  const facts = message.facts!;
  const rate = tokensPerSecond(facts);
  const parts = [`${facts.tokens} token${facts.tokens === 1 ? '' : 's'}`];
  if (rate > 0) parts.push(`${rate.toFixed(1)} tokens/s`);
  if (facts.firstTokenMs > 0) parts.push(`first after ${seconds(facts.firstTokenMs)}`);
  const more = [
    `${facts.promptTokens} prompt tokens, ${facts.cachedTokens} of them cached`,
    `seed ${message.asked?.seed}`,
    facts.model,
    facts.fingerprint.replaceAll(';', '; '),
  ].filter(Boolean);
  return (
    <details class="measured">
      <summary>{parts.join(' · ')}</summary>
      <p>{more.join(' · ')}</p>
    </details>
  );
}

interface ActionsProps extends MessageProps {
  showsTokens: boolean;
  onTokens: () => void;
  onEdit: () => void;
}

export function MessageActions(props: ActionsProps) {
  const { message, isBusy } = props;
  const isAnswer = message.role === 'assistant';
  const branch = () => {
    const conversation = branchedOff(store.current, message.id);
    store.add([conversation]);
    store.open(conversation.id);
    store.announce('A new conversation with everything up to this message.');
  };
  const canGoOn =
    message.text &&
    !message.reasoning &&
    !message.calls &&
    (message.finish === 'length' || message.state === 'stopped') &&
    (message.asked?.form ?? 'none') === 'none';
  return (
    <div class="actions">
      {props.count > 1 && <Alternatives {...props} />}
      <CopyButton text={message.text} what="message" />
      {message.role !== 'tool' && <IconButton icon="edit" label="Edit" disabled={isBusy} onClick={props.onEdit} />}
      {isAnswer && <IconButton icon="retry" label="Retry" disabled={isBusy} onClick={() => retry(message)} />}
      {canGoOn && (
        <IconButton icon="play" label="Go on" disabled={isBusy} onClick={() => goOn(message, message.text)} />
      )}
      <IconButton icon="branch" label="Branch into a new conversation" onClick={branch} />
      {message.asked && message.facts && message.state !== 'failed' && (
        <IconButton
          icon="repeat"
          label="Answer again, bit for bit"
          disabled={isBusy || message.repetition?.outcome === 'running'}
          onClick={() => void repeat(message)}
        />
      )}
      {message.tokens && (
        <IconButton icon="tokens" label="Token probabilities" pressed={props.showsTokens} onClick={props.onTokens} />
      )}
      {message.facts && message.state !== 'failed' && <Measured message={message} />}
    </div>
  );
}
