import { expect } from "chai";
import { MaxUint256, parseEther } from "ethers";
import { ethers } from "hardhat";

const YEAR = 31_536_000n;
const WAD = parseEther("1");

const deploy = (kink: string, zero: string, atKink: string, full: string) =>
  ethers.deployContract(
    "KinkedRateModel",
    [kink, zero, atKink, full].map((value) => parseEther(value)),
  );

const up = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

describe("KinkedRateModel", () => {
  it("answers the named rates at 0, at the kink and at 1", async () => {
    const model = await deploy("0.9", "0.01", "0.05", "0.8");
    expect(await model.borrowRatePerSecondWad(0)).to.equal(up(parseEther("0.01"), YEAR));
    expect(await model.borrowRatePerSecondWad(parseEther("0.9"))).to.equal(up(parseEther("0.05"), YEAR));
    expect(await model.borrowRatePerSecondWad(WAD)).to.equal(up(parseEther("0.8"), YEAR));
    expect(await model.kinkWad()).to.equal(parseEther("0.9"));
    expect(await model.ratePerYearAtZeroWad()).to.equal(parseEther("0.01"));
    expect(await model.ratePerYearAtKinkWad()).to.equal(parseEther("0.05"));
    expect(await model.ratePerYearAtFullWad()).to.equal(parseEther("0.8"));
  });

  it("is straight on both sides of the kink and rounds up", async () => {
    const model = await deploy("0.7", "0.01", "0.05", "0.8");
    const kink = parseEther("0.7");
    for (const utilisation of [1n, parseEther("0.1") + 7n, parseEther("0.35"), kink - 1n]) {
      const perYear = parseEther("0.01") + up(parseEther("0.04") * utilisation, kink);
      expect(await model.borrowRatePerSecondWad(utilisation)).to.equal(up(perYear, YEAR));
    }
    for (const utilisation of [kink + 1n, parseEther("0.85"), WAD - 1n]) {
      const perYear = parseEther("0.05") + up(parseEther("0.75") * (utilisation - kink), WAD - kink);
      expect(await model.borrowRatePerSecondWad(utilisation)).to.equal(up(perYear, YEAR));
    }
  });

  it("is straight to the last digit of utilisation", async () => {
    const [nothing, full] = [0n, parseEther("10")];
    const steep = await ethers.deployContract("KinkedRateModel", [WAD - 2n, nothing, nothing, full]);
    for (const [utilisation, perYear] of [
      [WAD - 2n, nothing],
      [WAD - 1n, full / 2n],
      [WAD, full],
      [WAD + 1n, full],
      [2n * WAD, full],
    ] as const) {
      expect(await steep.borrowRatePerSecondWad(utilisation)).to.equal(up(perYear, YEAR));
    }
  });

  it("takes a kink of one digit below 1", async () => {
    const model = await deploy("0.999999999999999999", "0", "0.05", "0.8");
    expect(await model.borrowRatePerSecondWad(WAD - 1n)).to.equal(up(parseEther("0.05"), YEAR));
    expect(await model.borrowRatePerSecondWad(WAD)).to.equal(up(parseEther("0.8"), YEAR));
  });

  it("never falls with utilisation", async () => {
    const model = await deploy("0.8", "0", "0.04", "2");
    let last = 0n;
    for (let i = 0n; i <= 100n; i++) {
      const rate = await model.borrowRatePerSecondWad((WAD * i) / 100n);
      expect(rate).to.be.gte(last);
      last = rate;
    }
  });

  it("takes any utilisation, as 1 when above 1, at the greatest rates too", async () => {
    const model = await deploy("0.000000000000000001", "0", "10", "10");
    expect(await model.borrowRatePerSecondWad(0)).to.equal(0);
    for (const utilisation of [1n, WAD - 1n, WAD, WAD + 1n, MaxUint256]) {
      expect(await model.borrowRatePerSecondWad(utilisation)).to.equal(up(parseEther("10"), YEAR));
    }
  });

  it("refuses a kink that is none, falling rates and rates above 1000 % a year", async () => {
    const factory = await ethers.getContractFactory("KinkedRateModel");
    for (const [kink, zero, atKink, full] of [
      ["0", "0.01", "0.05", "0.8"],
      ["1", "0.01", "0.05", "0.8"],
      ["0.9", "0.06", "0.05", "0.8"],
      ["0.9", "0.01", "0.05", "0.049"],
      ["0.9", "0.01", "0.05", "10.000000000000000001"],
    ] as const) {
      const rates = [kink, zero, atKink, full].map((value) => parseEther(value)) as [bigint, bigint, bigint, bigint];
      await expect(factory.deploy(...rates))
        .to.be.revertedWithCustomError(factory, "BadRates")
        .withArgs(...rates);
    }
  });
});
