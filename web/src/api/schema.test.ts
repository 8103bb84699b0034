import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { apiTypes, documentPath, schemaPath } from '../../scripts/api-types.mjs';

test('the types are those of the description of the API: npm run api-types', () => {
  const document = JSON.parse(readFileSync(documentPath, 'utf8'));
  expect(readFileSync(schemaPath, 'utf8')).toBe(apiTypes(document));
});

test('a type that is not known is an error, never unknown', () => {
  const schemas = { X: { type: 'object', properties: { a: { type: 'date' } } } };
  expect(() => apiTypes({ components: { schemas } })).toThrow('date');
});
