import { type Server, createServer } from "node:http";

import { SpillwayError } from "../../lib";
import type { Metrics } from "./Metrics";

/**
 * Serves `/metrics` and `/health` on 127.0.0.1.
 * @param isHealthy False makes `/health` answer 503.
 * @throws SpillwayError `PORT_IN_USE`.
 */
export function serveMetrics(metrics: Metrics, port: number, isHealthy: () => boolean): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url === "/health") {
      const healthy = isHealthy();
      response.writeHead(healthy ? 200 : 503, { "content-type": "text/plain" });
      response.end(healthy ? "ok\n" : "no block was dealt with lately\n");
    } else if (request.url === "/metrics") {
      metrics.registry.metrics().then(
        (text) => response.writeHead(200, { "content-type": metrics.registry.contentType }).end(text),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    } else response.writeHead(404).end();
  });
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === "EADDRINUSE"
          ? new SpillwayError("PORT_IN_USE", `metricsPort: port ${port} is in use; choose another, or 0 for none.`, {
              cause,
            })
          : cause,
      );
    });
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
