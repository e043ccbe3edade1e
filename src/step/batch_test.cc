// A batch's arrays say where every token stands.
#include "step/batch.h"

#include <gtest/gtest.h>

#include <vector>

namespace hearth {
namespace {

TEST(Batch, MixesSequences) {
  Batch batch;
  const std::vector<std::int32_t> first{7, 8, 9}, second{5}, first_blocks{4}, second_blocks{2, 0};
  batch.add(first, 0, first_blocks, 3, Batch::Logits::kLast, 5);
  batch.add(second, 40, second_blocks, 0, Batch::Logits::kAll, 2);
  const StepView view = batch.view();
  EXPECT_EQ(view.token_count, 4);
  EXPECT_EQ(view.sequence_count, 2);
  EXPECT_EQ(std::vector(view.positions, view.positions + 4), (std::vector<std::int32_t>{0, 1, 2, 40}));
  EXPECT_EQ(std::vector(view.sequences, view.sequences + 4), (std::vector<std::int32_t>{0, 0, 0, 1}));
  EXPECT_EQ(std::vector(view.key_counts, view.key_counts + 2), (std::vector<std::int32_t>{3, 41}));
  EXPECT_EQ(view.block_table_stride, 2);
  EXPECT_EQ(std::vector(view.block_tables, view.block_tables + 4), (std::vector<std::int32_t>{4, -1, 2, 0}));
  EXPECT_EQ(std::vector(view.token_starts, view.token_starts + 3), (std::vector<std::int32_t>{0, 3, 4}));
  EXPECT_EQ(std::vector(view.state_slots, view.state_slots + 2), (std::vector<std::int32_t>{5, 2}));
  EXPECT_EQ(batch.logit_rows(), (std::vector<std::int32_t>{2, 3}));
  EXPECT_EQ(batch.token_types(), (std::vector<std::int32_t>{0, 0, 0, 0}));
  batch.clear();
  EXPECT_EQ(batch.view().token_count, 0);
}

TEST(Batch, HasLogitsOfItsLastTokens) {
  Batch batch;
  const std::vector<std::int32_t> tokens{7, 8, 9}, blocks{0};
  batch.add(tokens, 0, blocks, 0, Batch::Logits{2});
  batch.add(tokens, 0, blocks, 0, Batch::Logits::kNone);
  batch.add(tokens, 0, blocks, 0, Batch::Logits{3});
  EXPECT_EQ(batch.logit_rows(), (std::vector<std::int32_t>{1, 2, 6, 7, 8}));
}

// The second text of a pair, wherever a chunk of it begins.
TEST(Batch, PairsHaveTwoTypes) {
  Batch batch;
  const std::vector<std::int32_t> tokens{7, 8, 9, 6}, blocks{0};
  batch.add(tokens, 0, blocks, 0, Batch::Logits::kAll, 0, 3);
  batch.add(tokens, 2, blocks, 0, Batch::Logits::kAll, 0, 3);
  EXPECT_EQ(batch.token_types(), (std::vector<std::int32_t>{0, 0, 0, 1, 0, 1, 1, 1}));
}

TEST(Batch, SplitsSequencesIntoTheirTokens) {
  Batch batch, single;
  const std::vector<std::int32_t> first{7, 8, 9}, second{5}, first_blocks{4, 1}, second_blocks{2, 0};
  batch.add(first, 30, first_blocks, 0, Batch::Logits::kAll);
  batch.add(second, 40, second_blocks, 0, Batch::Logits::kLast);
  single.add(second, 40, second_blocks, 0, Batch::Logits::kLast);  // is replaced
  single.assign_single_tokens(batch);
  const StepView view = single.view();
  EXPECT_EQ(view.token_count, 4);
  EXPECT_EQ(view.sequence_count, 4);
  EXPECT_EQ(single.tokens(), (std::vector<std::int32_t>{7, 8, 9, 5}));
  EXPECT_EQ(std::vector(view.positions, view.positions + 4), (std::vector<std::int32_t>{30, 31, 32, 40}));
  EXPECT_EQ(std::vector(view.sequences, view.sequences + 4), (std::vector<std::int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(std::vector(view.key_counts, view.key_counts + 4), (std::vector<std::int32_t>{31, 32, 33, 41}));
  EXPECT_EQ(std::vector(view.block_tables, view.block_tables + 8), (std::vector<std::int32_t>{4, 1, 4, 1, 4, 1, 2, 0}));
  EXPECT_EQ(single.logit_rows(), (std::vector<std::int32_t>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace hearth
