// Asks for the API key, where the server wants one. It is kept until this tab is closed.
import { useEffect, useRef, useState } from 'preact/hooks';
import { store, useStore } from '../state/store';

export function KeyDialog() {
  const trouble = useStore((state) => state.trouble);
  const [key, setKey] = useState('');
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current!.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="key-title" onCancel={(event) => event.preventDefault()}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          store.useKey(key.trim());
        }}
      >
        <h2 id="key-title">This server asks for a key</h2>
        {trouble && (
          <p class="trouble" role="alert">
            {trouble}
          </p>
        )}
        <label>
          API key
          <input
            type="password"
            autocomplete="off"
            required
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <p>It is kept until this tab is closed.</p>
        <button class="primary">Go on</button>
      </form>
    </dialog>
  );
}
