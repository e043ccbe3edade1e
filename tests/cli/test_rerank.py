"""`hearth rerank` and /v1/rerank: every kind of head, from either kind of file, against plain arithmetic."""
import json
import math

import numpy as np

from cli_case import TinyModel, main
from family_model import CONTEXT, FF, GGUF, LAYERS, VOCABULARY, WIDTH, FamilyCase, Model, word_pieces
from test_families import BERT, ENCODERS

DOCUMENTS = ["w9 w10 w11", "w4", "w8 w8 w7 w6 w5 w30 w31", "", "w20 w21 w22 w23 w12"]
QUERY, QUERY_IDS = "w5 w6", [5, 6]
GELU = np.vectorize(lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))))
ROBERTA = {"embed": "roberta.embeddings.word_embeddings", "positions": "roberta.embeddings.position_embeddings",
           "types": "roberta.embeddings.token_type_embeddings", "embed_norm": "roberta.embeddings.LayerNorm",
           "layer": "roberta.encoder.layer"}
BERT_OPTIONS = {"sees_all": True, "norm_of_sum": True, "embedding_norm": True, "norms_bias": True, "eps": 1e-12,
                "bias": True, "act": "gelu", "rotary": 0, "positions": 0, "types": True}
# BERT's GGUF files keep q, k and v apart.
GGUF_BERT = {key: name for key, name in GGUF.items() if key != "qkv"} | {
    "q": "attn_q", "k": "attn_k", "v": "attn_v", "n1": "attn_output_norm", "n2": "layer_output_norm"}


# The words of word_pieces().
GGUF_WORDS = {
    "tokenizer.ggml.model": "bert", "tokenizer.ggml.token_type": [3, 2, 3, 3, *[1] * (VOCABULARY - 4)],
    "tokenizer.ggml.tokens": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"\u2581w{i}" for i in range(4, VOCABULARY))],
    "tokenizer.ggml.bos_token_id": 2, "tokenizer.ggml.seperator_token_id": 3, "tokenizer.ggml.unknown_token_id": 1}
# ModernBERT's names in both kinds of files, of the whole model and of a layer.
MODERN = {"model.embeddings.tok_embeddings": "token_embd", "model.embeddings.norm": "token_embd_norm",
          "model.final_norm": "output_norm"}
MODERN_LAYER = {"attn.Wqkv": "attn_qkv", "attn.Wo": "attn_output", "mlp_norm": "ffn_norm", "mlp.Wi": "ffn_up",
                "mlp.Wo": "ffn_down", "attn_norm": "attn_norm"}


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def ids_of(text):
    return [int(word[1:]) for word in text.split()]


def tokenizer(between, second_type):
    """Word pieces, and how a pair of texts stands in them: [CLS] A `between` times [SEP] B [SEP]."""
    tokens = word_pieces()
    cls, sep = ({"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]"))
    tokens["post_processor"]["pair"] = [
        cls, {"Sequence": {"id": "A", "type_id": 0}}, *[sep] * between,
        {"Sequence": {"id": "B", "type_id": second_type}}, {"SpecialToken": {"id": "[SEP]", "type_id": second_type}}]
    return tokens


class Head:
    """Random layers, by their names."""

    def __init__(self, seed, **shapes):
        random = np.random.default_rng(seed)
        self.tensors = {}
        for name, shape in shapes.items():
            self.tensors[name] = random.standard_normal(shape).astype(np.float32).astype(np.float64) * 0.5

    def linear(self, name, x):
        bias = self.tensors.get(name + "_bias", 0)
        return self.tensors[name] @ x + bias

    def named(self, **names):
        """{name of a file's tensor: values}; `names`: of each layer without its last part."""
        return {names[key.removesuffix("_bias")] + (".bias" if key.endswith("_bias") else ".weight"): values
                for key, values in self.tensors.items()}


