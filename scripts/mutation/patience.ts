/**
 * How many times as long as on a quiet machine anything may take, from `MUTATION_PATIENCE`: on a busy one what is merely slow
 * would count as hanging, and so as noticed.
 */
export const PATIENCE = Math.max(1, Number(process.env.MUTATION_PATIENCE ?? "1"));
