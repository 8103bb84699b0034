import { expect, it } from 'vitest';
import { holdsWords } from './filled';

const field = { type: 'text', value: '', isConnected: true };

it('asks for what was typed, not for what is empty again, ticked, searched for, or gone from the page', () => {
  expect(holdsWords({ ...field, value: 'pi4.lan' })).toBe(true);
  expect(holdsWords({ ...field, type: 'password', value: 'x' })).toBe(true);
  expect(holdsWords({ ...field, value: '  ' })).toBe(false);
  expect(holdsWords({ ...field, type: 'checkbox', value: 'on' })).toBe(false);
  expect(holdsWords({ ...field, type: 'search', value: 'nginx' })).toBe(false);
  expect(holdsWords({ ...field, value: 'pi4.lan', isConnected: false })).toBe(false);
});
