// What is used of the library `ws`, which comes without types.
declare module "ws" {
  import type { EventEmitter } from "node:events";
  import type { Server } from "node:http";

  /** One end of a WebSocket. */
  export class WebSocket extends EventEmitter {
    constructor(url: string, options?: { handshakeTimeout?: number; perMessageDeflate?: boolean });
    static readonly OPEN: 1;
    readonly readyState: number;
    send(text: string): void;
    close(): void;
    /** Closes without the farewell that `close` waits for. */
    terminate(): void;
    on(event: "open" | "close", listener: () => void): this;
    on(event: "error", listener: (error: NodeJS.ErrnoException) => void): this;
    on(event: "message", listener: (data: Buffer) => void): this;
  }

  export class WebSocketServer extends EventEmitter {
    constructor(options: { server: Server });
    readonly clients: Set<WebSocket>;
    close(): void;
    on(event: "connection", listener: (socket: WebSocket) => void): this;
  }
}
