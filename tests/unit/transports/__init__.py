"""The transports: HTTP, WebSocket, stdio, REST and probes, on the wire and in memory."""
