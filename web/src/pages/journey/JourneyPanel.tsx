export function JourneyPanel() { return null; }
