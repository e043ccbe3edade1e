// All tests of the page, in one browser.
import { after, before } from 'node:test';
import { close, launch } from './browser.mjs';
import './conversation.mjs';
import './rendering.mjs';
import './injection.mjs';
import './long_answer.mjs';
import './accessibility.mjs';

before(launch);
after(close);
