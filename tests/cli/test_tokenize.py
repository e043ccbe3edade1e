"""`hearth tokenize`: records, special tokens, and the way back."""
from cli_case import CliCase, TinyModel, main

TEXTS = ["the", "", "a\nb\r\n", "  two  spaces ", "\u00e9\u4e16\u754c \U0001f600", "<s>not special</s>", "x" * 3000,
         "tab\tand \x01\x7f"]


class Tokenize(CliCase):
    def setUp(self):
        self.tiny = TinyModel()

    def records(self, texts, *arguments):
        done = self.hearth("tokenize", self.model(), "--stdin0", *arguments,
                           stdin=b"".join(text.encode() + b"\0" for text in texts))
        self.assertEqual(done.stderr, b"")
        return done.stdout

    def test_ids(self):
        """Known ids: a byte alone, and a word that its merges build."""
        ids = [self.tiny.tokens.index(token) for token in ("Z", "\u0120happy", "\u0120the", "\u010a")]
        self.assertEqual(self.hearth("tokenize", self.model(), "-p", "Z happy the\n").stdout.decode(),
                         " ".join(map(str, ids)) + "\n")

    def test_records(self):
        lines = self.records(TEXTS).decode().split("\n")
        self.assertEqual(len(lines), len(TEXTS) + 1)
        self.assertEqual(lines[1], "")
        for text, line in zip(TEXTS, lines):
            if text:
                self.assertEqual(self.hearth("tokenize", self.model(), stdin=text.encode()).stdout.decode(),
                                 line + "\n")
        # The last record may lack its end; no input is no record.
        self.assertEqual(self.hearth("tokenize", self.model(), "--stdin0", stdin=b"the\0the").stdout,
                         self.records(["the", "the"]))
        self.assertEqual(self.records([]), b"")

    def test_round_trip(self):
        ids = self.records(TEXTS).decode().split("\n")[:-1]
        self.assertEqual(self.records(ids, "--ids").decode().split("\0"), [*TEXTS, ""])
        self.assertEqual(self.hearth("tokenize", self.model(), "--ids", stdin=b" 57, 57\n57 ").stdout, b"ZZZ")

    def test_special(self):
        begin, end = self.tiny.first_control, self.tiny.first_control + 1
        z = self.tiny.tokens.index("Z")
        special = self.records(["Z<s>Z</s>", ""], "--special").decode().split("\n")
        self.assertEqual(special, [f"{begin} {z} {begin} {z} {end}", f"{begin}", ""])
        self.assertNotIn(str(begin), self.records(["Z<s>Z"]).decode().split())
        ids = f"{begin} {z} {end}"
        self.assertEqual(self.records([ids], "--ids"), b"Z\0")
        self.assertEqual(self.records([ids], "--ids", "--special"), b"<s>Z</s>\0")

    def test_refusals(self):
        for ids in ("5 x", "99999", "-1", "99999999999999999999", "1.5"):
            self.refused("tokenize", self.model(), "--ids", "-p", ids, words=[ids.split()[-1]])


if __name__ == "__main__":
    main()
