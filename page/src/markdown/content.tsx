// Markdown's tokens as elements. Only what is named here can come out, whatever a model writes: text nodes, the elements
// below, and links to the web. Images are links too, because loading one tells its server that the text was read.
import type { Token } from 'markdown-it';
import { Component, Fragment, h, type ComponentChildren } from 'preact';
import { BlockReader, type Block } from './blocks';
import { CodeBlock } from './code';
import { Mathematics } from './math';

const ELEMENTS = new Set([
  'p',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'ul',
  'ol',
  'li',
  'blockquote',
  'table',
  'thead',
  'tbody',
  'tr',
  'th',
  'td',
  'em',
  'strong',
  's',
]);
const ALIGNMENTS: Record<string, string> = { left: 'left', center: 'center', right: 'right' };

// The address where it leads to the web or to a mailbox; else null.
export function followable(address: string): string | null {
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return null;
  return URL.canParse(address) ? address : null;
}

function link(address: string, children: ComponentChildren): ComponentChildren {
  const target = followable(address);
  if (!target) return children;
  return (
    <a href={target} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

function attributesOf(token: Token): Record<string, string | number> {
  const attributes: Record<string, string | number> = {};
  const start = Number(token.attrGet('start'));
  if (token.tag === 'ol' && Number.isSafeInteger(start) && token.attrGet('start') !== null) attributes.start = start;
  const alignment = ALIGNMENTS[/text-align:\s*(\w+)/.exec(String(token.attrGet('style') ?? ''))?.[1] ?? ''];
  if (token.meta?.isPart) attributes.class = 'long';
  if (alignment) attributes.class = `align-${alignment}`;
  return attributes;
}

function leaf(token: Token): ComponentChildren {
  switch (token.type) {
    case 'inline':
      return elementsOf(token.children ?? []);
    case 'fence':
      return <CodeBlock language={token.info.trim().split(/\s+/)[0] ?? ''} text={token.content} />;
    case 'code_block':
      return <CodeBlock language="" text={token.content} />;
    case 'code_inline':
      return <code>{token.content}</code>;
    case 'math':
      return <Mathematics text={token.content} isDisplay={token.meta?.isDisplay === true} />;
    case 'image':
      return link(String(token.attrGet('src') ?? ''), `🖼 ${token.content || 'image'}`);
    case 'hardbreak':
      return <br />;
    case 'softbreak':
      return '\n';
    case 'hr':
      return <hr />;
    default:
      return token.content;
  }
}

function wrapped(token: Token, children: ComponentChildren[]): ComponentChildren {
  if (token.hidden) return h(Fragment, null, ...children);
  if (token.type === 'link_open') return link(String(token.attrGet('href') ?? ''), h(Fragment, null, ...children));
  if (!ELEMENTS.has(token.tag)) return h(Fragment, null, ...children);
  const element = h(token.tag, attributesOf(token), ...children);
  // Wide tables scroll on their own; whoever has no pointer can reach them to do so.
  return token.tag === 'table' ? (
    <div class="scrolls" role="region" aria-label="Table" tabIndex={0}>
      {element}
    </div>
  ) : (
    element
  );
}

export function elementsOf(tokens: Token[]): ComponentChildren[] {
  const open: { token: Token | null; children: ComponentChildren[] }[] = [{ token: null, children: [] }];
  for (const token of tokens) {
    if (token.nesting > 0) {
      open.push({ token, children: [] });
    } else if (token.nesting < 0) {
      const { token: opening, children } = open.pop()!;
      open.at(-1)!.children.push(wrapped(opening!, children));
    } else {
      open.at(-1)!.children.push(leaf(token));
    }
  }
  return open[0]!.children;
}

class BlockView extends Component<{ block: Block }> {
  override shouldComponentUpdate(next: { block: Block }) {
    return next.block !== this.props.block;
  }
  override render() {
    return h(Fragment, null, ...elementsOf(this.props.block.tokens));
  }
}

export class Markdown extends Component<{ text: string }> {
  private readonly reader = new BlockReader();

  override shouldComponentUpdate(next: { text: string }) {
    return next.text !== this.props.text;
  }
  override render() {
    const blocks = this.reader.read(this.props.text);
    return (
      <div class="markdown">
        {blocks.map((block) => (
          <BlockView key={block.key} block={block} />
        ))}
      </div>
    );
  }
}
