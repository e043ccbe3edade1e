// One message: what was said, and what can be done with it.
import { Component } from 'preact';
import { useState } from 'preact/hooks';
import { CodeBlock } from '../markdown/code';
import { Markdown } from '../markdown/content';
import { putInPlace, send } from '../state/answering';
import type { AttachedFile, Message } from '../state/types';
import { indented } from './json';
import { MessageActions } from './message_actions';
import { MessageEditor } from './message_editor';
import { TokensView } from './tokens_view';
import { ToolCalls } from './tool_calls';

export interface MessageProps {
  message: Message;
  at: number; // among the alternatives
  count: number;
  previous: string; // ids of the alternatives beside it; '': none
  next: string;
  isLast: boolean;
  isBusy: boolean; // an answer is being written in this conversation
}

const NAMES = { user: 'You', assistant: 'Answer', tool: 'Result of a tool' };

function Reasoning({ message }: { message: Message }) {
  const isUnderWay = message.state === 'streaming' && !message.text && !message.calls;
  const seconds = ((message.reasoningMs ?? 0) / 1000).toFixed(1);
  return (
    <details class="reasoning">
      <summary>{isUnderWay ? 'Thinking…' : `Thought for ${seconds} s`}</summary>
      <Markdown text={message.reasoning!} />
    </details>
  );
}

function Files({ files }: { files: AttachedFile[] }) {
  return (
    <ul class="files" aria-label="Attached files">
      {files.map((file, at) => (
        <li key={at}>
          <details>
            <summary>{file.name}</summary>
            <CodeBlock language="" text={file.text} />
          </details>
        </li>
      ))}
    </ul>
  );
}

function AnswerText({ message }: { message: Message }) {
  const form = message.asked?.form ?? 'none';
  if (form === 'json' || form === 'schema') return <CodeBlock language="json" text={indented(message.text)} />;
  if (form !== 'none') return <CodeBlock language="" text={message.text} />;
  return <Markdown text={message.text} />;
}

function Notes({ message }: { message: Message }) {
  const { repetition, state, finish, error } = message;
  return (
    <>
      {state === 'failed' && (
        <p class="note trouble" role="alert">
          {error}
        </p>
      )}
      {state === 'stopped' && <p class="note">Stopped.</p>}
      {finish === 'length' && <p class="note">The limit of tokens was reached.</p>}
      {repetition && <p class={`note repetition ${repetition.outcome}`}>{repetition.detail}</p>}
    </>
  );
}

function Body({ message, isLast, showsTokens }: { message: Message; isLast: boolean; showsTokens: boolean }) {
  if (message.role === 'tool') return <CodeBlock language="" text={message.text} />;
  if (message.role === 'user') {
    return (
      <>
        {message.files && <Files files={message.files} />}
        <div class="said">{message.text}</div>
      </>
    );
  }
  return (
    <>
      {message.reasoning && <Reasoning message={message} />}
      {showsTokens && message.tokens ? (
        <TokensView message={message} />
      ) : (
        message.text && <AnswerText message={message} />
      )}
      {message.calls && <ToolCalls message={message} isOpen={isLast && message.state === 'done'} />}
      {message.state === 'streaming' && !message.text && !message.reasoning && (
        <p class="waiting" aria-hidden="true">
          <i />
          <i />
          <i />
        </p>
      )}
      <Notes message={message} />
    </>
  );
}

function MessageInside(props: MessageProps) {
  const { message } = props;
  const [isEdited, setEdited] = useState(false);
  const [showsTokens, setShowsTokens] = useState(false);
  const done = (text: string) => {
    if (message.role === 'user' ? send(text, message.files ?? [], message.parent) : (putInPlace(message, text), true)) {
      setEdited(false);
    }
  };
  return (
    <article class={`message ${message.role}`} aria-label={NAMES[message.role]}>
      <h2 class="off-screen">{NAMES[message.role]}</h2>
      {isEdited ? (
        <MessageEditor
          text={message.text}
          action={message.role === 'user' ? 'Send' : 'Save'}
          onDone={done}
          onCancel={() => setEdited(false)}
        />
      ) : (
        <Body message={message} isLast={props.isLast} showsTokens={showsTokens} />
      )}
      {message.state !== 'streaming' && !isEdited && (
        <MessageActions
          {...props}
          showsTokens={showsTokens}
          onTokens={() => setShowsTokens(!showsTokens)}
          onEdit={() => setEdited(true)}
        />
      )}
    </article>
  );
}

// Drawn anew only where it is another: a growing answer leaves those above it alone.
export class MessageView extends Component<MessageProps> {
  override shouldComponentUpdate(next: MessageProps) {
    return (Object.keys(next) as (keyof MessageProps)[]).some((name) => next[name] !== this.props[name]);
  }
  override render(props: MessageProps) {
    return <MessageInside {...props} />;
  }
}
