// Makes src/api/schema.ts of the API's own description: `npm run api-types`.
// A test compares the two, so a description that has changed is not forgotten here.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

export const documentPath = path('../../server/src/api/openapi.json');
export const schemaPath = path('../src/api/schema.ts');

/** The types of all schemas of `document`, as the text of a module. */
export function apiTypes(document) {
  const schemas = Object.entries(document.components.schemas);
  const types = schemas.map(
    ([name, schema]) => `${about(schema, '')}export type ${name} = ${type(schema, '')};\n`,
  );
  return [
    '// Made by scripts/api-types.mjs of server/src/api/openapi.json: change that one, and run',
    '// `npm run api-types`.\n',
    ...types,
  ].join('\n');
}

function type(schema, indent) {
  if (schema.$ref) {
    return schema.$ref.replace('#/components/schemas/', '');
  }
  if (schema.enum) {
    return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  }
  if (schema.oneOf) {
    return schema.oneOf.map((one) => type(one, indent)).join(' | ');
  }
  const kinds = [schema.type].flat();
  return kinds.map((kind) => ofKind(kind, schema, indent)).join(' | ');
}

function ofKind(kind, schema, indent) {
  switch (kind) {
    case 'integer':
    case 'number':
      return 'number';
    case 'string':
    case 'boolean':
    case 'null':
      return kind;
    case 'array':
      return array(schema, indent);
    case 'object':
      return object(schema, indent);
    case undefined:
      return 'unknown';
    default:
      throw new Error(`the API's description has a type that is not known here: ${kind}`);
  }
}

function array(schema, indent) {
  if (!schema.items) {
    return 'unknown[]';
  }
  const item = type(schema.items, indent);
  if (schema.minItems !== undefined && schema.minItems === schema.maxItems) {
    return `[${Array(schema.minItems).fill(item).join(', ')}]`;
  }
  return /^\w+$/.test(item) ? `${item}[]` : `(${item})[]`;
}

function object(schema, indent) {
  const inner = `${indent}  `;
  const required = new Set(schema.required ?? []);
  const properties = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
    return `${about(property, inner)}${inner}${key}${required.has(name) ? '' : '?'}: ${type(property, inner)};\n`;
  });
  const others = schema.additionalProperties;
  if (properties.length === 0) {
    return `Record<string, ${others && others !== true ? type(others, indent) : 'unknown'}>`;
  }
  return `{\n${properties.join('')}${indent}}`;
}

function about(schema, indent) {
  return schema.description ? `${indent}/** ${schema.description.replaceAll('*/', '* /')} */\n` : '';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const document = JSON.parse(readFileSync(documentPath, 'utf8'));
  writeFileSync(schemaPath, apiTypes(document));
}
