// A panel at the right edge, over everything where the window is narrow.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { store } from '../state/store';
import { IconButton } from './icons';

export function Panel({ title, children }: { title: string; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    heading.current!.focus();
    return () => before?.focus?.();
  }, []);
  return (
    <aside class="panel" aria-label={title}>
      <div class="panel-head">
        <h2 ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <IconButton icon="close" label={`Close ${title.toLowerCase()}`} onClick={() => store.set({ panel: 'none' })} />
      </div>
      {children}
    </aside>
  );
}
