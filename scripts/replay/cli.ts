import { replayCommand } from "./command";

void replayCommand(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
