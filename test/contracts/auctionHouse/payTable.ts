import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

import { expect } from "chai";
import { ethers } from "hardhat";

import { coreWithoutInterest } from "../fixture";
import { GWEI, PAY, PaidGas, mostPay, payInWei, priceE36, setBaseFee, time, tried, usdc } from "./setup";

const FILE = path.join(__dirname, "../../../docs/pay.md");
const UPDATE = process.env.UPDATE_DOCS === "1";
const [START, END] = ["<!-- table of pay -->", "<!-- end of the table -->"];

const PRICE = 2000;
const BASE_FEES = [1n, 20n, 200n, 2000n].map((gwei) => gwei * GWEI);
const DEBTS = [1_000, 5_000, 50_000, 500_000];
/** Per mille: just over lltv, absorbLtv, and on to deep insolvency. */
const LTVS = [831n, 910n, 950n, 980n, 995n, 1000n, 1050n, 1200n];
const ABSORB_LTV = 910n;
/** What the gas costs, without the margin, in USDC. */
const costOf = (gasUnits: bigint, baseFee: bigint): bigint =>
  (payInWei(gasUnits, baseFee, { ...PAY, marginBps: 0 }) * BigInt(PRICE)) / 10n ** 12n;

const ACTIONS = ["open", "absorb", "absorbMore"] as const;
type Action = (typeof ACTIONS)[number];
const TITLES: Record<Action, string> = {
  open: "`open`, by its witness",
  absorb: "`absorb`",
  absorbMore: "one more position in `absorbMany`",
};

/** What an action was paid, in USDC, as the contracts did it. */
interface Cell {
  action: Action;
  debt: number;
  ltv: bigint;
  baseFee: bigint;
  pay: bigint;
}

/** A calm market at 4000 USDC, deep enough for the largest position. */
async function market() {
  const all = await coreWithoutInterest();
  const { vault, house, buffer, collateral, lender, underwriter, other, setPrice } = all;
  // the coin is at 2000 throughout
  const native = await ethers.deployContract("MockOracle", [priceE36(PRICE)]);
  await house.setPay({ ...PAY, nativeOracle: native, wrappedNative: collateral });
  await vault.connect(lender).deposit(usdc(5_000_000), lender);
  await buffer.connect(underwriter).deposit(usdc(3_000_000), underwriter);
  const place = async (owner: typeof other, debt: number, ltv: bigint): Promise<bigint> => {
    const held = (usdc(debt) * 1000n * 10n ** 12n) / (ltv * BigInt(PRICE));
    await all.open(owner, held, usdc(debt));
    return held;
  };
  await setPrice(2 * PRICE);
  // the one that is absorbed before one more
  await place(other, 50_000, 1050n);
  return { ...all, place };
}

/** Does each action on one position at each base fee, on the real contracts, and takes it back. */
async function cellsOf(all: Awaited<ReturnType<typeof market>>, debt: number, ltv: bigint): Promise<Cell[]> {
  const { house, collateral, borrower, other, keeper, setPrice, place } = all;
  const cells: Cell[] = [];
  await tried(async () => {
    const held = await place(borrower, debt, ltv);
    await setPrice(PRICE);
    for (const baseFee of BASE_FEES) {
      const fees = { maxFeePerGas: baseFee + GWEI, maxPriorityFeePerGas: GWEI };
      for (const action of ACTIONS) {
        if (action !== "open" && ltv < ABSORB_LTV) continue;
        const pay = await tried(async () => {
          await setBaseFee(baseFee);
          const as = house.connect(keeper);
          if (action === "open") await as.open(collateral, borrower, keeper, fees);
          else if (action === "absorb") await as.absorb(collateral, borrower, keeper, fees);
          else await as.absorbMany(collateral, [other, borrower], keeper, fees);
          const at = await time.latestBlock();
          const events =
            action === "open"
              ? await house.queryFilter(house.filters.LaneOpened, at)
              : await house.queryFilter(house.filters.Absorbed, at);
          const own = events.find(({ args }) => args.owner === borrower.address);
          return own!.args.pay;
        });
        // each cell as the bounds have it, to the wei
        const gasPay = payInWei(PaidGas[action], baseFee);
        const most = mostPay(held, usdc(debt), priceE36(PRICE));
        expect(pay, `${action} ${debt} ${ltv} ${baseFee}`).to.equal(gasPay < most ? gasPay : most);
        cells.push({ action, debt, ltv, baseFee, pay: (pay * BigInt(PRICE)) / 10n ** 12n });
      }
    }
  });
  return cells;
}

/** What `fulfil` pays for redemptions of so much, at each base fee, USDC. */
async function fulfilments(all: Awaited<ReturnType<typeof market>>): Promise<{ debt: number; pays: bigint[] }[]> {
  const { house, buffer, collateral, underwriter, keeper } = all;
  const rows: { debt: number; pays: bigint[] }[] = [];
  for (const assets of DEBTS) {
    const pays: bigint[] = [];
    await tried(async () => {
      const shares = await buffer.convertToShares(usdc(assets));
      await buffer.connect(underwriter).requestRedeem(shares, underwriter, underwriter);
      await time.increase(3 * 86_400);
      // watched for half an hour
      await house.observe(collateral);
      await time.increase(1800);
      for (const baseFee of BASE_FEES) {
        const fees = { maxFeePerGas: baseFee + GWEI, maxPriorityFeePerGas: GWEI };
        const pay = await tried(async () => {
          await setBaseFee(baseFee);
          await buffer.connect(keeper).fulfil(underwriter, keeper, fees);
          const [event] = await buffer.queryFilter(buffer.filters.RedeemFulfilled, await time.latestBlock());
          return event!.args.pay;
        });
        const gasPay = (payInWei(PaidGas.fulfil, baseFee) * priceE36(PRICE)) / 10n ** 36n;
        const most = usdc(assets) / 100n;
        expect(pay).to.be.closeTo(gasPay < most ? gasPay : most, 1n);
        pays.push(pay);
      }
    });
    rows.push({ debt: assets, pays });
  }
  return rows;
}