class Rerank(FamilyCase):
    def ranked(self, path, *arguments):
        """[logits in the order of DOCUMENTS] of `hearth rerank`, whose lines are checked."""
        documents = [argument for text in DOCUMENTS for argument in ("-d", text)]
        lines = self.hearth("rerank", path, "-q", QUERY, *documents, "--compute", "f32", *arguments).stdout.splitlines()
        results = [json.loads(line) for line in lines]
        scores = [result["relevance_score"] for result in results]
        self.assertEqual(scores, sorted(scores, reverse=True))
        for result in results:
            self.assertEqual(result["document"], DOCUMENTS[result["index"]])
        return [score for _, score in sorted((result["index"], result["relevance_score"]) for result in results)]

    def check(self, path, logits):
        self.assert_close(np.array(self.ranked(path, "--raw-scores")), np.array(logits), 1e-5)
        self.assert_close(np.array(self.ranked(path)), np.array([sigmoid(logit) for logit in logits]), 1e-5)
        best = json.loads(self.hearth("rerank", path, "-q", QUERY, "--top-n", 1, "--compute", "f32",
                                      stdin="\n".join(DOCUMENTS).encode()).stdout)
        self.assertEqual(best["index"], int(np.argmax(logits)))

    def bert(self):
        model = Model(**BERT_OPTIONS)
        head = Head(1, dense=(WIDTH, WIDTH), dense_bias=(WIDTH,), out=(1, WIDTH), out_bias=(1,))
        logits = []
        for text in DOCUMENTS:
            first = [2, *QUERY_IDS, 3]
            state = model.states([*first, *ids_of(text), 3], len(first))[0]
            logits.append(head.linear("out", np.tanh(head.linear("dense", state)))[0])
        return model, head, logits

    def bert_folder(self):
        model, head, logits = self.bert()
        config = {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "type_vocab_size": 2}
        ends = {key: name.replace("roberta.", "bert.") for key, name in ROBERTA.items()}
        folder = self.write(config, BERT, ends, model, head.named(dense="bert.pooler.dense", out="classifier"))
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer(1, 1)))
        return folder, logits

    def test_bert(self):
        self.check(*self.bert_folder())

    def test_bert_from_gguf(self):
        model, head, logits = self.bert()
        path = self.write_gguf("bert", {"pooling_type": 4, "attention.causal": False}, model,
                               head.named(dense="cls", out="cls.output"), GGUF_BERT, GGUF_WORDS)
        self.check(path, logits)
        self.refused("embed", path, "-p", "w4", words=["ranks", "hearth rerank"])

    def test_roberta(self):
        """Two separators, and one type of tokens."""
        model = Model(**BERT_OPTIONS | {"positions": 2})
        head = Head(2, dense=(WIDTH, WIDTH), dense_bias=(WIDTH,), out=(1, WIDTH), out_bias=(1,))
        states = [model.states([2, *QUERY_IDS, 3, 3, *ids_of(text), 3])[0] for text in DOCUMENTS]
        logits = [head.linear("out", np.tanh(head.linear("dense", state)))[0] for state in states]
        config = {"model_type": "xlm-roberta", "pad_token_id": 1, "max_position_embeddings": CONTEXT + 2,
                  "architectures": ["XLMRobertaForSequenceClassification"]}
        folder = self.write(config, BERT, ROBERTA, model,
                            head.named(dense="classifier.dense", out="classifier.out_proj"))
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer(2, 0)))
        self.check(folder, logits)

    def test_distilbert(self):
        """Its pairs have two types, of which the model has no table."""
        config, names, ends, options = ENCODERS["distilbert"]
        model = Model(**options)
        head = Head(3, dense=(WIDTH, WIDTH), dense_bias=(WIDTH,), out=(1, WIDTH), out_bias=(1,))
        states = [model.states([2, *QUERY_IDS, 3, *ids_of(text), 3])[0] for text in DOCUMENTS]
        logits = [head.linear("out", np.maximum(head.linear("dense", state), 0))[0] for state in states]
        ends = {key: "distilbert." + name for key, name in ends.items()}
        folder = self.write(config | {"architectures": ["DistilBertForSequenceClassification"]}, names, ends, model,
                            head.named(dense="pre_classifier", out="classifier"))
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer(1, 1)))
        self.check(folder, logits)

    def test_modernbert(self):
        """The head alone is checked: its states are what `hearth embed` says."""
        random = np.random.default_rng(4)
        shapes = {"attn.Wqkv": (3 * WIDTH, WIDTH), "attn.Wo": (WIDTH, WIDTH), "mlp_norm": (WIDTH,),
                  "mlp.Wi": (2 * FF, WIDTH), "mlp.Wo": (WIDTH, FF), "attn_norm": (WIDTH,)}
        draw = {name: (VOCABULARY, WIDTH) if "tok" in name else (WIDTH,) for name in MODERN}
        draw |= {f"model.layers.{i}.{name}": shape for i in range(LAYERS) for name, shape in shapes.items()
                 if (i, name) != (0, "attn_norm")}
        trunk = {name + ".weight": random.standard_normal(shape) * 0.4 for name, shape in draw.items()}
        head = Head(5, dense=(WIDTH, WIDTH), norm=(WIDTH,), out=(1, WIDTH), out_bias=(1,))
        for pooling in ("cls", "mean"):
            with self.subTest(pooling):
                config = {"model_type": "modernbert", "architectures": ["ModernBertForSequenceClassification"],
                          "norm_eps": 1e-5, "local_attention": 8, "classifier_pooling": pooling}
                folder = self.write(config, {}, {}, Model(), trunk | head.named(dense="head.dense", norm="head.norm",
                                                                              out="classifier"))
                (folder / "tokenizer.json").write_text(json.dumps(tokenizer(1, 0)))
                logits = []
                for text in DOCUMENTS:
                    ids, out = [2, *QUERY_IDS, 3, *ids_of(text), 3], self.path("states.npy")
                    self.hearth("embed", folder, "--tokens", ",".join(map(str, ids)), "--pooling", "none", "--compute",
                                "f32", "--out", out)
                    states = np.load(out).astype(np.float64)
                    x = GELU(head.linear("dense", states[0] if pooling == "cls" else states.mean(axis=0)))
                    x = (x - x.mean()) / np.sqrt(x.var() + 1e-5) * head.tensors["norm"]
                    logits.append(head.linear("out", x)[0])
                self.check(folder, logits)
        # GGUF files rank by the mean.
        names = MODERN | {f"model.layers.{i}.{name}": f"blk.{i}.{own}" for i in range(LAYERS)
                          for name, own in MODERN_LAYER.items()}
        names = {name + ".weight": own + ".weight" for name, own in names.items()}
        tensors = {names[name]: values for name, values in trunk.items()}
        tensors |= head.named(dense="cls", norm="cls.norm", out="cls.output")
        settings = {"pooling_type": 4, "attention.sliding_window": 8}
        self.check(self.write_gguf("modern-bert", settings, Model(), tensors, {}, GGUF_WORDS), logits)

    def qwen(self, **metadata):
        """A tiny Qwen3 whose vocabulary has the two words."""
        tiny = TinyModel("qwen3")
        tiny.tokens = [*tiny.tokens, "yes", "no"]
        tiny.metadata |= {"tokenizer.ggml.tokens": tiny.tokens, "tokenizer.ggml.add_bos_token": False,
                          "tokenizer.ggml.token_type": [*tiny.metadata["tokenizer.ggml.token_type"], 1, 1]} | metadata
        for name in ("token_embd.weight", "output.weight"):
            more = np.random.default_rng(6).standard_normal((2, tiny.width)).astype(np.float32) * 0.3
            tiny.tensors[name] = np.concatenate([tiny.tensors[name], more])
        return tiny

    def qwen_logits(self, path, prompt):
        """Of "yes" less "no", from the logits behind the whole text."""
        logits = []
        for text in DOCUMENTS:
            whole = prompt.replace("{query}", QUERY).replace("{document}", text)
            ids = self.hearth("tokenize", path, stdin=whole.encode()).stdout.decode().replace(",", " ").split()
            values = self.logits(path, ids, "--compute", "f32")[0][-1].astype(np.float64)
            logits.append(values[-2] - values[-1])
        return logits

    def test_qwen3(self):
        prompt = ("<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the "
                  "Instruct provided. Note that the answer can only be \"yes\" or \"no\".<|im_end|>\n<|im_start|>user\n"
                  "<Instruct>: Given a web search query, retrieve relevant passages that answer the query\n"
                  "<Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n")
        plain = self.qwen()
        path = self.path("qwen.gguf", plain.file("f32"))
        expected = self.qwen_logits(path, prompt)
        self.check(path, expected)
        ranking = self.qwen(**{"qwen3.pooling_type": 4})
        ranking.tensors["cls.output.weight"] = ranking.tensors["output.weight"][-2:].copy()
        self.check(self.path("ranking.gguf", ranking.file("f32")), expected)
        labelled = self.qwen(**{"qwen3.pooling_type": 4, "qwen3.classifier.output_labels": ["no", "yes"],
                                "tokenizer.chat_template.rerank": "ask\n{query} or {document}\nend"})
        labelled.tensors["cls.output.weight"] = labelled.tensors["output.weight"][[-1, -2]].copy()
        self.check(self.path("labelled.gguf", labelled.file("f32")),
                   self.qwen_logits(path, "ask\n{query} or {document}\nend"))

    def test_refusals(self):
        self.refused("rerank", self.model("llama"), "-q", "a", "-d", "b", words=["no reranker"])
        folder, _ = self.bert_folder()
        self.refused("rerank", folder, "-q", "w4 " * CONTEXT, "-d", "b", words=[CONTEXT])
        self.refused("rerank", folder, "-q", "w4", words=["no document"])
        (folder / "tokenizer.json").write_text(json.dumps(word_pieces()))
        self.refused("rerank", folder, "-q", "w4", "-d", "w5", words=["pair"])
        model, head, _ = self.bert()
        three = {"classifier.weight": np.zeros((3, WIDTH)), "classifier.bias": np.zeros(3)}
        config = {"model_type": "bert", "architectures": ["BertForSequenceClassification"]}
        ends = {key: name.replace("roberta.", "bert.") for key, name in ROBERTA.items()}
        folder = self.write(config, BERT, ends, model, head.named(dense="bert.pooler.dense", out="classifier") | three)
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer(1, 1)))
        self.refused("rerank", folder, "-q", "w4", "-d", "w5", words=["3 labels"])

    def test_a_served_reranker(self):
        folder, logits = self.bert_folder()
        order = sorted(range(len(DOCUMENTS)), key=lambda i: -logits[i])
        with self.serving(folder, "--compute", "f32") as server:
            for path in ("/v1/rerank", "/rerank", "/v2/rerank", "/v1/reranking", "/reranking"):
                answer = server.post(path, {"model": "m", "query": QUERY, "documents": DOCUMENTS})
                self.assertEqual([result["index"] for result in answer["results"]], order, path)
            scores = [result["relevance_score"] for result in answer["results"]]
            self.assert_close(np.array(scores), np.array([sigmoid(logits[i]) for i in order]), 1e-5)
            self.assertGreater(answer["usage"]["prompt_tokens"], 5 * len(DOCUMENTS))
            best = server.post("/v1/rerank", {"query": QUERY, "documents": [{"text": text} for text in DOCUMENTS],
                                              "top_n": 2, "return_documents": True})["results"]
            self.assertEqual([result["document"]["text"] for result in best], [DOCUMENTS[i] for i in order[:2]])
            listed = server.post("/rerank", {"query": QUERY, "texts": DOCUMENTS, "raw_scores": True,
                                             "return_text": True})
            self.assertEqual([(entry["index"], entry["text"]) for entry in listed], [(i, DOCUMENTS[i]) for i in order])
            self.assert_close(np.array([entry["score"] for entry in listed]), np.array(logits)[order], 1e-5)
            # Alone and in company: the same bits.
            texts = [" ".join(f"w{4 + (i * k) % 36}" for k in range(i % 40)) for i in range(200)]
            together = {result["index"]: result["relevance_score"] for result in
                        server.post("/v1/rerank", {"query": QUERY, "documents": texts})["results"]}
            for i in (0, 1, 39, 120, 199):
                alone = server.post("/v1/rerank", {"query": QUERY, "documents": [texts[i]]})["results"]
                self.assertEqual(alone[0]["relevance_score"], together[i], i)
            for body, word in (({"documents": ["w4"]}, "query"), ({"query": "", "documents": ["w4"]}, "query"),
                               ({"query": "w4"}, "documents"), ({"query": "w4", "documents": []}, "documents"),
                               ({"query": "w4", "documents": [{"title": "x"}]}, "documents[0].text"),
                               ({"query": "w4", "documents": ["w5", 7]}, "documents[1]"),
                               ({"query": "w4", "documents": ["w5"], "top_n": 0}, "top_n"),
                               ({"query": "w4", "documents": ["w5"], "max_tokens_per_doc": 4}, "max_tokens_per_doc"),
                               ({"query": "w4", "documents": ["w5 " * CONTEXT]}, str(CONTEXT)),
                               ({"query": "w4", "documents": ["w5"] * 2049}, "2048")):
                status, text = server.request("POST", "/v1/rerank", body)
                self.assertEqual(status, 400, text)
                self.assertIn(word, text)
            status, text = server.request("POST", "/v1/embeddings", {"input": "w4"})
            self.assertEqual((status, "/v1/rerank" in text), (400, True))

    def test_a_served_qwen3(self):
        path = self.path("served-qwen.gguf", self.qwen().file("f32"))
        expected = self.ranked(path)
        with self.serving(path, "--compute", "f32") as server:
            results = server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS})["results"]
            scores = [result["relevance_score"] for result in sorted(results, key=lambda result: result["index"])]
            self.assert_close(np.array(scores), np.array(expected), 1e-6)
            self.assertEqual(len(server.post("/v1/embeddings", {"input": "w4"})["data"]), 1)
        with self.serving(self.model("llama")) as server:
            status, text = server.request("POST", "/v1/rerank", {"query": "a", "documents": ["b"]})
            self.assertEqual((status, "no reranker" in text), (400, True))


if __name__ == "__main__":
    main()
