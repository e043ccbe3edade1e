"""The page of `hearth serve`: how its files come, and whether those in the repository are what its sources build."""
import gzip
import hashlib
import http.client
import json
import pathlib
import re

from cli_case import main
from server_case import ServerCase

PAGE = pathlib.Path(__file__).resolve().parents[2] / "page"
COMPRESSED_BYTES_MAX = 500_000


def sha256(contents):
    return hashlib.sha256(contents).hexdigest()


def ask(server, method, path, **headers):
    """(status, headers in lower case, body)"""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


class Page(ServerCase):
    def test_what_is_built_is_what_the_sources_build(self):
        manifest = json.loads((PAGE / "built/manifest.json").read_text())
        paths = [PAGE / name for name in ("build.mjs", "package-lock.json", "package.json", "tsconfig.json")]
        paths += [path for path in (PAGE / "src").rglob("*") if path.is_file()]
        names = sorted(path.relative_to(PAGE).as_posix() for path in paths)
        lines = "".join(f"{sha256((PAGE / name).read_bytes())}  {name}\n" for name in names)
        self.assertEqual(sha256(lines.encode()), manifest["sources"],
                         "page/src has changed: npm ci --ignore-scripts && npm run build, in page/")
        built = {path.name: sha256(path.read_bytes()) for path in (PAGE / "built").iterdir()}
        del built["manifest.json"]
        self.assertEqual(built, manifest["files"])

    def test_compressed_files_are_the_files(self):
        compressed = sorted((PAGE / "built").glob("*.gz"))
        for path in compressed:
            self.assertEqual(gzip.decompress(path.read_bytes()), path.with_suffix("").read_bytes(), path.name)
        self.assertLess(sum(path.stat().st_size for path in compressed), COMPRESSED_BYTES_MAX)

    def test_every_package_has_its_licence(self):
        told = (PAGE / "built/licenses.txt").read_text()
        for name in json.loads((PAGE / "package.json").read_text())["dependencies"]:
            self.assertRegex(told, rf"(?m)^{re.escape(name)} [\d.]+ \(.+\)$")

    def test_the_files_and_their_headers(self):
        with self.serving(self.model()) as server:
            types = {"/": "text/html; charset=utf-8", "/page/page.js": "text/javascript; charset=utf-8",
                     "/page/page.css": "text/css; charset=utf-8", "/page/icon.svg": "image/svg+xml",
                     "/page/Temml.woff2": "font/woff2", "/page/licenses.txt": "text/plain; charset=utf-8"}
            for path, content_type in types.items():
                with self.subTest(path):
                    contents = (PAGE / "built" / (path.rpartition("/")[2] or "index.html")).read_bytes()
                    status, headers, body = ask(server, "GET", path)
                    self.assertEqual((status, body, headers["content-type"]), (200, contents, content_type))
                    self.assertNotIn("content-encoding", headers)
                    policy = headers["content-security-policy"]
                    for part in ("default-src 'none'", "script-src 'self';", "frame-ancestors 'none'",
                                 "require-trusted-types-for 'script'"):
                        self.assertIn(part, policy)
                    self.assertNotIn("unsafe", policy)
                    self.assertEqual(headers["x-content-type-options"], "nosniff")
                    self.check_compressed(server, path, contents)
                    self.check_kept(server, path)
            for path in ("/page", "/page/", "/page/none.js", "/page/page.js.gz", "/page/manifest.json",
                         "/page/../page.js", "/page/%2e%2e/page.js", "/index.html"):
                self.assertEqual(ask(server, "GET", path)[0], 404, path)
            self.assertEqual(ask(server, "POST", "/")[0], 405)

    def check_compressed(self, server, path, contents):
        status, headers, body = ask(server, "GET", path, accept_encoding="gzip, deflate")
        self.assertEqual((status, gzip.decompress(body), headers["content-encoding"]), (200, contents, "gzip"))
        self.assertIn("accept-encoding", headers["vary"].lower())
        status, headers, body = ask(server, "GET", path, accept_encoding="gzip, br")
        self.assertEqual((status, headers["content-encoding"]), (200, "br"))
        built = PAGE / "built" / ((path.rpartition("/")[2] or "index.html") + ".br")
        self.assertEqual(body, built.read_bytes())

    def check_kept(self, server, path):
        """A browser that has the file is told so; HEAD has what GET has, but for the body."""
        _, headers, body = ask(server, "GET", path, accept_encoding="gzip")
        status, again, nothing = ask(server, "GET", path, accept_encoding="gzip", if_none_match=headers["etag"])
        self.assertEqual((status, nothing, again["etag"]), (304, b"", headers["etag"]))
        self.assertNotIn("content-length", again)
        self.assertNotEqual(ask(server, "GET", path)[1]["etag"], headers["etag"])
        self.assertEqual(ask(server, "GET", path, if_none_match='"another"')[0], 200)
        status, head, nothing = ask(server, "HEAD", path, accept_encoding="gzip")
        self.assertEqual((status, nothing, int(head["content-length"])), (200, b"", len(body)))
        changing = ("date", "x-request-id")
        self.assertEqual({name: value for name, value in head.items() if name not in changing},
                         {name: value for name, value in headers.items() if name not in changing})

    def test_the_page_needs_no_key_and_the_server_does(self):
        with self.serving(self.model(), "--api-key", "secret") as server:
            for path in ("/", "/page/page.js", "/page/page.css"):
                self.assertEqual(ask(server, "GET", path)[0], 200, path)
            for path in ("/v1/models", "/props", "/metrics", "/page/none.js"):
                self.assertEqual(ask(server, "GET", path)[0], 401, path)
            self.assertEqual(ask(server, "GET", "/v1/models", authorization="Bearer secret")[0], 200)


if __name__ == "__main__":
    main()
