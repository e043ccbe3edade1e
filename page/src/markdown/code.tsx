// A block of code: its language, a button that copies it, and colours.
import { Component } from 'preact';
import { CopyButton } from '../view/copy_button';
import { isKnownLanguage, piecesOf, runsOf } from './highlight';

interface PieceProps {
  text: string;
  language: string;
}

class Piece extends Component<PieceProps> {
  override shouldComponentUpdate(next: PieceProps) {
    return next.text !== this.props.text || next.language !== this.props.language;
  }
  override render({ text, language }: PieceProps) {
    const runs = runsOf(text, language);
    return (
      <span class="piece">{runs.map((run) => (run.kind ? <span class={run.kind}>{run.text}</span> : run.text))}</span>
    );
  }
}

export function CodeBlock({ language, text }: PieceProps) {
  const code = text.replace(/\n$/, '');
  const name = language || 'text';
  return (
    <figure class="code">
      <figcaption>
        <span>{name}</span>
        <CopyButton text={code} what="code" />
      </figcaption>
      <pre tabIndex={0} role="region" aria-label={`Code, ${name}`}>
        <code>
          {piecesOf(code).map((piece, at) => (
            <Piece key={at} text={piece} language={isKnownLanguage(language) ? language : ''} />
          ))}
        </code>
      </pre>
    </figure>
  );
}
