// The page's beginning.
import { render } from 'preact';
import { prepare } from './markdown/prepare';
import { applyTheme, readTheme } from './state/preferences';
import { store } from './state/store';
import './style/page.css';
import { App } from './view/app';

applyTheme(readTheme());
render(<App />, document.getElementById('page')!);
void store.start();
prepare();
