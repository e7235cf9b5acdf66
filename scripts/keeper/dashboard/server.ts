import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";

import type { Registry } from "prom-client";

import { SpillwayError } from "../../lib";
import type { HealthReason } from "../health";
import { renderDashboard } from "./page";
import type { Snapshot } from "./snapshot";

/** What the server shows. */
export interface Served {
  registry: Registry;
  /** Whether the keeper can act, and what keeps it from that. */
  health: () => { ready: boolean; reasons: readonly HealthReason[] };
  /** Whether the process is alive at all: false where it should be restarted. */
  alive: () => boolean;
}

/** A running server. */
export interface Dashboard {
  /** Shows a new state to every page that is open. */
  push(snapshot: Snapshot): void;
  /** Ends the server and its open streams. */
  close(): Promise<void>;
  readonly port: number;
}

const JSON_TYPE = "application/json; charset=utf-8";
/** A page that is asleep is kept connected by a comment now and then. */
const KEEPALIVE_MS = 15_000;
/** The most pages at once. */
const MOST_STREAMS = 32;

/**
 * Serves the page, its stream of states, `/metrics`, `/healthz` and `/readyz` on 127.0.0.1. Only what asks for a name of the loopback
 * is answered, so that no site can read it through a name of its own.
 * @param port 0 for any free one.
 * @throws SpillwayError `PORT_IN_USE`.
 */
export async function serveDashboard(port: number, served: Served): Promise<Dashboard> {
  const streams = new Set<ServerResponse>();
  let latest: Snapshot | undefined;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const end = (status: number, type: string, body: string): void => {
      response.writeHead(status, {
        "content-type": type,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
      });
      response.end(body);
    };
    if (!/^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(request.headers.host ?? "")) {
      end(421, "text/plain", "ask for 127.0.0.1\n");
      return;
    }
    if (request.method !== "GET") {
      end(405, "text/plain", "only GET\n");
      return;
    }
    switch (request.url) {
      case "/":
        end(200, "text/html; charset=utf-8", renderDashboard());
        return;
      case "/state":
        end(latest === undefined ? 503 : 200, JSON_TYPE, JSON.stringify(latest ?? null));
        return;
      case "/events":
        stream(response);
        return;
      case "/metrics":
        end(200, served.registry.contentType, await served.registry.metrics());
        return;
      case "/healthz": {
        const alive = served.alive();
        end(alive ? 200 : 503, JSON_TYPE, JSON.stringify({ alive }));
        return;
      }
      case "/readyz": {
        const health = served.health();
        end(health.ready ? 200 : 503, JSON_TYPE, JSON.stringify(health));
        return;
      }
      default:
        end(404, "text/plain", "there is /, /state, /events, /metrics, /healthz and /readyz\n");
    }
  };

  const stream = (response: ServerResponse): void => {
    if (streams.size >= MOST_STREAMS) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.write("retry: 2000\n\n");
    if (latest !== undefined) response.write(eventOf(latest));
    streams.add(response);
    response.on("close", () => streams.delete(response));
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500).end(`${String(error)}\n`);
    });
  });
  await listen(server, port);
  const keepalive = setInterval(() => {
    for (const response of streams) response.write(": \n\n");
  }, KEEPALIVE_MS);
  keepalive.unref();

  return {
    push: (snapshot) => {
      latest = snapshot;
      const event = eventOf(snapshot);
      for (const response of streams) {
        // a page that doesn't read gets none until it does, rather than filling memory
        if (!response.writableNeedDrain) response.write(event);
      }
    },
    close: async () => {
      clearInterval(keepalive);
      for (const response of streams) response.end();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
    get port() {
      const address = server.address();
      return typeof address === "object" && address !== null ? address.port : port;
    },
  };
}

function eventOf(snapshot: Snapshot): string {
  return `data: ${JSON.stringify(snapshot)}\n\n`;
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const inUse = new SpillwayError(
        "PORT_IN_USE",
        `metricsPort: port ${port} is in use; choose another, like 9465, or 0 for none.`,
        { cause },
      );
      reject(cause.code === "EADDRINUSE" ? inUse : cause);
    });
    server.listen(port, "127.0.0.1", () => resolve());
  });
}
