"""Whether the server in this container lives: status 0, or 1 and a line that says why."""

import http.client
import sys

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 8000

connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
try:
    connection.request("GET", "/health/live")
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"nobody answers at port {PORT}: {error}")
finally:
    connection.close()
if status != http.client.OK:
    sys.exit(f"/health/live answers {status}")
