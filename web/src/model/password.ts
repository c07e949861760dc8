/** Shorter passwords are refused; the rule is the server's, said beforehand. */
export const LEAST_PASSWORD = 10;
