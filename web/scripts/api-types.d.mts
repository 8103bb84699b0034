export const documentPath: string;
export const schemaPath: string;
export function apiTypes(document: { components: { schemas: object } }): string;