const dollars = (assets: bigint): string => {
  const value = Number(assets) / 1e6;
  return value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
};
const whole = (value: number): string => value.toLocaleString("en-US");
/** In brackets where it is less than the gas costs. */
const shown = (pay: bigint, cost: bigint): string => (pay < cost ? `(${dollars(pay)})` : dollars(pay));
const headOf = (first: string): string[] => [
  `| ${first} | ${BASE_FEES.map((fee) => `${whole(Number(fee / GWEI))} gwei`).join(" | ")} |`,
  `| --- | ${BASE_FEES.map(() => "---:").join(" | ")} |`,
];

function tableOf(action: Action, cells: Cell[]): string[] {
  const own = cells.filter((cell) => cell.action === action);
  const rows = DEBTS.flatMap((debt) =>
    LTVS.filter((ltv) => own.some((cell) => cell.ltv === ltv)).map((ltv) => {
      const pays = BASE_FEES.map((baseFee) => {
        const cell = own.find((one) => one.debt === debt && one.ltv === ltv && one.baseFee === baseFee);
        return shown(cell!.pay, costOf(PaidGas[action], baseFee));
      });
      return `| ${whole(debt)} at ${(Number(ltv) / 10).toFixed(1)} % | ${pays.join(" | ")} |`;
    }),
  );
  const costs = BASE_FEES.map((baseFee) => dollars(costOf(PaidGas[action], baseFee)));
  return [`### ${TITLES[action]}`, "", ...headOf("debt"), `| its gas costs | ${costs.join(" | ")} |`, ...rows, ""];
}

/** The least debt whose 1 % of collateral is what the gas costs, USDC, rounded up. */
function leastDebts(): string[] {
  const rows = (
    [
      ["`open` at 83 %", "open", 830n],
      ["`absorb` at 91 %", "absorb", 910n],
      ["`absorb` at 120 %", "absorb", 1200n],
      ["one more in `absorbMany` at 91 %", "absorbMore", 910n],
    ] as const
  ).map(([what, action, ltv]) => {
    const least = BASE_FEES.map((fee) => Math.ceil(Number(costOf(PaidGas[action], fee) * 100n * ltv) / 1e9));
    return `| ${what} | ${least.map(whole).join(" | ")} |`;
  });
  return ["### The least debt that pays", "", ...headOf("USDC"), ...rows, ""];
}

describe("what keepers are paid, in a table", () => {
  it("is as docs/pay.md has it", async () => {
    const all = await market();
    const redemptions = await fulfilments(all);
    const cells: Cell[] = [];
    for (const debt of DEBTS) for (const ltv of LTVS) cells.push(...(await cellsOf(all, debt, ltv)));

    // a few by hand. 255,000 gas at 21 gwei and a fifth more is 0.006426 ETH
    const cell = (action: Action, debt: number, ltv: bigint, gwei: bigint): bigint =>
      cells.find((c) => c.action === action && c.debt === debt && c.ltv === ltv && c.baseFee === gwei * GWEI)!.pay;
    expect(cell("open", 50_000, 831n, 20n)).to.equal(usdc(12.852));
    // 325,000 at 201 gwei: 0.07839 ETH
    expect(cell("absorb", 50_000, 1050n, 200n)).to.equal(usdc(156.78));
    // a hundredth of 5,000 / 1.2
    expect(cell("absorb", 5_000, 1200n, 2000n)).to.be.closeTo(usdc(41.666666), 1n);
    // half of an equity of 5,000 / 0.995 − 5,000
    expect(cell("absorb", 5_000, 995n, 200n)).to.be.closeTo(usdc(12.562814), 1n);
    expect(cell("absorbMore", 500_000, 910n, 2000n)).to.equal(usdc(153.6768));

    const fulfilled = redemptions.map(({ debt, pays }) => {
      const each = pays.map((pay, i) => shown(pay, costOf(PaidGas.fulfil, BASE_FEES[i]!)));
      return `| ${whole(debt)} | ${each.join(" | ")} |`;
    });
    const fulfilCosts = BASE_FEES.map((baseFee) => dollars(costOf(PaidGas.fulfil, baseFee)));
    const table = [
      START,
      "",
      ...ACTIONS.flatMap((action) => tableOf(action, cells)),
      ...[
        "### `fulfil`",
        "",
        ...headOf("redeemed"),
        `| its gas costs | ${fulfilCosts.join(" | ")} |`,
        ...fulfilled,
        "",
      ],
      ...leastDebts(),
      END,
    ].join("\n");

    const text = readFileSync(FILE, "utf8");
    const [before, rest] = text.split(START) as [string, string];
    const after = rest.split(END)[1]!;
    if (UPDATE) writeFileSync(FILE, `${before}${table}${after}`);
    else expect(text, "run it with UPDATE_DOCS=1").to.equal(`${before}${table}${after}`);
  }).timeout(300_000);
});
