export function Revenue() { return null; }
