export function Person(_: { id: string }) { return null; }
