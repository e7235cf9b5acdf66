import { assumptions } from "./assumptions";
import { quietGas } from "./made-up";
import { scenarioSchema } from "../model/scenario";

const MINUTES = 7 * 24 * 60;
const EVERY = 5;

/** Two slow waves and a quick one, never 2 % off where it began. */
function price(minute: number): number {
  const wave = (size: number, hours: number): number => size * Math.sin((2 * Math.PI * minute) / (60 * hours));
  return 2000 * (1 + wave(0.01, 168) + wave(0.006, 31) + wave(0.003, 3.7));
}

/** Made up: a week on which nothing happens. Nothing may be sold. */
export const calmWeek = scenarioSchema.parse({
  ...assumptions,
  name: "calm-week",
  title: "A week in which nothing happens (made up)",
  real: false,
  stepSeconds: 300,
  start: "2024-01-01T00:00:00Z",
  end: "2024-01-08T00:00:00Z",
  collaterals: [
    {
      asset: "ETH",
      weight: 1,
      source: "made up",
      everyMinutes: EVERY,
      closes: [Array.from({ length: MINUTES / EVERY }, (_, index) => price(index * EVERY))],
      extremes: [],
    },
  ],
  gas: quietGas,
  notes: ["Steps of 5 minutes: a week has many, and there is nothing to see between them."],
});
