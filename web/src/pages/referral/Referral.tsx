export function Referral() { return null; }
