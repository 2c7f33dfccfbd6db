"""A WSGI service that answers with what it was told of a request. It ends with its standard input."""

import json
import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def show(environ, start_response):
    start_response("200 OK", [("content-type", "application/json")])
    told = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    return [json.dumps(told).encode()]


server = make_server("127.0.0.1", 0, show, handler_class=Quiet)
print(f"127.0.0.1:{server.server_port}", flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
