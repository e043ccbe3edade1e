#include "commands/rerank.h"

#include "apps/hearth/verbs.h"

namespace hearth {

void add_rerank(CLI::App& app, Action& action) {
  auto options = std::make_shared<RerankOptions>();
  CLI::App& verb = *app.add_subcommand("rerank", "Order documents by how well they answer a query");
  add_model_options(verb, options->model);
  verb.add_option("-q,--query", options->query, "The query")->required();
  verb.add_option("-d,--document", options->documents, "A document; repeatable. Default: each line of standard input");
  verb.add_option("-f,--file", options->file, "A file with a document on each line");
  verb.add_option("--top-n", options->count, "Print the best so many")->check(CLI::PositiveNumber);
  verb.add_flag("--raw-scores", options->raw, "Print logits in place of their sigmoid");
  verb.callback([options, &action] {
    action = [options] {
      rerank(*options);
      return 0;
    };
  });
}

}  // namespace hearth
