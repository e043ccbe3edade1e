// The keys, and what the page is made of.
import { Panel } from './panel';

const KEYS = [
  ['Enter', 'send the message'],
  ['Shift + Enter', 'begin a new line'],
  ['Esc', 'close a panel, or stop the answer'],
  ['Ctrl + K', 'search the conversations'],
  ['Ctrl + Shift + O', 'begin a new conversation'],
  ['Ctrl + Enter', 'while editing: send or save'],
  ['← → Home End', 'among the tokens of an answer: go from one to the next'],
] as const;

export function HelpPanel() {
  return (
    <Panel title="Help">
      <h3>Keys</h3>
      <dl class="keys">
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <h3>Again, bit for bit</h3>
      <p>
        Every answer is asked for with a seed, and the server says by its fingerprint what the bits depend on: build,
        model, device, compute mode and context. As long as that stays the same, so does the answer; the button with the
        two lines below an answer asks again and compares.
      </p>
      <h3>Where things are</h3>
      <p>
        Conversations are kept in this browser, and are sent nowhere but to the server that this page is of. An API key
        is forgotten when the tab is closed.
      </p>
      <p>
        <a href="page/licenses.txt" target="_blank" rel="noopener">
          Licences of the packages in this page
        </a>
      </p>
    </Panel>
  );
}
