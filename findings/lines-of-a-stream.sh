#!/usr/bin/env bash
# Reading a stream line by line with python3-requests: where does a line end?
#
# Guessed: at "\n" and "\r\n", which JSON escapes inside strings, so that one line of NDJSON or of server-sent events is
#   one line for every reader; and with decode_unicode=True the text of an event stream is taken as UTF-8, which the
#   standard for event streams demands.
# Came: with decode_unicode=True, iter_lines cuts with str.splitlines, at U+0085, U+2028 and U+2029 too: all of them
#   stand unescaped in valid JSON strings. And where the content type is text/event-stream without a charset, the text
#   is taken as ISO 8859-1: the second byte of the Cyrillic ha, of the Arabic meem and of "Å" is U+0085 then, and the
#   line is cut in the middle of the letter. As bytes (the default) the same lines are whole.
# Matters: a server that writes JSON itself should escape U+0085, U+2028 and U+2029 and always send "charset=utf-8",
#   though no standard asks for either; else hardly a sentence of Russian or Arabic gets through.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

needs() {  # PACKAGE VERSION: installs what is missing, and stops where the version is another
  dpkg-query -W "$1" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null
  [[ "$(dpkg-query -W -f '${Version}' "$1")" == "$2"* ]] || { echo "needs $1 $2"; exit 2; }
}
needs python3-requests 2.28.1

cat > read.py <<'PY'
import http.server
import json
import threading
import requests

LETTERS = {"e-acute": "\u00e9", "cyrillic ha": "\u0445", "arabic meem": "\u0645", "next line": "\u0085",
           "line separator": "\u2028", "paragraph separator": "\u2029"}
TYPES = ["text/event-stream", "text/event-stream; charset=utf-8", "application/x-ndjson"]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name, kind = self.path[1:].replace("%20", " ").split("/")
        self.send_response(200)
        self.send_header("content-type", TYPES[int(kind)])
        self.end_headers()
        text = json.dumps({"t": "a" + LETTERS[name] + "b"}, ensure_ascii=False)
        self.wfile.write(f"data: {text}\n\n".encode())

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
seen = {}
print("requests", requests.__version__, "- pieces of one line, as bytes / decoded")
for name in LETTERS:
    for kind, content_type in enumerate(TYPES):
        url = f"http://127.0.0.1:{server.server_port}/{name}/{kind}"
        pieces = []
        for decode in (False, True):
            with requests.get(url, stream=True) as response:
                pieces.append(len([line for line in response.iter_lines(decode_unicode=decode) if line]))
        seen[name, kind] = tuple(pieces)
        print(f"{name}, {content_type}: {pieces[0]} / {pieces[1]}")
for name in LETTERS:
    separator = name.endswith("separator")
    # Without a charset Latin-1 hides U+2028 and U+2029; a type that is not text is not decoded at all.
    assert seen[name, 0] == (1, 1 if separator or name == "e-acute" else 2), seen
    assert seen[name, 1] == (1, 2 if separator or name == "next line" else 1), seen
    assert seen[name, 2] == (1, 1), seen
PY
/usr/bin/python3 read.py
