// TeX as MathML. Temml builds a tree; of it only MathML's own elements and harmless attributes become elements here.
import temml from 'temml';
import { Component, h, type ComponentChildren } from 'preact';

const ELEMENTS = new Set([
  'math',
  'semantics',
  'mrow',
  'mi',
  'mn',
  'mo',
  'ms',
  'mtext',
  'mspace',
  'mfrac',
  'msqrt',
  'mroot',
  'mstyle',
  'merror',
  'mpadded',
  'mphantom',
  'msub',
  'msup',
  'msubsup',
  'munder',
  'mover',
  'munderover',
  'mmultiscripts',
  'mprescripts',
  'mtable',
  'mtr',
  'mtd',
  'menclose',
  'none',
]);
const ATTRIBUTES = new Set([
  'display',
  'displaystyle',
  'scriptlevel',
  'mathvariant',
  'stretchy',
  'fence',
  'separator',
  'form',
  'lspace',
  'rspace',
  'width',
  'height',
  'depth',
  'voffset',
  'minsize',
  'maxsize',
  'symmetric',
  'largeop',
  'movablelimits',
  'accent',
  'accentunder',
  'linethickness',
  'columnalign',
  'rowspacing',
  'columnspacing',
  'notation',
  'columnspan',
  'rowspan',
  'linebreak',
]);
const SOURCE_MAX = 20_000;

interface TreeNode {
  type?: string; // of MathML's elements
  text?: string; // of text
  attributes?: Record<string, unknown>;
  classes?: string[];
  style?: Record<string, string>;
  children?: TreeNode[];
}

function treeOf(text: string, isDisplay: boolean): TreeNode {
  return temml.__renderToMathMLTree(text, {
    displayMode: isDisplay,
    throwOnError: true,
    trust: false,
    maxExpand: 500,
    maxSize: [25, 50],
  });
}

export function prepareMathematics() {
  treeOf('\\frac{x}{y}', false);
}

function elementOf(node: TreeNode): ComponentChildren {
  if (node.text !== undefined && !node.type) return String(node.text);
  const children = (node.children ?? []).map(elementOf);
  if (!node.type || !ELEMENTS.has(node.type)) return children;
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    if (ATTRIBUTES.has(name)) attributes[name] = String(value);
  }
  const classes = (node.classes ?? []).filter(Boolean).join(' ');
  if (classes) attributes.class = classes;
  if (node.style && Object.keys(node.style).length > 0) attributes.style = { ...node.style };
  return h(node.type, attributes, ...children);
}

export class Mathematics extends Component<{ text: string; isDisplay: boolean }> {
  override shouldComponentUpdate(next: { text: string; isDisplay: boolean }) {
    return next.text !== this.props.text || next.isDisplay !== this.props.isDisplay;
  }
  override render() {
    const { text, isDisplay } = this.props;
    const fallback = <code class="math-source">{text}</code>;
    if (text.length > SOURCE_MAX) return fallback;
    try {
      return <span class={isDisplay ? 'math-display' : 'math-inline'}>{elementOf(treeOf(text, isDisplay))}</span>;
    } catch {
      return fallback; // while it is written, and where it is no TeX
    }
  }
}
