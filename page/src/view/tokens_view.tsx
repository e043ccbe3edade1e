// An answer as its tokens: how likely each was, and what else could have stood there, for the pointer and for the
// keyboard. Another token can be taken in its place; the answer then goes on from there, beside this one.
import { useRef, useState } from 'preact/hooks';
import { goOn } from '../state/answering';
import type { Message, Token, TokenChoice } from '../state/types';

const LEVELS = 6; // of colour: 0 is certain

function level(logprob: number): number {
  return Math.min(LEVELS - 1, Math.floor(-logprob / 0.7));
}

function percent(logprob: number): string {
  const share = 100 * Math.exp(logprob);
  return share > 99.95 ? '100 %' : share < 0.01 ? '< 0.01 %' : `${share.toPrecision(3)} %`;
}

function visible(text: string): string {
  return text.replaceAll('\n', '⏎').replaceAll('\t', '⇥').replace(/^ | $/g, '␣') || '(nothing)';
}

// The answer's text before this token; null where its bytes do not end a character.
function textBefore(message: Message, at: number): string | null {
  const bytes = message
    .tokens!.slice(0, at)
    .flatMap((token) => token.bytes ?? [...new TextEncoder().encode(token.text)]);
  try {
    return (message.prefix ?? '') + new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(bytes));
  } catch {
    return null;
  }
}

function Choices({ message, at }: { message: Message; at: number }) {
  const token = message.tokens![at]!;
  const before = textBefore(message, at);
  const canTake = before !== null && !message.reasoning && !message.calls && (message.asked?.form ?? 'none') === 'none';
  const take = (choice: TokenChoice) => goOn(message, before + choice.text);
  return (
    <div class="choices" role="group" aria-label="The chosen token and its alternatives">
      <p>
        <b>{visible(token.text)}</b> {percent(token.logprob)}
      </p>
      <ul>
        {token.alternatives.map((choice, index) => {
          const isChosen = choice.text === token.text;
          return (
            <li key={index}>
              <button
                type="button"
                disabled={isChosen || !canTake || choice.text === ''}
                onClick={() => take(choice)}
                title={isChosen ? 'This one was chosen' : 'Go on with this one'}
              >
                <code>{visible(choice.text)}</code>
                <meter min={0} max={1} value={Math.exp(choice.logprob)} aria-hidden="true" />
                <span>{percent(choice.logprob)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function indexOf(target: EventTarget | null): number {
  const index = (target as HTMLElement | null)?.dataset?.index;
  return index === undefined ? -1 : Number(index);
}

export function TokensView({ message }: { message: Message }) {
  const tokens = message.tokens!;
  const [at, setAt] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const choose = (index: number) => index >= 0 && index < tokens.length && setAt(index);
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? tokens.length - 1 : step ? at + step : -1;
    if (next < 0 || next >= tokens.length) return;
    event.preventDefault();
    setAt(next);
    box.current!.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus();
  };
  const name = (token: Token) => `${visible(token.text)}, ${percent(token.logprob)}`;
  return (
    <div class="tokens-view">
      <div
        class="tokens"
        ref={box}
        role="listbox"
        aria-label="Tokens of the answer"
        aria-orientation="horizontal"
        onKeyDown={move}
        onMouseOver={(event) => choose(indexOf(event.target))}
        onFocusIn={(event) => choose(indexOf(event.target))}
      >
        {tokens.map((token, index) => (
          <span
            key={index}
            data-index={index}
            role="option"
            aria-selected={index === at}
            aria-label={name(token)}
            class={`token level-${level(token.logprob)}`}
            tabIndex={index === at ? 0 : -1}
          >
            {token.text}
          </span>
        ))}
      </div>
      {tokens[at] && <Choices message={message} at={at} />}
    </div>
  );
}
